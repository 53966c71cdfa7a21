"""Arithmetic of moving averages. Leading NaN (the warm-up of an input) is passed through."""

import numpy as np

from tradewind_engine.candles import Floats
from tradewind_engine.operations.recursions import PLAIN, Recursions, after_warm_up
from tradewind_engine.operations.windows import rolling_sum


def sma(values: Floats, period: int) -> Floats:
    """Return the mean of the last `period` values, shape (n,), NaN before."""
    result = rolling_sum(values, period)
    result /= period
    return result


def ema(values: Floats, period: int, recursions: Recursions = PLAIN) -> Floats:
    """Return the exponential average of weight 2 / (period + 1), started with the first value, shape (n,)."""
    return after_warm_up(values, recursions.weighted, 2.0 / (period + 1))


def wma(values: Floats, period: int) -> Floats:
    """Return the linearly weighted mean of the last `period` values, shape (n,), the newest weighing most."""
    result = np.full(values.size, np.nan)
    count = values.size - period + 1
    if count > 0:
        total = values[:count].copy()
        for offset in range(1, period):
            total += (offset + 1.0) * values[offset : offset + count]
        result[period - 1 :] = total / (period * (period + 1) / 2.0)
    return result


def rma(values: Floats, period: int, recursions: Recursions = PLAIN) -> Floats:
    """Return Wilder's average, shape (n,): first the mean of `period` values, then y += (x - y) / period."""
    return after_warm_up(values, recursions.wilder, period)


def vwap(high: Floats, low: Floats, close: Floats, volume: Floats, period: int) -> Floats:
    """Return the mean typical price of the last `period` candles weighted by volume, shape (n,); NaN without volume."""
    weights = sma(volume, period)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(weights > 0, sma((high + low + close) / 3.0 * volume, period) / weights, np.nan)
