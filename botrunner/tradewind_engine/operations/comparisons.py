"""Comparisons of two series, shape (n,) each. NaN compares false, and so does the candle before the first."""

import numpy as np

from tradewind_engine.candles import Booleans, Floats


def above(first: Floats, second: Floats) -> Booleans:
    """Return where the first is greater."""
    return first > second


def below(first: Floats, second: Floats) -> Booleans:
    """Return where the first is less."""
    return first < second


def crosses_above(first: Floats, second: Floats) -> Booleans:
    """Return where the first was at most the second one candle ago and is greater now."""
    return _crosses(first <= second, first > second)


def crosses_below(first: Floats, second: Floats) -> Booleans:
    """Return where the first was at least the second one candle ago and is less now."""
    return _crosses(first >= second, first < second)


def _crosses(before: Booleans, now: Booleans) -> Booleans:
    result = np.zeros(now.size, dtype=np.bool_)
    result[1:] = before[:-1] & now[1:]
    return result
