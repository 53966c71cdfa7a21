"""Sortino ratio: mean return a unit of downside deviation, annualised."""

import math


def sortino(mean: float, downside: float, *, periods_per_year: float) -> float:
    """Return the annualised ratio of mean return to downside deviation around 0 over all candles (Sortino, Price, 1994).

    Args:
        mean: Of the returns from close to close, those outside the market included.
        downside: Root of the mean over all returns of the squares of the negative ones.
        periods_per_year: How many of these candles a year has, 365 days of it.

    Returns:
        0.0 when no return is negative: the ratio has no value then.
    """
    return 0.0 if downside == 0.0 else mean / downside * math.sqrt(periods_per_year)
