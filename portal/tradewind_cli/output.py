"""Output for people and for programs: table, JSON or YAML on stdout, errors on stderr."""

import enum
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

EXIT_FAILED, EXIT_USAGE, EXIT_BAD_STRATEGY, EXIT_BAD_DATA = 1, 2, 64, 65


class Format(enum.StrEnum):
    """How a result is printed."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


def print_value(value: Any, form: Format) -> None:
    """Print a JSON value as JSON or YAML."""
    if form is Format.YAML:
        import yaml  # noqa: PLC0415 - only those who ask for YAML wait for it

        sys.stdout.write(yaml.safe_dump(value, sort_keys=False, allow_unicode=True))
    else:
        sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def print_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], form: Format) -> None:
    """Print rows as an aligned table of `columns`, or whole as JSON or YAML."""
    if form is not Format.TABLE:
        print_value(list(rows), form)
        return
    cells = [[column.upper() for column in columns]] + [[_cell(row.get(column)) for column in columns] for row in rows]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    for line in cells:
        sys.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n")


def print_pairs(pairs: Sequence[tuple[str, str]]) -> None:
    """Print names and values in two columns."""
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        sys.stdout.write(f"{name.ljust(width)}  {value}\n")


def fail(message: str, *, code: int = EXIT_FAILED) -> NoReturn:
    """Print an error and end with `code`."""
    sys.stderr.write(f"tw: {message}\n")
    raise SystemExit(code)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
