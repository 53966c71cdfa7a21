"""Sharpe ratio: mean return a unit of deviation, annualised."""

import math


def sharpe(mean: float, deviation: float, *, periods_per_year: float) -> float:
    """Return the annualised ratio of mean to sample deviation of simple returns, riskless rate 0 (Sharpe, 1994).

    Args:
        mean: Of the returns from close to close, those outside the market included.
        deviation: Their sample deviation (n - 1).
        periods_per_year: How many of these candles a year has, 365 days of it.

    Returns:
        0.0 when returns do not vary: no risk was taken, so no ratio is claimed.

    >>> round(sharpe(0.001, 0.01, periods_per_year=365), 3)
    1.91
    """
    return 0.0 if deviation == 0.0 else mean / deviation * math.sqrt(periods_per_year)
