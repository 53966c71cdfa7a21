"""Arithmetic of moving averages. Leading NaN (the warm-up of an input) is passed through."""

import numpy as np

from tradewind_engine.candles import Floats


def sma(values: Floats, period: int) -> Floats:
    """Return the mean of the last `period` values, shape (n,), NaN before.

    Each mean is summed afresh in one order, so that a value depends on its window alone and not on where history began.
    """
    result = np.full(values.size, np.nan)
    count = values.size - period + 1
    if count > 0:
        total = values[:count].copy()
        for offset in range(1, period):
            total += values[offset : offset + count]
        result[period - 1 :] = total / period
    return result


def ema(values: Floats, period: int) -> Floats:
    """Return the exponential average of weight 2 / (period + 1), started with the first value, shape (n,)."""
    return recursive_average(values, 2.0 / (period + 1))


def recursive_average(values: Floats, weight: float) -> Floats:
    """Return y[i] = y[i-1] + weight (x[i] - y[i-1]), started with the first value that is not NaN."""
    result = np.full(values.size, np.nan)
    start = first_number(values)
    if start == values.size:
        return result
    numbers = values[start:].tolist()
    average = numbers[0]
    for index, value in enumerate(numbers):
        average += weight * (value - average)
        numbers[index] = average
    result[start:] = numbers
    return result


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


def rma(values: Floats, period: int) -> Floats:
    """Return Wilder's average, shape (n,): first the mean of `period` values, then y += (x - y) / period."""
    result = np.full(values.size, np.nan)
    start = first_number(values)
    numbers = values[start:].tolist()
    if len(numbers) < period:
        return result
    average = sum(numbers[:period]) / period
    out = [average]
    for value in numbers[period:]:
        average += (value - average) / period
        out.append(average)
    result[start + period - 1 :] = out
    return result


def vwap(high: Floats, low: Floats, close: Floats, volume: Floats, period: int) -> Floats:
    """Return the mean typical price of the last `period` candles weighted by volume, shape (n,); NaN without volume."""
    weights = sma(volume, period)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(weights > 0, sma((high + low + close) / 3.0 * volume, period) / weights, np.nan)


def first_number(values: Floats) -> int:
    """Return the index of the first value that is not NaN, n if there is none."""
    known = ~np.isnan(values)
    return int(known.argmax()) if known.any() else values.size
