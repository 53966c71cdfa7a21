"""Averages in which each value follows from the one before it: plain loops, so that the back-test can compile them.

A value that is not known (NaN) is an interruption: nothing is known there, and the average starts afresh with the next known
value, as it does at the beginning of history. So no value reaches back beyond an interruption, and one bad quotient does not
silence a strategy for ever. Each loop fills `out` of the length of `values`; lists and arrays both do. `follow_...` are the
same one value at a time.
"""

from collections.abc import Callable, MutableSequence, Sequence
from math import isnan

Numbers = Sequence[float]
Result = MutableSequence[float]
Follow = Callable[[float], float]
NAN = float("nan")


def weighted(values: Numbers, weight: float, out: Result) -> None:
    """Fill out[i] = out[i-1] + weight (values[i] - out[i-1]), started with the first value."""
    average = NAN
    for i in range(len(values)):
        average = values[i] if isnan(average) else average + weight * (values[i] - average)
        out[i] = average


def follow_weighted(weight: float) -> Follow:
    """Return `weighted` one value at a time."""
    average = NAN

    def step(value: float) -> float:
        nonlocal average
        average = value if isnan(average) else average + weight * (value - average)
        return average

    return step


def wilder(values: Numbers, period: int, out: Result) -> None:
    """Fill Wilder's average: the mean of the first `period` values, then y += (x - y) / period; NaN before."""
    known = 0
    total = 0.0
    average = NAN
    for i in range(len(values)):
        value = values[i]
        out[i] = NAN
        if isnan(value):
            known = 0
            total = 0.0
            continue
        known += 1
        if known <= period:
            total += value
            average = total / period
        else:
            average += (value - average) / period
        if known >= period:
            out[i] = average


def follow_wilder(period: int) -> Follow:
    """Return `wilder` one value at a time."""
    known, total, average = 0, 0.0, NAN

    def step(value: float) -> float:
        nonlocal known, total, average
        if isnan(value):
            known, total = 0, 0.0
            return NAN
        known += 1
        if known <= period:
            total += value
            average = total / period
        else:
            average += (value - average) / period
        return average if known >= period else NAN

    return step


def strength(values: Numbers, period: int, out: Result) -> None:
    """Fill Wilder's relative strength index of a price, NaN until `period` changes are known."""
    known = 0
    gain = 0.0
    loss = 0.0
    before = NAN
    for i in range(len(values)):
        change = values[i] - before
        before = values[i]
        out[i] = NAN
        if isnan(change):
            known = 0
            gain = 0.0
            loss = 0.0
            continue
        known += 1
        up = max(change, 0.0)
        down = max(-change, 0.0)
        if known <= period:
            gain += up / period
            loss += down / period
        else:
            gain += (up - gain) / period
            loss += (down - loss) / period
        if known >= period:
            out[i] = 100.0 if loss <= 0.0 else 100.0 - 100.0 / (1.0 + gain / loss)


def follow_strength(period: int) -> Follow:
    """Return `strength` one value at a time."""
    known, gain, loss, before = 0, 0.0, 0.0, NAN

    def step(value: float) -> float:
        nonlocal known, gain, loss, before
        change, before = value - before, value
        if isnan(change):
            known, gain, loss = 0, 0.0, 0.0
            return NAN
        known += 1
        up, down = max(change, 0.0), max(-change, 0.0)
        if known <= period:
            gain += up / period
            loss += down / period
        else:
            gain += (up - gain) / period
            loss += (down - loss) / period
        if known < period:
            return NAN
        return 100.0 if loss <= 0.0 else 100.0 - 100.0 / (1.0 + gain / loss)

    return step
