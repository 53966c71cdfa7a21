"""Calmar ratio: growth a year a unit of the worst loss."""


def calmar(growth: float | None, drawdown: float) -> float | None:
    """Return the compound annual growth rate over the largest drawdown (Young, Futures magazine, October 1991).

    Args:
        growth: As `cagr` has it; over the whole history, not over three years as Young's.
        drawdown: Largest loss from a peak, a positive fraction.

    Returns:
        None without a drawdown or without a growth rate.

    >>> calmar(0.5, 0.25)
    2.0
    """
    return growth / drawdown if growth is not None and drawdown > 0 else None
