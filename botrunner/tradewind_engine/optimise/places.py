"""Which places are known, in a few bytes each: a search of a million points holds neither tuples nor a dictionary of them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradewind_engine.candles import Integers

Place = tuple[int, ...]
Places = NDArray[Any]  # one a row, shape (n, axes); two bytes an axis where they are held


def keys_of(places: Places) -> NDArray[np.bytes_]:
    """Return places, shape (n, axes), as bytes that stand in the order of the places, shape (n,)."""
    ordered = np.ascontiguousarray(places, dtype=">u2")
    return ordered.view(f"S{2 * places.shape[1]}")[:, 0]


def first_ones(places: Places) -> Places:
    """Return each place once, in the order in which they come first."""
    rows = np.unique(keys_of(places), return_index=True)[1]
    return places[np.sort(rows)]


class PlaceIndex:
    """A number for each known place: two bytes an axis and eight for the number, sorted by place."""

    def __init__(self, axes: int) -> None:
        self._keys = np.empty(0, dtype=f"S{2 * axes}")
        self._numbers = np.empty(0, dtype=np.int64)

    def __len__(self) -> int:
        """Return how many places are known."""
        return int(self._numbers.size)

    def find(self, places: Places) -> Integers:
        """Return the numbers of places, -1 where one is not known, shape (n,)."""
        if not len(self):
            return np.full(len(places), -1, dtype=np.int64)
        keys = keys_of(places)
        at = np.minimum(np.searchsorted(self._keys, keys), len(self) - 1)
        return np.where(self._keys[at] == keys, self._numbers[at], -1)

    def add(self, places: Places, numbers: Integers) -> None:
        """Take in places that are not known, each once, with their numbers."""
        keys = keys_of(places)
        order = np.argsort(keys, kind="stable")
        at = np.searchsorted(self._keys, keys[order])
        self._keys = np.insert(self._keys, at, keys[order])
        self._numbers = np.insert(self._numbers, at, numbers[order])
