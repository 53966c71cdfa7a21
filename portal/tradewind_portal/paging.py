"""Pages of a list: at most `limit` items after `cursor`, which is opaque to the asker."""

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated

from fastapi import Query

from tradewind_portal.problems import FieldError, Problem

Limit = Annotated[int, Query(ge=1, le=200, description="Most items of the page.")]
CursorText = Annotated[str | None, Query(alias="cursor", max_length=256, description="`next` of the page before.")]


def encode(parts: Sequence[str | int]) -> str:
    """Return a cursor that `decode` turns back into the parts, as text."""
    return base64.urlsafe_b64encode("\n".join(map(str, parts)).encode()).decode().rstrip("=")


def decode(cursor: str | None, count: int) -> list[str] | None:
    """Return the parts of a cursor, None for the first page. Raises Problem 422 for one that we did not make."""
    if cursor is None:
        return None
    try:
        parts = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split("\n")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        parts = []
    if len(parts) != count:
        raise _bad()
    return parts


def decode_numbers(cursor: str | None, count: int) -> list[int] | None:
    """Return the parts of a cursor as numbers. Raises Problem 422."""
    parts = decode(cursor, count)
    if parts is None:
        return None
    try:
        numbers = [int(part) for part in parts]
    except ValueError:
        raise _bad() from None
    if any(not 0 <= number < 2**63 for number in numbers):
        raise _bad()
    return numbers


def _bad() -> Problem:
    error = FieldError("?cursor", "cursor", "this is not a cursor of ours: send `next` of the page before")
    return Problem(422, "Invalid", error.detail, errors=[error])
