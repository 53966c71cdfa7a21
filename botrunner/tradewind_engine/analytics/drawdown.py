"""Drawdown: the loss since the best moment."""

import numpy as np

from tradewind_engine.candles import Floats


def max_drawdown(equity: Floats) -> float:
    """Return the largest peak-to-trough loss as a fraction of the peak.

    Args:
        equity: Account value in quote currency, shape (n,), n >= 1, all > 0.

    Raises:
        ValueError: If `equity` is empty or not positive.

    >>> max_drawdown(np.array([100.0, 120.0, 90.0]))
    0.25
    """
    if equity.size == 0 or not (equity > 0).all():
        raise ValueError("equity must be non-empty and positive")
    return float((1 - equity / np.maximum.accumulate(equity)).max())
