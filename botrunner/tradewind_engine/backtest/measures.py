"""What a run was worth: the moments of its equity curve, the tally of its trades, in one pass each. Compiled by numba."""

from typing import NamedTuple

import numpy as np

from tradewind_engine.backtest import kernel
from tradewind_engine.backtest.loading import loop
from tradewind_engine.candles import Floats

CACHED = 2048  # numbers that fit a processor's first cache with room for more


class Moments(NamedTuple):
    """Of the simple returns from close to close: number, mean, sample deviation, downside deviation; of the curve: drawdowns.

    `drawdown` is the largest as a fraction of its peak, `longest` the candles from a peak to the next higher close, or the end.
    """

    number: int
    mean: float
    deviation: float
    downside: float
    drawdown: float
    longest: int


class Tally(NamedTuple):
    """Of closed trades: how many won and how many lost, the best and the worst profit (0.0 without trades)."""

    won: int
    lost: int
    best: float
    worst: float


@loop
def _sums_of_returns(now, before, seen, returns, bits):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - numba
    """Return the sums of now / before - 1, of its square, and of the square where negative; shape (n,); `returns` is room.

    Quotients first, then four sums side by side: a processor does both several at a time, in a fixed order of additions.
    `bits` gets the smallest and the largest of `seen`, which are the bits of `now` as integers: positive numbers stand in the
    same order so, and integers, of which none is NaN, are compared several at a time while the divisions take their time.
    """
    smallest = largest = seen[0]
    for i in range(now.size):
        returns[i] = now[i] / before[i] - 1.0
        smallest = min(smallest, seen[i])
        largest = max(largest, seen[i])
    bits[0] = smallest
    bits[1] = largest
    a0 = a1 = a2 = a3 = 0.0
    b0 = b1 = b2 = b3 = 0.0
    c0 = c1 = c2 = c3 = 0.0
    fours = now.size // 4
    for k in range(fours):
        r0, r1, r2, r3 = returns[4 * k], returns[4 * k + 1], returns[4 * k + 2], returns[4 * k + 3]
        a0, a1, a2, a3 = a0 + r0, a1 + r1, a2 + r2, a3 + r3
        b0, b1, b2, b3 = b0 + r0 * r0, b1 + r1 * r1, b2 + r2 * r2, b3 + r3 * r3
        d0, d1, d2, d3 = min(r0, 0.0), min(r1, 0.0), min(r2, 0.0), min(r3, 0.0)
        c0, c1, c2, c3 = c0 + d0 * d0, c1 + d1 * d1, c2 + d2 * d2, c3 + d3 * d3
    for i in range(4 * fours, now.size):
        a0 += returns[i]
        b0 += returns[i] * returns[i]
        c0 += min(returns[i], 0.0) * min(returns[i], 0.0)
    return (a0 + a1) + (a2 + a3), (b0 + b1) + (b2 + b3), (c0 + c1) + (c2 + c3)


def moments(equity: Floats, sums: Floats, squares: Floats, trades: Floats) -> Moments:
    """Measure an equity curve in one pass, a stretch at a time that fits a processor's first cache.

    Args:
        equity: Shape (n,), all > 0.
        sums: Filled with the sums of returns in equal stretches of time, shape (b,).
        squares: Filled with those of their squares.
        trades: Closed trades, shape (m, kernel.COLUMNS), between which the curve is level; none where nothing is known of it.

    Returns:
        Moments. Mean and deviation are those of all n - 1 returns.
    """
    returns, extremes = np.empty(CACHED), np.empty(2)
    seen, bits = equity.view(np.int64), extremes.view(np.int64)
    found: Moments = _measured(equity, seen, sums, squares, trades, returns, extremes, bits)
    return found


@loop
def _measured(equity, seen, sums, squares, trades, returns, extremes, bits):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, C901, PLR0915 - numba compiles one flat loop
    """Return the moments; `returns` and `extremes` are room, shapes (CACHED,) and (2,), `seen` and `bits` integers of bits."""
    count = equity.size - 1
    blocks = sums.size
    sums[:] = 0.0
    squares[:] = 0.0
    below = 0.0
    worst = 1.0
    peak = equity[0]
    peak_index = 0
    longest = 0
    block = 0
    stop_block = 1 + count // blocks
    row = 0
    start = 1
    while start <= count:
        stop = count + 1
        if row < trades.shape[0]:
            start = max(start, int(trades[row, kernel.ENTRY_INDEX]))
            stop = int(trades[row, kernel.EXIT_INDEX]) + 1
            row += 1
        while start < stop:
            while start >= stop_block:
                block += 1
                stop_block = 1 + count * (block + 1) // blocks
            end = min(stop, stop_block, start + CACHED)
            now, before = equity[start:end], equity[start - 1 : end - 1]
            part, part_squares, part_below = _sums_of_returns(now, before, seen[start:end], returns, bits)
            sums[block] += part
            squares[block] += part_squares
            below += part_below
            if extremes[1] <= peak:  # no new peak: the lowest alone may be a new worst
                if extremes[0] < worst * peak:
                    worst = extremes[0] / peak
                start = end
                continue
            for i in range(start, end):
                value = equity[i]
                if value > peak:
                    longest = max(longest, i - peak_index)
                    peak = value
                    peak_index = i
                elif value < worst * peak:
                    worst = value / peak
            start = end
    if count < 1:
        return Moments(count, 0.0, 0.0, 0.0, 0.0, 0)
    if equity[count] < peak:
        longest = max(longest, count - peak_index)
    total = 0.0
    total_squares = 0.0
    for block in range(blocks):
        total += sums[block]
        total_squares += squares[block]
    mean = total / count
    spread = max(0.0, total_squares - count * mean * mean)
    deviation = np.sqrt(spread / (count - 1)) if count > 1 else 0.0
    return Moments(count, mean, deviation, np.sqrt(below / count), 1.0 - worst, longest)


@loop
def tally(profits, gains, losses):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, D417 - numba
    """Look at each trade's profit once.

    Args:
        profits: Shape (m,).
        gains, losses: Filled with those above and those below 0, in their order; shape (m,).

    Returns:
        Tally. What is filled is summed by numpy: its order of additions is part of a report's digest.
    """
    won = lost = 0
    best = worst = profits[0] if profits.size else 0.0
    for i in range(profits.size):
        profit = profits[i]
        best = max(best, profit)
        worst = min(worst, profit)
        if profit > 0.0:
            gains[won] = profit
            won += 1
        elif profit < 0.0:
            losses[lost] = profit
            lost += 1
    return Tally(won, lost, best, worst)
