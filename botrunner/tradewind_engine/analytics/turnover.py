"""Turnover: how often the capital was traded."""


def turnover(notional: float, capital: float) -> float:
    """Return the notional of all buys and sells over the capital at the start, without fees; not annualised.

    >>> turnover(30_000.0, 10_000.0)
    3.0
    """
    return notional / capital
