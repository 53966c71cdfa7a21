"""Arithmetic of how much a price moves."""

import numpy as np

from tradewind_engine.candles import Floats
from tradewind_engine.operations.averages import rma, sma
from tradewind_engine.operations.recursions import PLAIN, Recursions
from tradewind_engine.operations.windows import rolling_variance


def true_range(high: Floats, low: Floats, close: Floats) -> Floats:
    """Return the range of each candle with the close before it taken in, shape (n,); unknown at the first."""
    result = np.full(close.size, np.nan)
    result[1:] = np.maximum(high[1:], close[:-1]) - np.minimum(low[1:], close[:-1])
    return result


def atr(high: Floats, low: Floats, close: Floats, period: int, recursions: Recursions = PLAIN) -> Floats:
    """Return Wilder's average of the true range, shape (n,)."""
    return rma(true_range(high, low, close), period, recursions)


def standard_deviation(values: Floats, period: int) -> Floats:
    """Return the population standard deviation of the last `period` values, shape (n,)."""
    result = rolling_variance(values, period)
    return np.sqrt(result, out=result)


def zscore(values: Floats, period: int) -> Floats:
    """Return the distance from the mean of the last `period` values in deviations, shape (n,); NaN where nothing varies."""
    mean, spread = sma(values, period), standard_deviation(values, period)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(spread > 0, (values - mean) / spread, np.nan)
