"""Comparisons of two series, shape (n,) each. NaN compares false, and so does the candle before the first."""

import numpy as np

from tradewind_engine.candles import Booleans, Floats
from tradewind_engine.operations.logic import held


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


def between(value: Floats, lower: Floats, upper: Floats) -> Booleans:
    """Return where the value is at least the lower and at most the upper."""
    return (value >= lower) & (value <= upper)


def rising(values: Floats, bars: int) -> Booleans:
    """Return where each of the last `bars` values is greater than the one before it."""
    return held(_changes(values) > 0, bars)


def falling(values: Floats, bars: int) -> Booleans:
    """Return where each of the last `bars` values is less than the one before it."""
    return held(_changes(values) < 0, bars)


def _changes(values: Floats) -> Floats:
    result = np.full(values.size, np.nan)
    result[1:] = np.diff(values)
    return result


def _crosses(before: Booleans, now: Booleans) -> Booleans:
    result = np.zeros(now.size, dtype=np.bool_)
    result[1:] = before[:-1] & now[1:]
    return result
