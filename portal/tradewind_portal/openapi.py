"""`python -m tradewind_portal.openapi [--check] [FILE]`: write the public API's description, or fail if FILE is stale."""

import json
import sys
from pathlib import Path

from tradewind_portal.application import public_app

DEFAULT = Path("docs/reference/openapi.json")


def render() -> str:
    """Return the description as text, the same for the same code."""
    return json.dumps(public_app(None).openapi(), indent=2, sort_keys=True) + "\n"


def main(arguments: list[str]) -> int:
    """Write or check."""
    check = "--check" in arguments
    files = [Path(argument) for argument in arguments if not argument.startswith("--")]
    target = files[0] if files else DEFAULT
    text = render()
    if not check:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return 0
    if not target.exists() or target.read_text() != text:
        sys.stderr.write(f"{target} is stale: run `make generate`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
