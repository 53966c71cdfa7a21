"""Comparisons of two series, shape (n,) each. NaN compares false, and so does the candle before the first.

A `..._step` is the same one candle at a time.
"""

import operator
from collections.abc import Callable

import numpy as np

from tradewind_engine.candles import Booleans, Floats
from tradewind_engine.operations.logic import held, held_step
from tradewind_engine.operations.loops import PLAIN, Loops
from tradewind_engine.operations.recursions import NAN

YesNo = Callable[[float, float], bool]


def above(first: Floats, second: Floats) -> Booleans:
    """Return where the first is greater."""
    return first > second


def below(first: Floats, second: Floats) -> Booleans:
    """Return where the first is less."""
    return first < second


def crosses_above(first: Floats, second: Floats, loops: Loops = PLAIN) -> Booleans:
    """Return where the first was at most the second one candle ago and is greater now."""
    return loops.crosses(first, second)


def crosses_below(first: Floats, second: Floats, loops: Loops = PLAIN) -> Booleans:
    """Return where the first was at least the second one candle ago and is less now."""
    return loops.crosses(second, first)


def between(value: Floats, lower: Floats, upper: Floats) -> Booleans:
    """Return where the value is at least the lower and at most the upper."""
    return (value >= lower) & (value <= upper)


def rising(values: Floats, bars: int) -> Booleans:
    """Return where each of the last `bars` values is greater than the one before it."""
    return held(_changes(values) > 0, bars)


def falling(values: Floats, bars: int) -> Booleans:
    """Return where each of the last `bars` values is less than the one before it."""
    return held(_changes(values) < 0, bars)


def above_step() -> YesNo:
    """Return `above` for one candle."""
    return operator.gt


def below_step() -> YesNo:
    """Return `below` for one candle."""
    return operator.lt


def crosses_above_step() -> YesNo:
    """Return `crosses_above` one candle at a time."""
    return _crosses_step(operator.le, operator.gt)


def crosses_below_step() -> YesNo:
    """Return `crosses_below` one candle at a time."""
    return _crosses_step(operator.ge, operator.lt)


def between_step() -> Callable[[float, float, float], bool]:
    """Return `between` for one candle."""
    return lambda value, lower, upper: lower <= value <= upper


def rising_step(bars: int) -> Callable[[float], bool]:
    """Return `rising` one value at a time."""
    return _changes_step(bars, operator.gt)


def falling_step(bars: int) -> Callable[[float], bool]:
    """Return `falling` one value at a time."""
    return _changes_step(bars, operator.lt)


def _changes(values: Floats) -> Floats:
    result = np.full(values.size, np.nan)
    result[1:] = np.diff(values)
    return result


def _changes_step(bars: int, compare: YesNo) -> Callable[[float], bool]:
    before, lasted = NAN, held_step(bars)

    def step(value: float) -> bool:
        nonlocal before
        change, before = value - before, value
        return lasted(compare(change, 0.0))

    return step


def _crosses_step(before: YesNo, now: YesNo) -> YesNo:
    was = False

    def step(first: float, second: float) -> bool:
        nonlocal was
        crossed = was and now(first, second)
        was = before(first, second)
        return crossed

    return step
