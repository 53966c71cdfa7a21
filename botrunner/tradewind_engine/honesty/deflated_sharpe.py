"""The deflated Sharpe ratio: what is left of a ratio when it is the best of many tries."""

import math
from statistics import NormalDist

import numpy as np

from tradewind_engine.candles import Floats

_NORMAL = NormalDist()
_EULER = 0.5772156649015329


def probabilistic_sharpe(returns: Floats, *, benchmark: float = 0.0) -> float:
    """Return the probability that the true Sharpe ratio a period is above `benchmark` (Bailey, Lopez de Prado, 2012).

    Args:
        returns: Simple returns, shape (n,); skewness and tails count.
        benchmark: A ratio a period, not annualised.

    Returns:
        0.5 when there are fewer than three returns or they do not vary: nothing is known.
    """
    if returns.size < 3 or float(returns.std(ddof=1)) == 0.0:
        return 0.5
    ratio, skewness, kurtosis = sharpe_skewness_kurtosis(returns)
    spread = 1.0 - skewness * ratio + (kurtosis - 1.0) / 4.0 * ratio * ratio
    if spread <= 0:
        return 0.5
    return _NORMAL.cdf((ratio - benchmark) * math.sqrt(returns.size - 1) / math.sqrt(spread))


def expected_best(trials: int, deviation: float) -> float:
    """Return the Sharpe ratio a period that the best of `trials` without any skill is expected to show.

    Args:
        trials: Independent tries, n >= 1.
        deviation: Standard deviation of the ratios of the tries, a period.
    """
    if trials <= 1:
        return 0.0
    first = _NORMAL.inv_cdf(1.0 - 1.0 / trials)
    second = _NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    return deviation * ((1.0 - _EULER) * first + _EULER * second)


def deflated_sharpe(returns: Floats, *, trials: int, deviation: float | None = None) -> float:
    """Return the probability that the true Sharpe ratio is above what luck shows in `trials` tries (the same authors, 2014).

    Without `deviation`, that of the ratio's own estimate under no skill is used, one over the root of n - 1.
    """
    spread = 1.0 / math.sqrt(max(1, returns.size - 1)) if deviation is None else deviation
    return probabilistic_sharpe(returns, benchmark=expected_best(trials, spread))


def sharpe_skewness_kurtosis(returns: Floats) -> tuple[float, float, float]:
    """Return mean over deviation, skewness and kurtosis (3 for a normal distribution) of returns that vary."""
    centred = returns - returns.mean()
    deviation = math.sqrt(float(np.mean(centred**2)))
    scaled = centred / deviation
    return float(returns.mean()) / float(returns.std(ddof=1)), float(np.mean(scaled**3)), float(np.mean(scaled**4))
