"""Curves over time: sums of them, and fewer points of them that still show every extreme."""

import numpy as np

from tradewind_engine.candles import Floats, Integers


def merge_curves(curves: list[tuple[Integers, Floats]], start: float) -> tuple[Integers, Floats]:
    """Return the sum of equity curves over the union of their times; before its first candle a part is worth `start`."""
    if len(curves) == 1:
        return curves[0]
    ts = np.unique(np.concatenate([times for times, _ in curves]))
    total = np.zeros(ts.size)
    for times, equity in curves:
        place = np.searchsorted(times, ts, side="right") - 1
        total += np.where(place < 0, start, equity[np.maximum(place, 0)])
    return ts, total


def extreme_rows(values: Floats, points: int) -> Integers:
    """Return at most `points` row numbers, ascending: the smallest and the largest value of each equal stretch, first, last.

    Evenly spaced rows would leave out the peaks and troughs between them, and with them the worst of a drawdown.
    """
    if values.size <= points:
        return np.arange(values.size, dtype=np.int64)
    edges = np.linspace(0, values.size, points // 2).astype(np.int64)
    rows = {0, values.size - 1}
    for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        rows |= {start + int(values[start:stop].argmin()), start + int(values[start:stop].argmax())}
    return np.array(sorted(rows), dtype=np.int64)


def curve_json(ts: Integers, values: Floats, points: int) -> list[tuple[int, float]]:
    """Return a curve as pairs of open time in UTC ms and value, thinned to its extremes."""
    rows = extreme_rows(values, points)
    return list(zip(ts[rows].tolist(), values[rows].tolist(), strict=True))
