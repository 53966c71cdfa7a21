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


def first_number(values: Floats) -> int:
    """Return the index of the first value that is not NaN, n if there is none."""
    known = ~np.isnan(values)
    return int(known.argmax()) if known.any() else values.size
