"""Made-up markets of which it is known whether anything can be earned in them."""

import numpy as np

from tradewind_engine.candles import Candles

HOUR_MS = 3_600_000


def market(seed, count=6000, *, memory=0.0, drift=0.0, deviation=0.005):
    """Return hourly candles whose returns follow r = drift + memory * (r before) + noise; memory 0 is a random walk."""
    random = np.random.default_rng(seed)
    noise = random.normal(drift, deviation, count)
    returns = np.empty(count)
    before = 0.0
    for index in range(count):
        before = memory * before + noise[index]
        returns[index] = before
    close = 100 * np.exp(np.cumsum(returns))
    return from_closes(close, random)


def from_closes(close, random):
    """Return candles that open at the close before, with wicks and volume that tell nothing."""
    opened = np.concatenate([[100.0], close[:-1]])
    wick = np.abs(random.normal(0, 0.001, (2, close.size)))
    return Candles(
        np.arange(close.size, dtype=np.int64) * HOUR_MS + 1_700_000_000_000 // HOUR_MS * HOUR_MS,
        opened,
        np.maximum(opened, close) * (1 + wick[0]),
        np.minimum(opened, close) * (1 - wick[1]),
        close,
        random.lognormal(3, 0.5, close.size),
    )
