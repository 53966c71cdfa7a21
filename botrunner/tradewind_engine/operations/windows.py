"""Sums, extremes and variances over the last `period` values, shape (n,), NaN before and where one of them is NaN.

A window is put together from windows of 1, 2, 4, 8 ... values, so the work grows with the logarithm of the period, and a
result depends on its window alone: not on where history began, nor on how much follows. Long arrays go in blocks that fit a
processor's cache; that changes no result, for the same reason.
"""

from collections.abc import Callable

import numpy as np

from tradewind_engine.candles import Floats

BLOCK = 1 << 14


def rolling_sum(values: Floats, period: int) -> Floats:
    """Return the sum of each window."""
    return _in_blocks(_sum, values, period)


def rolling_max(values: Floats, period: int) -> Floats:
    """Return the largest value of each window."""
    return _in_blocks(lambda part, count: _extreme(part, count, np.maximum), values, period)


def rolling_min(values: Floats, period: int) -> Floats:
    """Return the smallest value of each window."""
    return _in_blocks(lambda part, count: _extreme(part, count, np.minimum), values, period)


def rolling_variance(values: Floats, period: int) -> Floats:
    """Return the population variance of each window (pairwise: Chan, Golub, LeVeque, 1979); never negative."""
    return _in_blocks(_variance, values, period)


def _in_blocks(function: Callable[[Floats, int], Floats], values: Floats, period: int) -> Floats:
    """Apply `function`, which returns one value for each full window of its part."""
    result = np.full(values.size, np.nan)
    for start in range(period - 1, values.size, BLOCK):
        stop = min(start + BLOCK, values.size)
        result[start:stop] = function(values[start - period + 1 : stop], period)
    return result


def _sum(values: Floats, period: int) -> Floats:
    count = values.size - period + 1
    total: Floats | None = None
    covered, size, sums = 0, 1, values  # sums[i] is the sum of values[i : i + size]
    while size <= period:
        if period & size:
            part = sums[covered : covered + count]
            total = part.copy() if total is None else np.add(total, part, out=total)
            covered += size
        if size * 2 <= period:
            sums = sums[:-size] + sums[size:]
        size *= 2
    assert total is not None
    return total


def _extreme(values: Floats, period: int, choose: np.ufunc) -> Floats:
    count = values.size - period + 1
    size, best = 1, values
    while size * 2 <= period:
        best = choose(best[:-size], best[size:])
        size *= 2
    return np.asarray(choose(best[:count], best[period - size : period - size + count]))  # two that overlap cover the window


def _variance(values: Floats, period: int) -> Floats:
    count = values.size - period + 1
    mean: Floats | None = None
    squares = np.zeros(0)
    covered, size, means, spreads = 0, 1, values, np.zeros(values.size)
    while size <= period:
        if period & size:
            part_mean, part_squares = means[covered : covered + count], spreads[covered : covered + count]
            if mean is None:
                mean, squares = part_mean, part_squares
            else:
                mean, squares = _joined(mean, squares, covered, part_mean, part_squares, size)
            covered += size
        if size * 2 <= period:
            means, spreads = _joined(means[:-size], spreads[:-size], size, means[size:], spreads[size:], size)
        size *= 2
    return squares / period


def _joined(
    mean_a: Floats, squares_a: Floats, size_a: int, mean_b: Floats, squares_b: Floats, size_b: int
) -> tuple[Floats, Floats]:
    """Return mean and sum of squared deviations of two windows taken together."""
    size = size_a + size_b
    difference = mean_b - mean_a
    mean = difference * (size_b / size)
    mean += mean_a
    np.multiply(difference, difference, out=difference)
    difference *= size_a * size_b / size
    difference += squares_a
    difference += squares_b
    return mean, difference
