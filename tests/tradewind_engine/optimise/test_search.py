"""The search finds the best point, the same one for the same seed, and says when there is none."""

from typing import get_args

import numpy as np
import pytest
from markets import from_closes, market

from tradewind_api.backtest import Objective
from tradewind_api.document.resolve import template
from tradewind_api.document.validation import parse_document
from tradewind_engine.backtest.simulate import MarketRules
from tradewind_engine.candles import CandleError, Candles
from tradewind_engine.optimise.book import Aim
from tradewind_engine.optimise.objectives import OBJECTIVES, parse_constraint, value_of
from tradewind_engine.optimise.search import search
from tradewind_engine.optimise.space import make_space
from tradewind_engine.optimise.study import NothingFoundError, run_study
from tradewind_engine.optimise.sweep import Sweep, SweepSettings
from tradewind_engine.optimise.walk_forward import walk_forward

pytestmark = pytest.mark.slow

DOCUMENT = template("sma-crossover")
CANDLES = {"": market(11, 1500, memory=0.1)}
SETTINGS = SweepSettings("1h", threads=1)
RANGES = {"fast.period": (2, 41, 1), "slow.period": (42, 120, 2), "protect.stopLossPercent": (1, 10, 1)}


def test_a_small_space_is_searched_whole():
    """Every point once, the best of them chosen."""
    space = make_space(DOCUMENT, {"fast.period": (2, 11, 1), "slow.period": (12, 40, 4)})
    found = search(Sweep(DOCUMENT, space, CANDLES, SETTINGS), Aim(objective="totalReturn", constraints=()))
    assert (found.method, len(found.points), len(set(found.points))) == ("exhaustive", 80, 80)
    assert found.values[found.best] == found.scores.total_return.max()


def test_a_large_space_is_searched_by_sample_zoom_and_tpe():
    """Within 1 % of the best of all 16,000, with a twentieth of the points; the same seed finds the same."""
    space = make_space(DOCUMENT, RANGES)
    sweep = Sweep(DOCUMENT, space, CANDLES, SETTINGS)
    aim = Aim(objective="totalReturn", constraints=(), budget=700, trials=30, seed=5)
    found, again = search(sweep, aim), search(sweep, aim)
    assert found.points == again.points
    assert found.method == "sample, zoom, TPE"
    assert len(found.points) <= 700 + 30
    best = sweep.score([space.point(place) for place in space.places()]).total_return.max()
    assert found.values[found.best] >= best - 0.01 * abs(best)


@pytest.mark.parametrize(("budget", "trials"), [(1, 0), (1, 1), (2, 3), (20, 0), (60, 40), (400, 25)])
def test_no_more_points_are_scored_than_were_asked_for(budget, trials):
    """`budget` in batches and `trials` one by one: a plan counts them. One point is enough to answer."""
    space = make_space(
        DOCUMENT, {"fast.period": (2, 401, 1), "slow.period": (2, 401, 1), "protect.stopLossPercent": (1, 90, 0.1)}
    )
    told = []
    aim = Aim(objective="totalReturn", constraints=(), budget=budget, trials=trials, seed=3)
    found = search(Sweep(DOCUMENT, space, CANDLES, SETTINGS), aim, told.append)
    assert 1 <= len(found.points) <= budget + trials
    assert all(state.done <= state.planned for state in told)


def test_progress_tells_the_best_so_far():
    """The best never gets worse, and the last state has all points."""
    space = make_space(DOCUMENT, RANGES)
    told = []
    found = search(Sweep(DOCUMENT, space, CANDLES, SETTINGS), Aim(budget=200, trials=0, constraints=()), told.append)
    values = [state.best_value for state in told]
    assert values == sorted(values)
    assert told[-1].done == len(found.points)
    assert told[-1].best == space.parameters(found.points[found.best])


def test_constraints_are_kept():
    """A point with few trades never wins, however well it did."""
    space = make_space(DOCUMENT, {"fast.period": (2, 11, 1), "slow.period": (12, 40, 4)})
    sweep = Sweep(DOCUMENT, space, CANDLES, SETTINGS)
    for text in ("trades>=60", "maxDrawdown<=0.1", "timeInMarket<=0.5"):
        constraint = parse_constraint(text)
        found = search(sweep, Aim(objective="totalReturn", constraints=(constraint,)))
        assert constraint.holds(found.scores)[found.best]


def test_no_point_at_all_is_said_with_the_figure_that_misses():
    """Asked for more trades than any point has."""
    space = make_space(DOCUMENT, {"fast.period": (2, 4, 1)})
    aim = Aim(constraints=(parse_constraint("trades>=100000"),))
    with pytest.raises(
        NothingFoundError, match=r"none of 3 points satisfies trades >= 100000; the most trades of any were \d+"
    ):
        run_study(DOCUMENT, space, CANDLES, SETTINGS, aim)


@pytest.mark.parametrize("text", ["trades", "trade>=3", "trades>3", "trades>=x", "trades>=1.2.3"])
def test_a_bad_constraint_is_named(text):
    """With what is wanted."""
    with pytest.raises(ValueError, match="is no constraint"):
        parse_constraint(text)


def test_the_resource_names_every_objective():
    """What `kubectl` accepts is what the engine knows."""
    assert get_args(Objective) == tuple(OBJECTIVES)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_is_a_number_for_every_point(name):
    """Also where nothing was traded."""
    space = make_space(DOCUMENT, {"fast.period": (2, 100, 49), "slow.period": (100, 400, 300)})
    scores = Sweep(DOCUMENT, space, CANDLES, SETTINGS).score([space.point(place) for place in space.places()])
    assert np.isfinite(value_of(scores, OBJECTIVES[name], (), 8760.0)).all()


@pytest.mark.parametrize("kind", ["rolling", "anchored"])
def test_walk_forward_judges_on_what_the_choice_has_not_seen(kind):
    """Four tests follow each other without gap; a change in the last stretch changes no choice, and only the last test."""
    space = make_space(DOCUMENT, {"fast.period": (2, 8, 2), "slow.period": (10, 30, 10)})
    aim = Aim(constraints=())
    whole = walk_forward(DOCUMENT, space, CANDLES, SETTINGS, aim, folds=4, kind=kind)
    assert [fold.test_to_ms for fold in whole.folds[:-1]] == [fold.train_to_ms for fold in whole.folds[1:]]
    starts = {fold.train_from_ms for fold in whole.folds}
    assert len(starts) == (4 if kind == "rolling" else 1)
    candles = CANDLES[""]
    slope = 1 + 0.2 * np.maximum(0, candles.ts - whole.folds[-1].train_to_ms) / (candles.ts[-1] - candles.ts[0])
    prices = (column * slope for column in (candles.open, candles.high, candles.low, candles.close))
    changed = {"": Candles(candles.ts, *prices, candles.volume)}
    other = walk_forward(DOCUMENT, space, changed, SETTINGS, aim, folds=4, kind=kind)
    assert [fold.parameters for fold in other.folds] == [fold.parameters for fold in whole.folds]
    assert other.folds[:-1] == whole.folds[:-1]
    assert other.folds[-1] != whole.folds[-1]


def test_a_walk_forwards_test_trades_in_its_stretch_alone():
    """The price is above the average all the time: bought in the first stretch it would have been held already."""
    rising = {"": from_closes(np.linspace(100, 200, 600), np.random.default_rng(1))}
    nodes = [
        {"id": "mean", "op": "ema", "in": ["close"], "params": {"period": 5}},
        {"id": "up", "op": "above", "in": ["close", "mean"]},
        {"id": "down", "op": "below", "in": ["close", "mean"]},
    ]
    raw = {"schema": "tradewind.strategy/v1", "timeframe": "1h", "nodes": nodes, "protect": {"maxCandlesInTrade": 30}}
    document = parse_document(raw | {"entry": {"when": "up"}, "exit": {"when": "down"}})
    walk = walk_forward(
        document, make_space(document, {"mean.period": (5, 6, 1)}), rising, SETTINGS, Aim(constraints=()), folds=2
    )
    assert [6, 6] == [fold.test_trades for fold in walk.folds]
    json = walk.to_json()
    assert (json["kind"], len(json["folds"]), json["profitableFolds"]) == ("rolling", 2, 1.0)


def test_walk_forward_refuses_what_it_cannot_cut():
    """One fold judges nothing, and twenty-two stretches of a hundred candles are shorter than the lookback."""
    space = make_space(DOCUMENT, {"fast.period": (2, 4, 1)})
    with pytest.raises(ValueError, match="at least 2 folds"):
        walk_forward(DOCUMENT, space, CANDLES, SETTINGS, Aim(), folds=1)
    with pytest.raises(CandleError, match="one decision needs"):
        walk_forward(DOCUMENT, space, CANDLES, SETTINGS, Aim(), folds=50)


def test_walk_forward_is_tested_at_the_market():
    """Where the least order is more than the capital nothing is bought, neither in training nor on what followed."""
    settings = SweepSettings("1h", threads=1, markets={"": MarketRules(min_notional=1e9)})
    space = make_space(DOCUMENT, {"fast.period": (2, 4, 1)})
    aim = Aim(objective="totalReturn", constraints=())
    assert [0, 0] == [fold.test_trades for fold in walk_forward(DOCUMENT, space, CANDLES, settings, aim, folds=2).folds]
    assert 0 < sum(fold.test_trades for fold in walk_forward(DOCUMENT, space, CANDLES, SETTINGS, aim, folds=2).folds)
    with pytest.raises(NothingFoundError, match="the most trades of any were 0"):
        run_study(DOCUMENT, space, CANDLES, settings, Aim())
