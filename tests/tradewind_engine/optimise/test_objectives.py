"""What a search seeks, on scores that can be checked by hand."""

import numpy as np
import pytest

from tradewind_engine.optimise.objectives import OBJECTIVES, objective_of, parse_constraint, value_of
from tradewind_engine.optimise.scores import Scores

# Two points over a year of hours: one returned 21 % in 40 trades, 30 of them won, half of the time; the other never traded.
ROWS = {
    "total_return": [0.21, 0.0],
    "drawdown": [0.07, 0.0],
    "mean": [0.01, 0.0],
    "deviation": [0.02, 0.0],
    "downside": [0.005, 0.0],
    "trades": [40, 0],
    "won": [30, 0],
    "time_in_market": [0.5, 0.0],
    "turnover": [80.0, 0.0],
    "sums": [[0.1, 0.2, 0.3], [0.0, 0.0, 0.0]],
    "squares": [[0.1, 0.1, 0.1], [0.0, 0.0, 0.0]],
}
SCORES = Scores(**{name: np.array(values) for name, values in ROWS.items()}, candles=8760)
YEAR = 8760.0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("totalReturn", 0.21),
        ("sharpe", 0.5 * 8760**0.5),
        ("sortino", 2.0 * 8760**0.5),
        ("calmar", 3.0),
        ("maxDrawdown", -0.07),
        ("winRate", 0.75),
        ("returnPerTrade", 0.00525),
        ("returnPerExposure", 0.42),
        ("worstStretch", 0.1),
        ("evenness", 2.0),
    ],
)
def test_an_objective_is_what_it_says(name, expected):
    """Larger is better; 0 where nothing was traded."""
    found = objective_of(name)(SCORES, YEAR)
    assert [expected, 0.0] == pytest.approx(found.tolist())


def test_there_are_at_least_eight():
    assert len(OBJECTIVES) >= 8


def test_an_unknown_objective_names_all():
    with pytest.raises(ValueError, match="no objective 'profit'; there are totalReturn, sharpe"):
        objective_of("profit")


@pytest.mark.parametrize(
    ("text", "holds"),
    [("trades>=40", [True, False]), ("maxDrawdown <= 0.05", [False, True]), ("winRate>=0.8", [False, False]),
     ("totalReturn>=-1", [True, True]), ("timeInMarket<=0.5", [True, True]), ("turnover<=1e1", [False, True])],
)  # fmt: skip
def test_a_constraint_holds_or_not(text, holds):
    """And where it does not, the point is worth minus infinity."""
    constraint = parse_constraint(text)
    assert holds == constraint.holds(SCORES).tolist()
    values = value_of(SCORES, OBJECTIVES["totalReturn"], (constraint,), YEAR)
    assert [value if kept else -np.inf for value, kept in zip([0.21, 0.0], holds, strict=True)] == values.tolist()


@pytest.mark.parametrize("text", ["trades", "trade>=3", "trades>3", "trades>=x", "trades>=1.2.3"])
def test_a_constraint_that_is_none_is_named(text):
    with pytest.raises(ValueError, match="is no constraint"):
        parse_constraint(text)
