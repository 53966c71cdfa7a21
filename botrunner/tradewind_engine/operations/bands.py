"""Arithmetic of bands and extremes."""

import numpy as np

from tradewind_engine.candles import Floats
from tradewind_engine.operations.averages import sma


def bollinger(values: Floats, period: int, width: float) -> tuple[Floats, Floats, Floats]:
    """Return lower, middle and upper band, each shape (n,): the mean and `width` population standard deviations around."""
    middle = sma(values, period)
    spread = width * standard_deviation(values, middle, period)
    return middle - spread, middle, middle + spread


def standard_deviation(values: Floats, mean: Floats, period: int) -> Floats:
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


def highest(values: Floats, period: int) -> Floats:
    """Return the largest of the last `period` values, shape (n,), NaN before and where one of them is NaN."""
    return _extreme(values, period, np.maximum)


def lowest(values: Floats, period: int) -> Floats:
    """Return the smallest of the last `period` values, shape (n,), NaN before and where one of them is NaN."""
    return _extreme(values, period, np.minimum)


def _extreme(values: Floats, period: int, choose: np.ufunc) -> Floats:
    result = np.full(values.size, np.nan)
    count = values.size - period + 1
    if count > 0:
        best = values[:count].copy()
        for offset in range(1, period):
            choose(best, values[offset : offset + count], out=best)
        result[period - 1 :] = best
    return result
