"""Drawdown: how far, and how long, the account stood below its highest value.

The kernel measures both in the pass that it makes anyway; these are the definitions, and what a chart is drawn from.
"""

import numpy as np

from tradewind_engine.candles import Floats


def underwater(equity: Floats) -> Floats:
    """Return the loss from the highest value so far as a positive fraction, shape (n,).

    Args:
        equity: Account value at each close, shape (n,), all > 0.

    >>> underwater(np.array([100.0, 120.0, 90.0, 120.0])).tolist()
    [0.0, 0.0, 0.25, 0.0]
    """
    return np.asarray(1.0 - equity / np.maximum.accumulate(equity), dtype=np.float64)


def max_drawdown(equity: Floats) -> float:
    """Return the largest loss from a peak as a fraction of it (Magdon-Ismail and Atiya, Maximum Drawdown, 2004).

    >>> max_drawdown(np.array([100.0, 120.0, 90.0, 130.0]))
    0.25
    """
    return float(underwater(equity).max())


def longest_drawdown(equity: Floats) -> int:
    """Return the most candles from a peak to the next higher close, or to the end where none came.

    >>> longest_drawdown(np.array([100.0, 120.0, 90.0, 110.0, 121.0, 120.0]))
    3
    """
    peaks = np.flatnonzero(np.concatenate([[True], equity[1:] > np.maximum.accumulate(equity)[:-1]]))
    ends = np.append(peaks[1:], equity.size - 1)
    # After the last peak a curve that only stands still at it has lost nothing.
    lost = np.append(np.ones(peaks.size - 1, dtype=bool), equity[-1] < equity[peaks[-1]])
    return int(np.max((ends - peaks) * lost))
