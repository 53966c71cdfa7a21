"""Sharpe ratio: mean return a unit of deviation, annualised."""

import math

import numpy as np

from tradewind_engine.candles import Floats


def sharpe(equity: Floats, *, periods_per_year: float) -> float:
    """Return the annualised ratio of mean to sample deviation of simple returns, riskless rate 0 (Sharpe, 1994).

    Args:
        equity: Account value at each close, shape (n,), all > 0.
        periods_per_year: How many of these candles a year has, 365 days of it.

    Returns:
        0.0 when there are fewer than two returns or they do not vary: no risk was taken, so no ratio is claimed.
    """
    if equity.size < 3:
        return 0.0
    returns = np.diff(equity) / equity[:-1]
    deviation = float(returns.std(ddof=1))
    return 0.0 if deviation == 0.0 else float(returns.mean()) / deviation * math.sqrt(periods_per_year)
