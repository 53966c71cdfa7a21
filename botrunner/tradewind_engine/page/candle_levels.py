"""Candles for a chart inside a file: all where they are few, else wider ones, and real ones around trades.

Wider candles are made as an exchange makes them (first open, highest high, lowest low, last close), so no extreme is lost.
"""

from typing import Any

import numpy as np

from tradewind_engine.candles import Booleans, Candles, Integers

MOST_WIDE, MOST_REAL = 1_500, 12_000
AROUND = 40  # candles shown before and after a trade
MULTIPLES = (2, 3, 5, 10, 15, 30, 60, 120, 240, 360, 720, 1440, 2880, 4320, 10_080, 20_160, 43_200, 129_600, 525_600)


def candle_levels(
    candles: Candles, trades: list[tuple[int, int, float]], step_ms: int, *, most: int = MOST_REAL
) -> dict[str, Any]:
    """Return the candles of one symbol as JSON values: `wide` over all of history, `parts` with real ones.

    Args:
        candles: All of the run.
        trades: Open times of the first and the last candle, and profit, of each trade.
        step_ms: Length of a candle.
        most: How many real candles may be in the file; the largest profits and losses come first.
    """
    if len(candles) <= most:
        return {"stepMs": step_ms, "wideMs": step_ms, "wide": _columns(candles), "parts": [], "whole": True}
    wide_ms, wide = _widen(candles, step_ms)
    kept = _around_trades(candles.ts, trades, most)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], kept, [False]])))
    parts = [_columns(candles[int(start) : int(stop)]) for start, stop in zip(edges[::2], edges[1::2], strict=True)]
    return {"stepMs": step_ms, "wideMs": wide_ms, "wide": _columns(wide), "parts": parts, "whole": False}


def _widen(candles: Candles, step_ms: int) -> tuple[int, Candles]:
    wanted = (int(candles.ts[-1] - candles.ts[0]) // step_ms + 1) / MOST_WIDE
    wide_ms = step_ms * next((multiple for multiple in MULTIPLES if multiple >= wanted), int(np.ceil(wanted)))
    buckets = candles.ts // wide_ms
    starts = np.flatnonzero(np.diff(buckets, prepend=buckets[0] - 1))
    ends = np.append(starts[1:], len(candles)) - 1
    return wide_ms, Candles(
        buckets[starts] * wide_ms,
        candles.open[starts],
        np.maximum.reduceat(candles.high, starts),
        np.minimum.reduceat(candles.low, starts),
        candles.close[ends],
        np.add.reduceat(candles.volume, starts),
    )


def _around_trades(ts: Integers, trades: list[tuple[int, int, float]], most: int) -> Booleans:
    kept = np.zeros(ts.size, dtype=np.bool_)
    left = most
    for entry_ms, exit_ms, _ in sorted(trades, key=lambda trade: -abs(trade[2])):
        first, last = np.searchsorted(ts, [entry_ms, exit_ms]).tolist()
        window = kept[max(0, first - AROUND) : last + AROUND + 1]
        new = window.size - int(np.count_nonzero(window))
        if new <= left:
            window[:] = True
            left -= new
        if left <= 2 * AROUND:
            break
    return kept


def _columns(candles: Candles) -> dict[str, Any]:
    prices = {"o": candles.open, "h": candles.high, "l": candles.low, "c": candles.close}
    return {"t": candles.ts.tolist()} | {name: [short(value) for value in column.tolist()] for name, column in prices.items()}


def short(value: float) -> float | int:
    """Return a number to eight digits: what a chart can show, in a third of the space."""
    rounded = float(f"{value:.8g}")
    return int(rounded) if rounded.is_integer() else rounded
