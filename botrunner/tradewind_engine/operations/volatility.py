"""Arithmetic of how much a price moves: over whole series, and `..._step` one candle at a time."""

import math
from collections.abc import Callable

import numpy as np

from tradewind_engine.candles import Floats
from tradewind_engine.operations.averages import rma, rma_step, sma, sma_step
from tradewind_engine.operations.loops import PLAIN, Loops
from tradewind_engine.operations.recursions import NAN, Follow
from tradewind_engine.operations.rolling import RollingVariance


def true_range(high: Floats, low: Floats, close: Floats) -> Floats:
    """Return the range of each candle with the close before it taken in, shape (n,); unknown at the first."""
    result = np.full(close.size, np.nan)
    result[1:] = np.maximum(high[1:], close[:-1]) - np.minimum(low[1:], close[:-1])
    return result


def true_range_step() -> Callable[[float, float, float], float]:
    """Return `true_range` one candle at a time."""
    before = NAN

    def step(high: float, low: float, close: float) -> float:
        nonlocal before
        last, before = before, close
        if math.isnan(high + low + last):
            return NAN  # max and min of Python do not pass NaN on
        return max(high, last) - min(low, last)

    return step


def atr(high: Floats, low: Floats, close: Floats, period: int, loops: Loops = PLAIN) -> Floats:
    """Return Wilder's average of the true range, shape (n,)."""
    return rma(true_range(high, low, close), period, loops)


def atr_step(period: int) -> Callable[[float, float, float], float]:
    """Return `atr` one candle at a time."""
    ranges, average = true_range_step(), rma_step(period)
    return lambda high, low, close: average(ranges(high, low, close))


def standard_deviation(values: Floats, period: int, loops: Loops = PLAIN) -> Floats:
    """Return the population standard deviation of the last `period` values, shape (n,)."""
    result = loops.variance(values, period)
    return np.sqrt(result, out=result)


def standard_deviation_step(period: int) -> Follow:
    """Return `standard_deviation` one value at a time."""
    variance = RollingVariance(period)
    return lambda value: math.sqrt(variance(value))


def zscore(values: Floats, period: int, loops: Loops = PLAIN) -> Floats:
    """Return the distance from the mean of the last `period` values in deviations, shape (n,); NaN where nothing varies."""
    mean, spread = sma(values, period, loops), standard_deviation(values, period, loops)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(spread > 0, (values - mean) / spread, np.nan)


def zscore_step(period: int) -> Follow:
    """Return `zscore` one value at a time."""
    average, deviation = sma_step(period), standard_deviation_step(period)

    def step(value: float) -> float:
        mean, spread = average(value), deviation(value)
        return (value - mean) / spread if spread > 0 else NAN

    return step
