"""Win rate: how many of the trades earned something."""


def win_rate(won: int, trades: int) -> float:
    """Return the fraction of closed trades with a profit after both fees; 0.0 without trades.

    >>> win_rate(2, 4)
    0.5
    """
    return won / trades if trades else 0.0
