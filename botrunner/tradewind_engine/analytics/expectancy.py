"""Expectancy: what a trade made on average."""


def expectancy(profit: float, trades: int) -> float | None:
    """Return the mean profit of a closed trade in quote currency; None without trades (Vince, 1990).

    Args:
        profit: The sum of the profits of closed trades after costs.
        trades: How many there were.

    >>> expectancy(4.0, 2)
    2.0
    """
    return profit / trades if trades else None
