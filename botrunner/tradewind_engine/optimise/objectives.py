"""What a search seeks, larger being better, and what a point must satisfy besides."""

import math
import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from tradewind_engine.candles import Booleans, Floats
from tradewind_engine.optimise.scores import Scores

Objective = Callable[[Scores, float], Floats]


def _annual_growth(scores: Scores, per_year: float) -> Floats:
    years = scores.candles / per_year
    return np.expm1(np.log1p(scores.total_return) / years)


def _over(above: Floats, below: Floats) -> Floats:
    """Return the quotient, 0 where there is nothing to divide by."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > 0, above / below, 0.0)


# Each takes scores and periods a year, and returns one number a point, shape (n,).
OBJECTIVES: dict[str, Objective] = {
    "totalReturn": lambda s, _: s.total_return,
    "sharpe": lambda s, per_year: _over(s.mean, s.deviation) * math.sqrt(per_year),
    "sortino": lambda s, per_year: _over(s.mean, s.downside) * math.sqrt(per_year),
    "calmar": lambda s, per_year: _over(_annual_growth(s, per_year), s.drawdown),
    "maxDrawdown": lambda s, _: -s.drawdown,
    "winRate": lambda s, _: _over(s.won.astype(float), s.trades.astype(float)),
    "returnPerTrade": lambda s, _: _over(s.total_return, s.trades.astype(float)),
    "returnPerExposure": lambda s, _: _over(s.total_return, s.time_in_market),
    "worstStretch": lambda s, _: s.sums.min(axis=1),
    "evenness": lambda s, _: _over(s.sums.mean(axis=1), s.sums.std(axis=1, ddof=1)),
}

MEASURES: dict[str, Callable[[Scores], Floats]] = {
    "trades": lambda s: s.trades.astype(float),
    "maxDrawdown": lambda s: s.drawdown,
    "totalReturn": lambda s: s.total_return,
    "timeInMarket": lambda s: s.time_in_market,
    "turnover": lambda s: s.turnover,
    "winRate": lambda s: _over(s.won.astype(float), s.trades.astype(float)),
}
_COMPARE = {">=": operator.ge, "<=": operator.le}
_CONSTRAINT = re.compile(r"^\s*([A-Za-z]+)\s*(>=|<=)\s*(-?[0-9.]+(?:[eE]-?[0-9]+)?)\s*$")


@dataclass(frozen=True, slots=True)
class Constraint:
    """A measure that must be at least (`>=`) or at most (`<=`) a bound; fractions, not percent."""

    measure: str
    compare: str
    bound: float

    def holds(self, scores: Scores) -> Booleans:
        """Return where it holds, shape (n,)."""
        return np.asarray(_COMPARE[self.compare](MEASURES[self.measure](scores), self.bound), dtype=np.bool_)


def parse_constraint(text: str) -> Constraint:
    """Return the constraint in text such as `trades>=30`. Raises ValueError that says what was wanted."""
    match = _CONSTRAINT.match(text)
    if match is None or match[1] not in MEASURES:
        raise ValueError(f"{text!r} is no constraint: wanted is MEASURE>=NUMBER or <=, of {', '.join(MEASURES)}")
    try:
        bound = float(match[3])
    except ValueError:
        raise ValueError(f"{text!r} is no constraint: {match[3]!r} is not a number") from None
    return Constraint(match[1], match[2], bound)


def objective_of(name: str) -> Objective:
    """Return the objective called `name`. Raises ValueError that names all."""
    if name not in OBJECTIVES:
        raise ValueError(f"no objective {name!r}; there are {', '.join(OBJECTIVES)}")
    return OBJECTIVES[name]


def value_of(scores: Scores, objective: Objective, constraints: Iterable[Constraint], periods_per_year: float) -> Floats:
    """Return what is sought, shape (n,); minus infinity where a constraint does not hold or nothing is known."""
    values = objective(scores, periods_per_year)
    allowed = np.isfinite(values)
    for constraint in constraints:
        allowed &= constraint.holds(scores)
    return np.where(allowed, values, -np.inf)
