"""The sums and variances of `windows` as plain loops, for the back-test to compile: the same additions in the same order.

Not called as they are: arrays of numpy are slow in plain loops. A block and what is made of it fit a processor's first cache.
"""

import numpy as np

from tradewind_engine.candles import Booleans, Floats

BLOCK = 512  # at least; a block is as long as the windows, or half of the work would be on their beginnings


def room(rows: int, period: int) -> Floats:
    """Return what a loop needs for the windows of one block; loops that allocate nothing run faster (`loading.loop`)."""
    return np.empty((rows, max(BLOCK, period) + period))


def mean(values: Floats, period: int, divisor: float, out: Floats, rows: Floats) -> None:  # noqa: C901 - compiled as one
    """Fill the sum of each window over `divisor`, NaN before there is one; `rows` are a `room` of two."""
    n = values.size
    out[: min(period - 1, n)] = np.nan
    block = max(BLOCK, period)
    for start in range(period - 1, n, block):
        stop = min(start + block, n)
        count = stop - start
        total = out[start:stop]
        sums = values[start - period + 1 : stop]  # sums[i] is the sum of values[i : i + size]
        covered, size, turn = 0, 1, 0
        while size * 2 <= period:
            if period & size:
                part = sums[covered : covered + count]
                if covered == 0:
                    for i in range(count):
                        total[i] = part[i]
                else:
                    for i in range(count):
                        total[i] += part[i]
                covered += size
            length = sums.size - size
            double = rows[turn][:length]
            older, newer = sums[:length], sums[size:]
            for i in range(length):
                double[i] = older[i] + newer[i]
            sums, turn = double, 1 - turn
            size *= 2
        part = sums[covered : covered + count]
        if covered == 0:
            for i in range(count):
                total[i] = part[i] / divisor
        else:
            for i in range(count):
                total[i] = (total[i] + part[i]) / divisor


def variance(values: Floats, period: int, out: Floats, rows: Floats) -> None:
    """Fill the population variance of each window, NaN before there is one; `rows` are a `room` of six."""
    n = values.size
    out[: min(period - 1, n)] = np.nan
    mean, nothing = rows[4], rows[5]
    nothing[:] = 0.0
    block = max(BLOCK, period)
    for start in range(period - 1, n, block):
        stop = min(start + block, n)
        count = stop - start
        squares = out[start:stop]
        means = values[start - period + 1 : stop]
        spreads = nothing[: means.size]
        covered, size, turn = 0, 1, 0
        while size <= period:
            if period & size:
                part, part_squares = means[covered : covered + count], spreads[covered : covered + count]
                whole = covered + size
                weight, scale = size / whole, covered * size / whole
                for i in range(count):
                    if covered == 0:
                        mean[i], squares[i] = part[i], part_squares[i]
                    else:
                        difference = part[i] - mean[i]
                        mean[i] += difference * weight
                        squares[i] = difference * difference * scale + squares[i] + part_squares[i]
                covered = whole
            if size * 2 <= period:
                length = means.size - size
                double, double_squares = rows[turn][:length], rows[turn + 1][:length]
                older, newer = means[:length], means[size:]
                older_squares, newer_squares = spreads[:length], spreads[size:]
                whole = size * 2
                weight, scale = size / whole, size * size / whole
                for i in range(length):
                    difference = newer[i] - older[i]
                    double[i] = difference * weight + older[i]
                    double_squares[i] = difference * difference * scale + older_squares[i] + newer_squares[i]
                means, spreads, turn = double, double_squares, 2 - turn
            size *= 2
        for i in range(count):
            squares[i] /= period


def crosses(first: Floats, second: Floats, out: Booleans) -> None:
    """Fill where the first was at most the second one candle ago and is greater now."""
    out[:1] = False
    first_before, second_before, first_now, second_now, crossed = first[:-1], second[:-1], first[1:], second[1:], out[1:]
    for i in range(crossed.size):
        crossed[i] = (first_before[i] <= second_before[i]) & (first_now[i] > second_now[i])
