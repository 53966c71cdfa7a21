"""Sortino ratio: mean return a unit of downside deviation, annualised."""

import math

import numpy as np

from tradewind_engine.candles import Floats


def sortino(equity: Floats, *, periods_per_year: float) -> float:
    """Return the annualised ratio of mean return to downside deviation around 0 over all candles (Sortino, Price, 1994).

    Returns 0.0 when there are fewer than two returns or none is negative.
    """
    if equity.size < 3:
        return 0.0
    returns = np.diff(equity) / equity[:-1]
    downside = math.sqrt(float((np.minimum(returns, 0.0) ** 2).mean()))
    return 0.0 if downside == 0.0 else float(returns.mean()) / downside * math.sqrt(periods_per_year)
