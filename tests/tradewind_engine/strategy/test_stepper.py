"""A bot that keeps state decides what the back-test decides: folding the step is evaluating, to the last bit."""

import numpy as np
import pytest
from documents import random_candles, random_document, with_gaps

from tradewind_api.document.resolve import TEMPLATES, template
from tradewind_api.document.validation import lookback_of, parse_document
from tradewind_engine.backtest.compiled import COMPILED
from tradewind_engine.candles import Candles
from tradewind_engine.strategy.evaluate import evaluate
from tradewind_engine.strategy.stepper import Stepper

HOUR_MS = 3_600_000


def same(whole, folded, note):
    assert whole.series.keys() == folded.series.keys()
    for name, values in whole.series.items():
        np.testing.assert_array_equal(folded.series[name], values, err_msg=f"{note}, {name}")
    np.testing.assert_array_equal(folded.entry, whole.entry, err_msg=note)
    np.testing.assert_array_equal(folded.exit, whole.exit, err_msg=note)


@pytest.mark.parametrize("seed", range(40))
def test_folding_a_document_is_evaluating_it(seed):
    """Random documents with nodes of longer timeframes, over candles with gaps, every node at every candle."""
    document, history = random_document(seed), with_gaps(random_candles(seed, 400), seed)[seed % 3 :]
    same(evaluate(document, history, COMPILED), Stepper(document).feed(history), f"random_document({seed})")


@pytest.mark.parametrize("name", TEMPLATES)
def test_folding_a_shipped_strategy_is_evaluating_it(name):
    """For each template."""
    history = random_candles(1, 600)
    same(evaluate(template(name), history, COMPILED), Stepper(template(name)).feed(history), name)


@pytest.mark.parametrize("seed", range(40))
def test_no_decision_depends_on_what_comes_later(seed):
    """Cut anywhere, also inside a longer candle, what was said before stays to the last bit."""
    document, history = random_document(seed), with_gaps(random_candles(seed, 300), seed)
    whole = evaluate(document, history, COMPILED)
    for stop in (1, 101, 102, 103, 104, len(history) - 1):
        part = evaluate(document, history[:stop], COMPILED)
        for name, values in part.series.items():
            np.testing.assert_array_equal(values, whole.series[name][:stop], err_msg=f"random_document({seed}), {name}, {stop}")


def quarters(closes, *, first=0):
    close = np.array(closes, dtype=float)
    ts = (np.arange(close.size, dtype=np.int64) + first) * HOUR_MS // 4
    return Candles(ts, close, close, close, close, np.ones(close.size))


HOURLY = parse_document(
    {
        "schema": "tradewind.strategy/v1",
        "timeframe": "15m",
        "nodes": [
            {"id": "hour", "op": "sma", "in": ["close"], "params": {"period": 1}, "timeframe": "1h"},
            {"id": "up", "op": "above", "in": ["close", "hour"]},
        ],
        "entry": {"when": "up"},
        "exit": {"when": "up"},
    }
)


@pytest.mark.parametrize("run", [lambda c: evaluate(HOURLY, c), lambda c: Stepper(HOURLY).feed(c)], ids=["vector", "step"])
def test_a_longer_candle_is_seen_when_it_has_closed(run):
    """The hour 1 2 3 4 is known at the close of its fourth quarter, and stays until the next hour has closed."""
    found = run(quarters([1, 2, 3, 4, 5, 6, 7, 8, 9]))
    np.testing.assert_array_equal([np.nan, np.nan, np.nan, 4, 4, 4, 4, 8, 8], found.series["hour"])
    assert [False, False, False, False, True, True, True, False, True] == found.entry.tolist()


@pytest.mark.parametrize("run", [lambda c: evaluate(HOURLY, c), lambda c: Stepper(HOURLY).feed(c)], ids=["vector", "step"])
def test_a_longer_candle_counts_only_if_it_was_seen_from_its_opening(run):
    """History begins in the second quarter: that hour is left out. Without its last quarter it is known one close later."""
    found = run(quarters([2, 3, 4, 5, 6, 7, 8], first=1))
    np.testing.assert_array_equal([np.nan] * 6 + [8], found.series["hour"])
    whole = quarters([1, 2, 3, 4, 5, 6, 7, 8, 9])
    broken = Candles(*(np.delete(column, 3) for column in whole.columns()))
    np.testing.assert_array_equal([np.nan, np.nan, np.nan, 3, 3, 3, 8, 8], run(broken).series["hour"])


def test_lookback_covers_longer_candles_wherever_the_window_begins():
    """One whole hour, and up to three quarters before it closed the last time: 4 + 3."""
    assert 7 == lookback_of(HOURLY)


def test_nodes_are_shown_with_what_is_not_known_as_none():
    """After three quarters the hour is unknown."""
    stepper = Stepper(HOURLY)
    for row in ((0, 1), (HOUR_MS // 4, 2), (HOUR_MS // 2, 3)):
        stepper.step(row[0], *[row[1]] * 4, 1.0)
    assert {"hour": None, "up": False} == stepper.nodes()


def test_no_candles_say_nothing():
    """Feeding nothing gives empty series."""
    found = Stepper(HOURLY).feed(quarters([]))
    assert (0, 0, 0) == (found.entry.size, found.exit.size, found.series["hour"].size)


def test_a_document_that_was_changed_says_something_else():
    """What is kept of the nodes of one run serves the next one only where they say the same."""
    document, candles = template("sma-crossover").model_copy(deep=True), random_candles(1, 300)
    before = evaluate(document, candles).series["fast"]
    document.nodes[0].params["period"] = 3
    assert np.allclose(evaluate(document, candles).series["fast"][2:], np.convolve(candles.close, [1 / 3] * 3, "valid"))
    document.nodes[0].params["period"] = template("sma-crossover").nodes[0].params["period"]
    np.testing.assert_array_equal(before, evaluate(document, candles).series["fast"])
