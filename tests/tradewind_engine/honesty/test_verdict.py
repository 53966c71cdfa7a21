"""Each reason of a verdict, on a result made for it: what is measured, and how much trust it leaves."""

import dataclasses

import numpy as np
import pytest
from markets import market

from tradewind_api.document.resolve import template, with_parameters
from tradewind_api.document.validation import parse_document
from tradewind_engine.backtest.engine import run_backtest
from tradewind_engine.backtest.simulate import Costs
from tradewind_engine.honesty.overfitting import Overfitting
from tradewind_engine.honesty.verdict import ONE_TRY, Selection, judge

GRAPH = {
    "schema": "tradewind.strategy/v1",
    "timeframe": "1h",
    "nodes": [
        {"id": "up", "op": "rising", "in": ["close"], "params": {"bars": 1}},
        {"id": "down", "op": "falling", "in": ["close"], "params": {"bars": 1}},
    ],
    "entry": {"when": "up"},
    "exit": {"when": "down"},
}
FOLLOW = parse_document(GRAPH)
TREND = market(20, memory=0.2)
GOOD = run_backtest(FOLLOW, {"A/B": TREND}, timeframe="1h", costs=Costs(6, 0))


def levels(report, selection=ONE_TRY):
    return {reason.code: reason.level for reason in judge(report, selection).reasons}


def test_a_good_result_has_no_reason_against_it():
    """And says so in JSON, with what was measured."""
    found = judge(GOOD).to_json()
    assert ("high", []) == (found["trust"], found["trustReasons"])
    assert found["trustFigures"]["deflatedSharpe"] > 0.95


@pytest.mark.parametrize(
    ("selection", "code", "level"),
    [
        (Selection(overfitting=Overfitting(0.4, 0.1)), "Overfitted", "doubtful"),
        (Selection(overfitting=Overfitting(0.4, 0.4)), "Overfitted", "low"),
        (Selection(overfitting=Overfitting(0.3, 0.3)), "", ""),
        (Selection(neighbours=0.4), "NeedlePeak", "doubtful"),
        (Selection(neighbours=-0.1), "NeedlePeak", "low"),
        (Selection(neighbours=0.5), "", ""),
        (Selection(out_of_sample=-0.01), "FailsOutOfSample", "low"),
        (Selection(out_of_sample=0.01), "", ""),
        (Selection(trials=10**6, deviation=0.1), "CouldBeLuck", "low"),
    ],
)
def test_how_parameters_came_about_counts(selection, code, level):
    """At the bounds that docs/reference/trust.md names."""
    assert ({code: level} if code else {}) == levels(GOOD, selection)


def test_few_trades_are_doubtful_and_very_few_are_low():
    """29 and 9 of them; the figures of the same run but for their number."""
    for trades, level in ((30, None), (29, "doubtful"), (10, "doubtful"), (9, "low")):
        fewer = dataclasses.replace(GOOD, figures={**GOOD.figures, "trades": trades})
        assert level == levels(fewer).get("TooFewTrades")


def test_costs_that_are_left_out_are_put_in():
    """The same trades earn less than half with the usual fee, or nothing."""
    cheap = run_backtest(FOLLOW, {"": TREND}, timeframe="1h", costs=Costs(0, 0))
    assert "CostsLeftOut" in levels(cheap)
    thin = run_backtest(FOLLOW, {"": market(3, 3000, memory=0.08)}, timeframe="1h", costs=Costs(0, 0))
    assert "low" == levels(thin)["CostsLeftOut"]


def test_a_ratio_that_nobody_has_is_too_good_to_be_true():
    """Twice as much every hour with a little noise: an annual Sharpe ratio far above ten."""
    curve = 1e4 * np.exp(np.cumsum(np.random.default_rng(1).normal(0.001, 0.001, 3000)))
    assert "low" == levels(dataclasses.replace(GOOD, equity=curve))["TooGoodToBeTrue"]


def test_a_curve_that_could_have_lost_is_doubted():
    """A profit of noise: luck alone shows as much, and one in twenty resampled histories loses."""
    curve = 1e4 * np.exp(np.cumsum(np.random.default_rng(4).normal(0, 0.01, 3000)))
    curve *= np.linspace(1, 1.3 * curve[0] / curve[-1], 3000)
    found = levels(dataclasses.replace(GOOD, equity=curve))
    assert {"CouldBeLuck": "doubtful", "WideInterval": "doubtful"} == found


def test_data_that_know_the_future_are_named_with_their_symbol():
    """The volume before a rise is higher."""
    volume = TREND.volume.copy()
    volume[:-1] *= np.exp(300 * np.log(TREND.close[1:] / TREND.open[1:]))
    report = run_backtest(FOLLOW, {"A/B": dataclasses.replace(TREND, volume=volume)}, timeframe="1h")
    reason = judge(report).reasons[0]
    assert ("FutureInData", "low") == (reason.code, reason.level)
    assert reason.message.startswith("A/B: the volume of a candle tells the next")


def test_a_strategy_that_decides_otherwise_in_a_bot_is_low(monkeypatch):
    """No document can; so it is pretended that three decisions changed."""
    monkeypatch.setattr("tradewind_engine.honesty.verdict.changed_decisions", lambda *_: 3)
    reason = judge(GOOD).reasons[0]
    assert ("DecisionsChange", "low", 3) == (reason.code, reason.level, reason.value)


def test_a_loss_is_believed():
    """Nobody has to prove that there is no profit."""
    losing = run_backtest(
        with_parameters(template("sma-crossover"), {"fast.period": 2, "slow.period": 12}), {"": market(5, 3000)}, timeframe="1h"
    )
    assert "high" == judge(losing, Selection(trials=1000)).trust
