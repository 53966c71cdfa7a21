"""Figures over the profits of closed trades, in quote currency after costs, shape (m,)."""

import numpy as np

from tradewind_engine.candles import Floats


def win_rate(profits: Floats) -> float:
    """Return the fraction of closed trades with a profit; 0.0 without trades.

    >>> win_rate(np.array([5.0, -1.0, 0.0, 2.0]))
    0.5
    """
    return int(np.count_nonzero(profits > 0)) / profits.size if profits.size else 0.0


def profit_factor(profits: Floats) -> float | None:
    """Return gross profit over gross loss; None without a losing trade, as the ratio has no value then.

    >>> profit_factor(np.array([6.0, -2.0]))
    3.0
    """
    loss = -float(profits[profits < 0].sum())
    return float(profits[profits > 0].sum()) / loss if loss else None


def expectancy(profits: Floats) -> float | None:
    """Return the mean profit of a closed trade; None without trades.

    >>> expectancy(np.array([6.0, -2.0]))
    2.0
    """
    return float(profits.mean()) if profits.size else None


def best_and_worst(profits: Floats) -> tuple[float | None, float | None]:
    """Return the largest and the smallest profit; None without trades."""
    return (float(profits.max()), float(profits.min())) if profits.size else (None, None)
