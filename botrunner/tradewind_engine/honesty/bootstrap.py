"""Between which returns the truth may lie, by resampling blocks of the account's own history."""

import numpy as np

from tradewind_engine.candles import Floats

SAMPLES, STRETCHES = 1_000, 1_000


def return_interval(equity: Floats, *, seed: int = 1, level: float = 0.9) -> tuple[float, float]:
    """Return the interval of the total return that `level` of resampled histories lie in.

    The stationary bootstrap (Politis, Romano, 1994): blocks of random length, so that what hangs together in time stays
    together. Long curves are first taken in at most STRETCHES equal stretches; the mean block has the cube root of so many.

    Args:
        equity: Account value, shape (n,), n >= 2, all > 0.
        seed: Of the resampling; the same seed gives the same interval.
        level: Fraction of the resampled histories inside.
    """
    rows = np.round(np.linspace(0, equity.size - 1, min(equity.size, STRETCHES + 1))).astype(np.int64)
    changes = np.diff(np.log(equity[rows]))
    count = changes.size
    random = np.random.default_rng(seed)
    fresh = random.random((SAMPLES, count)) < 1.0 / max(1.0, count ** (1 / 3))
    fresh[:, 0] = True
    starts = random.integers(count, size=(SAMPLES, count))
    began = np.maximum.accumulate(np.where(fresh, np.arange(count), 0), axis=1)
    place = (np.take_along_axis(starts, began, axis=1) + np.arange(count) - began) % count
    totals = np.expm1(changes[place].sum(axis=1))
    low, high = np.quantile(totals, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
