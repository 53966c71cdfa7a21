"""The windows of `windows`, one value at a time: the same additions in the same order, so the same results to the last bit.

A window is put together from windows of 1, 2, 4, 8 ... values; of each only what is still needed is kept, so the time of a step
grows with the logarithm of the period. Nothing is known (NaN) before there are `period` values.
"""

from array import array
from collections.abc import Callable
from typing import Any

import numpy as np

from tradewind_engine.candles import Floats
from tradewind_engine.operations.recursions import NAN


class Before:
    """The value `distance` candles ago."""

    __slots__ = ("_kept", "_next")

    def __init__(self, distance: int) -> None:
        self._kept, self._next = array("d", [NAN]) * distance, 0

    def __call__(self, value: float) -> float:
        """Take the newest value in, and return the one that is `distance` older."""
        place = self._next
        old = self._kept[place]
        self._kept[place] = value
        self._next = place + 1 if place + 1 < len(self._kept) else 0
        return old


class Window:
    """The last `size` values in the order of time, as an array that is good until the next call."""

    __slots__ = ("_room", "_size", "_stop")

    def __init__(self, size: int) -> None:
        self._size, self._stop, self._room = size, size, np.full(2 * size, np.nan)

    def __call__(self, value: float) -> Floats:
        """Take the newest value in, and return the last `size`, shape (size,)."""
        if self._stop == self._room.size:
            self._room[: self._size] = self._room[self._size :]
            self._stop = self._size
        self._room[self._stop] = value
        self._stop += 1
        return self._room[self._stop - self._size : self._stop]


class RollingExtreme:
    """The extreme of the last `period` values; `choose` is the reduction of np.maximum or np.minimum."""

    __slots__ = ("_choose", "_kept", "_next")

    def __init__(self, period: int, choose: Callable[..., Any]) -> None:
        self._kept, self._next, self._choose = np.full(period, np.nan), 0, choose

    def __call__(self, value: float) -> float:
        """Take the newest value in, and return the extreme."""
        place = self._next
        self._kept[place] = value
        self._next = place + 1 if place + 1 < self._kept.size else 0
        return float(self._choose(self._kept))


def _levels(period: int) -> list[tuple[int, int, int]]:
    """Return, for windows of 1, 2, 4 ... values, size, how far back the whole needs one (-1: nowhere), how many to keep."""
    found, covered, size = [], 0, 1
    while size <= period:
        lag = -1
        if period & size:
            lag = period - covered - size
            covered += size
        found.append((size, lag, max(lag, size if size * 2 <= period else 0) + 1))
        size *= 2
    return found


class RollingSum:
    """The sum of the last `period` values."""

    __slots__ = ("_levels", "_now")

    def __init__(self, period: int) -> None:
        self._now = 0
        self._levels = [(array("d", [NAN]) * keep, keep, size, lag) for size, lag, keep in _levels(period)]

    def __call__(self, value: float) -> float:
        """Take the newest value in, and return the sum."""
        self._now = now = self._now + 1
        total, first, part = NAN, True, value
        for kept, keep, size, lag in self._levels:
            kept[now % keep] = part
            if lag >= 0:
                total, first = (kept[(now - lag) % keep] if first else total + kept[(now - lag) % keep]), False
            part = kept[(now - size) % keep] + part
        return total


class RollingVariance:
    """The population variance of the last `period` values."""

    __slots__ = ("_levels", "_now", "_period")

    def __init__(self, period: int) -> None:
        self._now, self._period = 0, period
        self._levels = [
            (array("d", [NAN]) * keep, array("d", [NAN]) * keep, keep, size, lag) for size, lag, keep in _levels(period)
        ]

    def __call__(self, value: float) -> float:
        """Take the newest value in, and return the variance."""
        self._now = now = self._now + 1
        mean, squares, covered = NAN, NAN, 0
        part_mean, part_squares = value, 0.0
        for means, spreads, keep, size, lag in self._levels:
            place = now % keep
            means[place], spreads[place] = part_mean, part_squares
            if lag >= 0:
                place = (now - lag) % keep
                if covered:
                    mean, squares = _joined(mean, squares, covered, means[place], spreads[place], size)
                else:
                    mean, squares = means[place], spreads[place]
                covered += size
            place = (now - size) % keep
            part_mean, part_squares = _joined(means[place], spreads[place], size, part_mean, part_squares, size)
        return squares / self._period


def _joined(mean_a: float, squares_a: float, size_a: int, mean_b: float, squares_b: float, size_b: int) -> tuple[float, float]:
    """Return mean and sum of squared deviations of two windows taken together, as `windows` joins them."""
    size = size_a + size_b
    difference = mean_b - mean_a
    return (
        difference * (size_b / size) + mean_a,
        difference * difference * (size_a * size_b / size) + squares_a + squares_b,
    )
