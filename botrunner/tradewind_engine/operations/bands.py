"""Arithmetic of bands and extremes: over whole series, and `..._step` one candle at a time."""

from collections.abc import Callable

import numpy as np

from tradewind_engine.candles import Floats
from tradewind_engine.operations.averages import ema, ema_step, sma, sma_step
from tradewind_engine.operations.loops import PLAIN, Loops
from tradewind_engine.operations.recursions import Follow
from tradewind_engine.operations.rolling import RollingExtreme
from tradewind_engine.operations.volatility import atr, atr_step, standard_deviation, standard_deviation_step
from tradewind_engine.operations.windows import rolling_max, rolling_min

Three = tuple[float, float, float]


def bollinger(values: Floats, period: int, width: float, loops: Loops = PLAIN) -> tuple[Floats, Floats, Floats]:
    """Return lower, middle and upper band, each shape (n,): the mean and `width` population standard deviations around."""
    middle = sma(values, period, loops)
    spread = width * standard_deviation(values, period, loops)
    return middle - spread, middle, middle + spread


def bollinger_step(period: int, width: float) -> Callable[[float], Three]:
    """Return `bollinger` one value at a time."""
    mean, deviation = sma_step(period), standard_deviation_step(period)

    def step(value: float) -> Three:
        middle, spread = mean(value), width * deviation(value)
        return middle - spread, middle, middle + spread

    return step


def donchian(high: Floats, low: Floats, period: int) -> tuple[Floats, Floats, Floats]:
    """Return the lowest low, the middle and the highest high of the last `period` candles, each shape (n,)."""
    lower, upper = lowest(low, period), highest(high, period)
    return lower, (lower + upper) / 2.0, upper


def donchian_step(period: int) -> Callable[[float, float], Three]:
    """Return `donchian` one candle at a time."""
    largest, smallest = highest_step(period), lowest_step(period)

    def step(high: float, low: float) -> Three:
        lower, upper = smallest(low), largest(high)
        return lower, (lower + upper) / 2.0, upper

    return step


def keltner(
    high: Floats,
    low: Floats,
    close: Floats,
    period: int,
    range_period: int,
    width: float,
    loops: Loops = PLAIN,
) -> tuple[Floats, Floats, Floats]:
    """Return the exponential average of the close and `width` average true ranges around it, each shape (n,)."""
    middle, spread = ema(close, period, loops), width * atr(high, low, close, range_period, loops)
    return middle - spread, middle, middle + spread


def keltner_step(period: int, range_period: int, width: float) -> Callable[[float, float, float], Three]:
    """Return `keltner` one candle at a time."""
    average, ranges = ema_step(period), atr_step(range_period)

    def step(high: float, low: float, close: float) -> Three:
        middle, spread = average(close), width * ranges(high, low, close)
        return middle - spread, middle, middle + spread

    return step


def highest(values: Floats, period: int) -> Floats:
    """Return the largest of the last `period` values, shape (n,), NaN before and where one of them is NaN."""
    return rolling_max(values, period)


def highest_step(period: int) -> Follow:
    """Return `highest` one value at a time."""
    return RollingExtreme(period, np.maximum.reduce)


def lowest(values: Floats, period: int) -> Floats:
    """Return the smallest of the last `period` values, shape (n,), NaN before and where one of them is NaN."""
    return rolling_min(values, period)


def lowest_step(period: int) -> Follow:
    """Return `lowest` one value at a time."""
    return RollingExtreme(period, np.minimum.reduce)
