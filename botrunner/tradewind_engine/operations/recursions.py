"""Averages in which each value follows from the one before it: plain loops, so that the back-test can compile them.

A running bot calls them as they are, over a short window; the back-test calls the same functions compiled (`backtest.kernel`).
Each takes values without NaN and fills `out` of the same length; lists and arrays both do.
"""

from collections.abc import Callable, MutableSequence, Sequence
from typing import Any, NamedTuple

import numpy as np

from tradewind_engine.candles import Floats

Numbers = Sequence[float]
Result = MutableSequence[float]
NAN = float("nan")


def weighted(values: Numbers, weight: float, out: Result) -> None:
    """Fill out[i] = out[i-1] + weight (values[i] - out[i-1]), started with the first value."""
    average = values[0]
    for i in range(len(values)):
        average += weight * (values[i] - average)
        out[i] = average


def wilder(values: Numbers, period: int, out: Result) -> None:
    """Fill Wilder's average: the mean of the first `period` values, then y += (x - y) / period; NaN before."""
    total = 0.0
    average = 0.0
    for i in range(len(values)):
        if i < period:
            total += values[i]
            average = total / period
            out[i] = NAN if i < period - 1 else average
        else:
            average += (values[i] - average) / period
            out[i] = average


def strength(values: Numbers, period: int, out: Result) -> None:
    """Fill Wilder's relative strength index of a price, NaN for the first `period` values."""
    gain = 0.0
    loss = 0.0
    out[0] = NAN
    for i in range(1, len(values)):
        change = values[i] - values[i - 1]
        up = max(change, 0.0)
        down = max(-change, 0.0)
        if i <= period:
            gain += up / period
            loss += down / period
        else:
            gain += (up - gain) / period
            loss += (down - loss) / period
        if i < period:
            out[i] = NAN
        elif loss <= 0.0:
            out[i] = 100.0
        else:
            out[i] = 100.0 - 100.0 / (1.0 + gain / loss)


class Recursions(NamedTuple):
    """How the loops are run: each entry takes values (n,), a number, and returns an array (n,)."""

    weighted: Callable[[Floats, float], Floats]
    wilder: Callable[[Floats, int], Floats]
    strength: Callable[[Floats, int], Floats]


def _interpreted(loop: Callable[..., None]) -> Callable[[Floats, Any], Floats]:
    def run(values: Floats, number: Any) -> Floats:
        out = [NAN] * values.size  # lists are three times as fast as arrays when not compiled
        loop(values.tolist(), number, out)
        return np.array(out)

    return run


PLAIN = Recursions(*(_interpreted(loop) for loop in (weighted, wilder, strength)))


def after_warm_up(values: Floats, function: Callable[[Floats, Any], Floats], number: Any) -> Floats:
    """Return `function(values, number)` from the first value that is not NaN on, NaN before it."""
    start = first_number(values)
    if start == 0 and values.size:
        return function(values, number)
    result = np.full(values.size, np.nan)
    if start < values.size:
        result[start:] = function(values[start:], number)
    return result


def first_number(values: Floats) -> int:
    """Return the index of the first value that is not NaN, n if there is none."""
    if values.size and values[0] == values[0]:
        return 0
    known = ~np.isnan(values)
    return int(known.argmax()) if known.any() else values.size
