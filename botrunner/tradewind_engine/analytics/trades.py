"""Figures over closed trades."""

from collections.abc import Sequence


def win_rate(profits: Sequence[float]) -> float:
    """Return the fraction of closed trades with a profit after costs; 0.0 without trades.

    >>> win_rate([5.0, -1.0, 0.0, 2.0])
    0.5
    """
    return sum(profit > 0 for profit in profits) / len(profits) if profits else 0.0


def profit_factor(profits: Sequence[float]) -> float | None:
    """Return gross profit over gross loss; None without a losing trade, as the ratio has no value then.

    >>> profit_factor([6.0, -2.0])
    3.0
    """
    loss = -sum(profit for profit in profits if profit < 0)
    return sum(profit for profit in profits if profit > 0) / loss if loss else None
