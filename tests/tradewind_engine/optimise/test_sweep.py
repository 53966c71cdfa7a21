"""A sweep scores each point as the back-test of that point alone, whatever the order, threads and tiles."""

import numpy as np
import pytest
from documents import random_candles
from markets import market

from tradewind_api.document.errors import InvalidDocumentError
from tradewind_api.document.ranges import default_ranges
from tradewind_api.document.resolve import template, with_parameters
from tradewind_api.document.validation import parse_document
from tradewind_engine.backtest.engine import run_backtest
from tradewind_engine.backtest.simulate import Costs, MarketRules
from tradewind_engine.candles import CandleError
from tradewind_engine.optimise.space import make_space
from tradewind_engine.optimise.sweep import Sweep, SweepSettings

SPACES = {
    "sma-crossover": {"fast.period": (2, 8, 3), "slow.period": (10, 30, 10), "protect.stopLossPercent": (1, 3, 2)},
    "macd": {"macd.fast": (5, 9, 2), "macd.signal": (3, 9, 3)},
    "bollinger-breakout": {"bands.period": (10, 20, 5), "protect.trailingStopPercent": (2, 4, 1)},
    "rsi": {"oversold.value": (25, 45, 5), "size.percentOfEquity": (20, 100, 40)},
}


def every_point(space):
    return [space.point(place) for place in space.places()]


@pytest.mark.parametrize("name", SPACES)
def test_each_score_is_that_of_the_back_test(name):
    """To the last digit, for each point."""
    document, candles = template(name), {"": market(3, 1200)}
    space = make_space(document, SPACES[name])
    points = every_point(space)
    scores = Sweep(document, space, candles, SweepSettings("1h", threads=2)).score(points)
    for row, point in enumerate(points):
        report = run_backtest(with_parameters(document, space.parameters(point)), candles, timeframe="1h")
        for column, figure in (("total_return", "totalReturn"), ("drawdown", "maxDrawdown"), ("trades", "trades"),
                               ("turnover", "turnover"), ("time_in_market", "timeInMarket")):  # fmt: skip
            assert getattr(scores, column)[row] == report.figures[figure], (point, figure)


def test_nodes_of_longer_timeframes_are_swept_too():
    """An average of 4-hour candles, one node tuned there and one at the document's own candles; shared, and used once."""
    nodes = [
        {"id": "trend", "op": "ema", "in": ["close"], "params": {"period": 5}, "timeframe": "4h"},
        {"id": "slope", "op": "rising", "in": ["trend"], "params": {"bars": 2}, "timeframe": "4h"},
        {"id": "fast", "op": "sma", "in": ["close"], "params": {"period": 3}},
        {"id": "over", "op": "above", "in": ["fast", "trend"]},
        {"id": "up", "op": "all", "in": ["over", "slope"]},
        {"id": "down", "op": "below", "in": ["fast", "trend"]},
    ]
    raw = {"schema": "tradewind.strategy/v1", "timeframe": "1h", "nodes": nodes}
    document, candles = parse_document(raw | {"entry": {"when": "up"}, "exit": {"when": "down"}}), {"": market(9, 900)}
    for ranges in ({"trend.period": (3, 9, 3), "fast.period": (2, 4, 2)}, {"trend.period": (3, 9, 2)}):
        space = make_space(document, ranges)
        points = every_point(space)
        scores = Sweep(document, space, candles, SweepSettings("1h", threads=2)).score(points)
        for row, point in enumerate(points):
            report = run_backtest(with_parameters(document, space.parameters(point)), candles, timeframe="1h")
            assert report.figures["totalReturn"] == scores.total_return[row] != 0.0, point


def test_several_symbols_are_one_account():
    """The curve of the account is the sum of the parts, as in the back-test."""
    document, candles = template("sma-crossover"), {"A": market(1, 800), "B": market(2, 600)}
    space = make_space(document, {"fast.period": (2, 8, 2), "slow.period": (20, 20, 1)})
    points = every_point(space)
    scores = Sweep(document, space, candles, SweepSettings("1h", threads=1)).score(points)
    reports = [run_backtest(with_parameters(document, space.parameters(p)), candles, timeframe="1h") for p in points]
    assert scores.total_return.tolist() == [report.figures["totalReturn"] for report in reports]
    assert scores.trades.tolist() == [report.figures["trades"] for report in reports]


def test_amounts_are_rounded_as_in_the_back_test():
    """Each symbol by its own market; one has none."""
    document, candles = template("sma-crossover"), {"A": market(1, 800), "B": market(2, 600)}
    markets = {"A": MarketRules(amount_step=1.0, min_notional=20.0)}
    space = make_space(document, {"fast.period": (2, 8, 2), "slow.period": (20, 20, 1), "protect.stopLossPercent": (2, 3, 1)})
    points = every_point(space)
    found = [Sweep(document, space, candles, SweepSettings("1h", threads=1, markets=m)).score(points) for m in (markets, {})]
    reports = [
        run_backtest(with_parameters(document, space.parameters(p)), candles, timeframe="1h", markets=markets) for p in points
    ]
    assert found[0].total_return.tolist() == [report.figures["totalReturn"] for report in reports]
    assert not set(found[0].total_return) & set(found[1].total_return)


def test_tiles_threads_and_order_change_nothing():
    """A tile of one node, four threads, points backwards: the same rows."""
    document, candles = template("sma-crossover"), {"": market(5, 700)}
    space = make_space(document, {"fast.period": (2, 12, 1), "slow.period": (15, 40, 5)})
    points = every_point(space)
    whole = Sweep(document, space, candles, SweepSettings("1h", threads=1)).score(points)
    pieces = Sweep(document, space, candles, SweepSettings("1h", threads=4, tile_bytes=6000)).score(points[::-1])
    np.testing.assert_array_equal(whole.total_return, pieces.total_return[::-1])
    np.testing.assert_array_equal(whole.sums, pieces.sums[::-1])


def test_stretches_add_up_to_the_whole():
    """The sums of the sixteen stretches are mean times number, and so are those of squares."""
    document, candles = template("sma-crossover"), {"": market(6, 900)}
    space = make_space(document, {"fast.period": (3, 3, 1), "slow.period": (10, 12, 1)})
    scores = Sweep(document, space, candles, SweepSettings("1h", threads=1)).score(every_point(space))
    np.testing.assert_allclose(scores.sums.sum(axis=1), scores.mean * 899, rtol=1e-12)
    np.testing.assert_allclose(scores.squares.sum(axis=1) / 899 - scores.mean**2, scores.deviation**2 * 898 / 899, rtol=1e-9)


def test_progress_reaches_the_end():
    """Told after each tile, and the last word is all of it."""
    document, candles, told = template("sma-crossover"), {"": market(7, 300)}, []
    space = make_space(document, {"fast.period": (2, 6, 1), "slow.period": (10, 14, 1)})
    Sweep(document, space, candles, SweepSettings("1h", threads=1, tile_bytes=20_000)).score(
        every_point(space), lambda done, total: told.append((done, total))
    )
    assert len(told) > 1
    assert told[-1] == (25, 25)


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ({"fast.period": (10, 5, 1)}, "smallest:largest:step"),
        ({"fast.period": (5, 10, 0)}, "smallest:largest:step"),
        ({"fast.period": (0, 10, 1)}, "between 1 and"),
        ({"fast.perod": (5, 10, 1)}, "fast"),
        ({"nothing.period": (5, 10, 1)}, "nothing"),
        ({"fast.period": (1, 500, 0.1)}, "at most 1000"),
        ({"fast.period": (1, 5, 0.5)}, "whole number"),
        ({}, "between 1 and 8"),
    ],
)
def test_a_bad_range_is_named(ranges, message):
    """Before anything is computed."""
    with pytest.raises(InvalidDocumentError, match=message):
        make_space(template("sma-crossover"), ranges)


def test_too_short_a_history_is_refused_before_the_work():
    """The longest lookback of the space counts, not that of the document."""
    document = template("sma-crossover")
    space = make_space(document, {"slow.period": (20, 200, 10)})
    with pytest.raises(CandleError, match="201"):
        Sweep(document, space, {"": random_candles(1, 150)}, SweepSettings("15m"))


@pytest.mark.parametrize("name", ["sma-crossover", "macd", "rsi", "bollinger-breakout", "momentum", "mean-reversion"])
def test_every_shipped_strategy_has_ranges_to_start_from(name):
    """They are valid as they are."""
    document = template(name)
    assert make_space(document, default_ranges(document)).size > 10


def test_a_point_wins_a_trade_as_a_report_does():
    """With a profit after both fees: at 2 % a fill some trades earn one fee and not the other."""
    history, costs = market(11, 1500, memory=0.1), Costs(200, 0)
    space = make_space(template("sma-crossover"), {"fast.period": (2, 6, 1)})
    scores = Sweep(template("sma-crossover"), space, {"": history}, SweepSettings("1h", costs=costs)).score(
        [space.point(place) for place in space.places()]
    )
    for row, place in enumerate(space.places()):
        document = with_parameters(template("sma-crossover"), space.parameters(space.point(place)))
        report = run_backtest(document, {"": history}, timeframe="1h", costs=costs)
        assert report.figures["winRate"] == scores.won[row] / scores.trades[row]
        assert any(-trade.fees < trade.profit <= 0 for trade in report.trades)
