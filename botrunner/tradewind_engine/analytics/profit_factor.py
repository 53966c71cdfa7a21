"""Profit factor: gross profit a unit of gross loss."""

from tradewind_engine.candles import Floats


def profit_factor(profits: Floats) -> float | None:
    """Return what winning trades made over what losing ones lost (Vince, Portfolio Management Formulas, 1990).

    Args:
        profits: Of closed trades after costs, shape (m,).

    Returns:
        None without a losing trade, as the ratio has no value then.

    >>> profit_factor(np.array([6.0, -2.0]))
    3.0
    """
    loss = -float(profits[profits < 0].sum())
    return float(profits[profits > 0].sum()) / loss if loss else None
