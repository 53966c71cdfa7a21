"""Strategies by name: their status, and what bots and backtests make of them. Pure, no cluster."""

import json

import pytest

from tradewind_api.document.digest import strategy_digest
from tradewind_api.document.resolve import template
from tradewind_api.plan import SHIPPED_PLANS
from tradewind_api.runner import ExchangeConfig
from tradewind_operator.desired.backtest import BacktestContext, desired_backtest
from tradewind_operator.desired.bot import BotContext, desired_bot
from tradewind_operator.desired.pod_state import PodState
from tradewind_operator.desired.strategies import kept_document
from tradewind_operator.desired.strategy import desired_strategy
from tradewind_operator.settings import OperatorSettings

SETTINGS = OperatorSettings(exchanges=[ExchangeConfig(name="binance", ccxt_id="binance")])
TENANT = {"metadata": {"name": "acme", "uid": "t-1", "generation": 1}, "spec": {"plan": "pro"}}
MINE = {"ref": {"name": "mine"}}
METADATA = {"name": "one", "namespace": "n", "uid": "u-1", "generation": 1}
CAPITAL = {"currency": "USDT", "amount": "1000"}
BOT = {
    "metadata": METADATA,
    "spec": {"strategy": MINE, "exchange": "binance", "symbols": ["BTC/USDT"], "capital": CAPITAL},
}
DATASET = {"exchange": "binance", "symbols": ["BTC/USDT"], "from": "2025-01-01", "to": "2025-02-01"}
BACKTEST = {"metadata": METADATA, "spec": {"strategy": MINE, "dataset": DATASET}}
RSI, SMA = template("rsi"), template("sma-crossover")


def strategy(document):
    return {"metadata": {"name": "mine", "namespace": "n", "uid": "s"}, "spec": {"document": document}}


def of_bot(library, kept=None):
    context = BotContext(TENANT, SHIPPED_PLANS["pro"], 0, 0, SETTINGS, library, kept)
    return desired_bot(BOT, context, PodState())


def of_backtest(library, kept=None):
    context = BacktestContext(TENANT, SHIPPED_PLANS["pro"], 0, 0, SETTINGS, library, kept)
    return desired_backtest(BACKTEST, context, None, PodState())


def copied(plan, file):
    config_map = next(item for item in plan.objects if item["kind"] == "ConfigMap")
    return kept_document(config_map, file)


def fact(plan, name):
    return next(found for found in plan.facts if found.type == name)


def test_a_valid_strategy_says_what_it_means():
    """Digest, history, and the sentence."""
    plan = desired_strategy(strategy(RSI.to_json()), used_by=2)
    assert [("Compiled", True), ("Ready", True)] == [(found.type, found.holds) for found in plan.facts]
    assert strategy_digest(RSI) == plan.fields["digest"]
    assert [{"timeframe": "1h", "candles": 351}] == plan.fields["lookback"]
    wanted = "On closed 1h candles: buy 100 % of equity when RSI(14) is below 30; sell when RSI(14) is above 55."
    assert (wanted, 2, []) == (plan.fields["sentence"], plan.fields["usedBy"], plan.fields["errors"])


def test_an_invalid_strategy_says_all_that_is_wrong():
    """Two faults of two nodes, and neither digest nor sentence of what was there before."""
    raw = RSI.to_json()
    raw["nodes"][0] |= {"op": "rssi"}
    raw["nodes"][1]["in"] = ["rsy"]
    plan = desired_strategy(strategy(raw), used_by=0)
    assert [("rsi", "op", "UnknownOperation"), ("oversold", "in.0", "UnknownReference")] == [
        (error["node"], error["field"], error["code"]) for error in plan.fields["errors"]
    ]
    assert all("did you mean 'rsi'?" in error["message"] for error in plan.fields["errors"])
    assert ("Invalid", "", "", []) == tuple(plan.fields[name] for name in ("summary", "digest", "sentence", "lookback"))


@pytest.mark.parametrize("raw", [None, [], "x", {}, {"nodes": 3}])
def test_a_strategy_of_nonsense_is_invalid(raw):
    """Whatever stands there, the operator lives."""
    assert "Invalid" == desired_strategy(strategy(raw), used_by=0).fields["summary"]


def test_a_bot_runs_the_strategy_it_names():
    """The document is copied, its digest is the bot's."""
    plan = of_bot({"mine": strategy(SMA.to_json())})
    assert (SMA, strategy_digest(SMA)) == (copied(plan, "bot.json"), plan.digest)


def test_a_missing_strategy_is_named():
    """With the name that was meant."""
    found = fact(of_bot({"mime": strategy(SMA.to_json())}), "StrategyValid")
    wanted = "strategy.ref: this namespace has no Strategy 'mine'; did you mean 'mime'?"
    assert (False, "StrategyMissing", wanted) == (found.holds, found.reason, found.message)


def test_a_new_bot_of_an_invalid_strategy_does_not_start():
    """The condition names the Strategy and the node."""
    plan = of_bot({"mine": strategy({**SMA.to_json(), "entry": {"when": "gone"}})})
    found = fact(plan, "StrategyValid")
    assert ([], False, "Invalid") == (plan.objects, found.holds, found.reason)
    assert "Strategy 'mine' is not valid: entry.when: nothing is called 'gone'" in found.message


@pytest.mark.parametrize("library", [{}, {"mine": strategy({"nodes": []})}])
def test_a_running_bot_outlives_its_strategy(library):
    """Deleted or spoiled: it goes on with the copy, and says so."""
    plan = of_bot(library, kept=SMA)
    found = fact(plan, "StrategyValid")
    assert (SMA, False) == (copied(plan, "bot.json"), found.holds)
    assert "the bot goes on with the strategy that it has" in found.message


def test_an_edit_reaches_the_bot():
    """A valid one replaces the copy; when the runner takes it is the update policy's business."""
    assert RSI == copied(of_bot({"mine": strategy(RSI.to_json())}, kept=SMA), "bot.json")


def test_a_backtest_runs_what_its_strategy_was():
    """Edits come too late for it."""
    assert SMA == copied(of_backtest({"mine": strategy(RSI.to_json())}, kept=SMA), "backtest.json")


def test_a_backtest_waits_for_its_strategy():
    """Applied in the wrong order, nothing fails; the condition says what is waited for."""
    plan = of_backtest({})
    found = fact(plan, "Admitted")
    assert ("Queued", False, "StrategyMissing") == (plan.summary, found.holds, found.reason)
    assert "Running" == of_backtest({"mine": strategy(SMA.to_json())}).summary


def test_a_copy_that_cannot_be_read_is_none():
    """Somebody edited the ConfigMap by hand."""
    for text in ("", "{}", "[]", "null", json.dumps({"strategy": {"nodes": []}})):
        assert kept_document({"data": {"bot.json": text}}, "bot.json") is None
    assert kept_document(None, "bot.json") is None


def test_another_timeframe_must_fit_the_nodes():
    """A node of 1h cannot work on top of 4h candles."""
    raw = SMA.to_json() | {"timeframe": "15m"}
    raw["nodes"][0]["timeframe"] = "1h"
    resource = {**BOT, "spec": {**BOT["spec"], "timeframe": "4h"}}
    context = BotContext(TENANT, SHIPPED_PLANS["pro"], 0, 0, SETTINGS, {"mine": strategy(raw)})
    assert "1h is no whole multiple" in fact(desired_bot(resource, context, PodState()), "StrategyValid").message
