"""Win rate: how many of the trades earned something."""

import numpy as np

from tradewind_engine.candles import Floats


def win_rate(profits: Floats) -> float:
    """Return the fraction of closed trades with a profit after both fees; 0.0 without trades.

    Args:
        profits: Of closed trades, shape (m,).

    >>> win_rate(np.array([5.0, -1.0, 0.0, 2.0]))
    0.5
    """
    return int(np.count_nonzero(profits > 0)) / profits.size if profits.size else 0.0
