"""Candles for benchmarks: a geometric random walk of one-minute candles, the same for every engine. numpy only.

Prices are not rounded: on ties engines differ in what crossing means (docs/reference/backtest-semantics.md).
"""

import numpy as np

START_MS = 1_577_836_800_000


def candles(count, seed=7):
    """Return columns ts, open, high, low, close, volume, shape (count,)."""
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.001, count)))
    opened = np.concatenate([[100.0], close[:-1]])
    high = np.maximum(opened, close) + np.abs(random.normal(0, 0.05, count))
    low = np.minimum(opened, close) * (1 - np.abs(random.normal(0, 0.0005, count)))
    ts = START_MS + 60_000 * np.arange(count, dtype=np.int64)
    return {"ts": ts, "open": opened, "high": high, "low": low, "close": close, "volume": np.ones(count)}
