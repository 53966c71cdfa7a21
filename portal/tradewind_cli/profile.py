"""Where the portal is and who we are: environment first, then the file that `tw login` wrote."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

DEFAULT_URL = "http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True)
class Profile:
    """A portal, a personal access token, and the tenant that is meant where there are several."""

    url: str = DEFAULT_URL
    token: str = field(default="", repr=False)
    tenant: str = ""


def profile_path() -> Path:
    """Return the file of the profile: TRADEWIND_CLI_PROFILE, or below the user's configuration folder."""
    chosen = os.environ.get("TRADEWIND_CLI_PROFILE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "tradewind/profile.json"


def load_file_profile() -> Profile:
    """Return what the file says, the default where there is none."""
    try:
        return Profile(**json.loads(profile_path().read_text()))
    except (OSError, ValueError, TypeError):
        return Profile()


def load_profile() -> Profile:
    """Return the profile in force: TRADEWIND_CLI_URL, _TOKEN and _TENANT go before the file."""
    kept, env = load_file_profile(), os.environ
    return Profile(
        env.get("TRADEWIND_CLI_URL", kept.url),
        env.get("TRADEWIND_CLI_TOKEN", kept.token),
        env.get("TRADEWIND_CLI_TENANT", kept.tenant),
    )


def save_profile(profile: Profile) -> Path:
    """Write the profile so that only its owner can read it; return where."""
    path = profile_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(0o600)
    path.chmod(0o600)
    path.write_text(json.dumps(asdict(profile), indent=2) + "\n")
    return path
