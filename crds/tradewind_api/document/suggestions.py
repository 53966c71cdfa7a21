"""Near misses: the known name that somebody may have meant.

A document of 8 kB can hold five hundred unknown names, each to be looked for among seventy, and a portal answers it in the
loop that serves everybody. So names are compared by the letters and the pairs of letters that they share (Dice, 1945), which
costs a microsecond, where `difflib` takes up to a hundred; and only as many names are looked for as an answer tells of.
"""

from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

from tradewind_api.document.errors import MOST_ERRORS

ALIKE = 0.55  # "ris" and "rsi" are at 0.57
LONGEST_NAME = 63


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean ...?` for a near miss, else nothing."""
    if len(name) > LONGEST_NAME:
        return ""
    parts = _parts(name)
    best, found = ALIKE, ""
    for candidate in known:
        others = _parts(candidate)
        alike = 2 * len(parts & others) / (len(parts) + len(others))
        if alike > best:
            best, found = alike, candidate
    return f"; did you mean {found!r}?" if found else ""


class Suggestions:
    """Suggestions for the faults of one document, for no more of them than are told."""

    def __init__(self) -> None:
        self._left = MOST_ERRORS

    def __call__(self, name: str, known: Iterable[str]) -> str:
        """Return what `suggestion` does, nothing once there were enough."""
        self._left -= 1
        return suggestion(name, known) if self._left >= 0 else ""


@lru_cache(maxsize=256)
def _parts(name: str) -> frozenset[str]:
    """Return the letters of a name and its pairs of neighbours, where it begins and ends included."""
    framed = f"^{name}$"
    return frozenset(name).union(map("".join, pairwise(framed)))
