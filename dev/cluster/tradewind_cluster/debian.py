"""Debian packages that are missing, installed, each with the reason said."""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from tradewind_cluster.layout import ClusterError


def install(needed: Mapping[str, tuple[str, str]], say: Callable[[str], None]) -> None:
    """Install what is missing.

    Args:
        needed: What shows that a package is there, a command or the absolute path of a file, to its name and what it is for.
        say: Is told of each package.

    Raises:
        ClusterError: Where there is no apt-get or no root to do it with, or it fails.
    """
    wanted = {package: why for sign, (package, why) in needed.items() if not _is_there(sign)}
    if not wanted:
        return
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        reasons = ", ".join(f"{package} ({why})" for package, why in wanted.items())
        raise ClusterError(f"please install {reasons}: doing it here needs apt-get and root")
    for package, why in wanted.items():
        say(f"installing {package}: {why}")
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *wanted]):
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ClusterError(f"{' '.join(command)} failed:\n{done.stderr[-1500:]}")


def _is_there(sign: str) -> bool:
    return Path(sign).exists() if sign.startswith("/") else shutil.which(sign) is not None
