"""Expectancy: what a trade made on average."""

from tradewind_engine.candles import Floats


def expectancy(profits: Floats) -> float | None:
    """Return the mean profit of a closed trade in quote currency; None without trades (Vince, 1990).

    Args:
        profits: Of closed trades after costs, shape (m,).

    >>> expectancy(np.array([6.0, -2.0]))
    2.0
    """
    return float(profits.mean()) if profits.size else None
