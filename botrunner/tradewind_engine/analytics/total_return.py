"""Total return: what became of the capital."""


def total_return(final: float, capital: float) -> float:
    """Return final account value over the capital, less 1; an open position counts at the last close.

    >>> total_return(1_500.0, 1_000.0)
    0.5
    """
    return final / capital - 1.0
