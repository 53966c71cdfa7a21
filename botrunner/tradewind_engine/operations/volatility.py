"""Arithmetic of how much a price moves."""

import numpy as np

from tradewind_engine.candles import Floats
from tradewind_engine.operations.averages import rma, sma


def true_range(high: Floats, low: Floats, close: Floats) -> Floats:
    """Return the range of each candle with the close before it taken in, shape (n,); unknown at the first."""
    result = np.full(close.size, np.nan)
    result[1:] = np.maximum(high[1:], close[:-1]) - np.minimum(low[1:], close[:-1])
    return result


def atr(high: Floats, low: Floats, close: Floats, period: int) -> Floats:
    """Return Wilder's average of the true range, shape (n,)."""
    return rma(true_range(high, low, close), period)


def standard_deviation(values: Floats, period: int) -> Floats:
    """Return the population standard deviation of the last `period` values, shape (n,)."""
    return deviation(values, sma(values, period), period)


def zscore(values: Floats, period: int) -> Floats:
    """Return the distance from the mean of the last `period` values in deviations, shape (n,); NaN where nothing varies."""
    mean = sma(values, period)
    spread = deviation(values, mean, period)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(spread > 0, (values - mean) / spread, np.nan)


def deviation(values: Floats, mean: Floats, period: int) -> Floats:
    """Return the population standard deviation of the last `period` values around their `mean`, shape (n,)."""
    result = np.full(values.size, np.nan)
    count = values.size - period + 1
    if count > 0:
        centre = mean[period - 1 :]
        total = np.zeros(count)
        for offset in range(period):
            total += (values[offset : offset + count] - centre) ** 2
        result[period - 1 :] = np.sqrt(total / period)
    return result
