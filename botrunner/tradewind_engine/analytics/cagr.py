"""Compound annual growth rate: the growth a year that would have led from the first value to the last."""

import math


def cagr(growth: float, *, periods: int, periods_per_year: float) -> float | None:
    """Return the compound annual growth rate as a fraction (Bacon, Practical Portfolio Performance, 2008, chapter 2).

    Args:
        growth: Final over initial account value, > 0.
        periods: How many candles it took.
        periods_per_year: How many of them a year has, 365 days of it.

    Returns:
        None for less than a week: extrapolated to a year, such a figure says nothing.

    >>> round(cagr(1.21, periods=730, periods_per_year=365), 6)
    0.1
    """
    years = periods / periods_per_year
    if years < 7 / 365:
        return None
    return math.expm1(math.log(growth) / years)
