"""What the API server itself accepts and refuses of our resources: every rule with an example of both."""

import copy
import os
import subprocess

import pytest
from portal_cluster import GROUP, MERGE, make_namespace

from tradewind_api.document.resolve import TEMPLATES, template
from tradewind_api.kinds import KINDS
from tradewind_api.schema import structural
from tradewind_cluster.api import ApiError
from tradewind_cluster.binaries import binary

NAMESPACE = "definitions"
BOT = {
    "apiVersion": "tradewind.dev/v1alpha1",
    "kind": "TradingBot",
    "metadata": {"name": "bot", "namespace": NAMESPACE},
    "spec": {
        "strategy": {"template": "rsi"},
        "exchange": "simulated",
        "symbols": ["BTC/USDT"],
        "capital": {"currency": "USDT", "amount": "1000.50"},
    },
}
BACKTEST = {
    "apiVersion": "tradewind.dev/v1alpha1",
    "kind": "Backtest",
    "metadata": {"name": "backtest", "namespace": NAMESPACE},
    "spec": {
        "strategy": {"template": "rsi"},
        "dataset": {"exchange": "simulated", "symbols": ["BTC/USDT"], "from": "2025-01-01", "to": "2025-02-01"},
    },
}
RANGE = {"address": "rsi.period", "min": 5, "max": 8, "step": 1}
DOCUMENT = {
    "schema": "tradewind.strategy/v1",
    "timeframe": "1h",
    "nodes": [
        {"id": "fast", "op": "sma", "in": ["close"], "params": {"period": 5}},
        {"id": "up", "op": "above", "in": ["close", "fast"]},
    ],
    "entry": {"when": "up"},
    "exit": {"when": "up"},
}

STRATEGY = {
    "apiVersion": "tradewind.dev/v1alpha1",
    "kind": "Strategy",
    "metadata": {"name": "strategy", "namespace": NAMESPACE},
    "spec": {"document": DOCUMENT},
}


@pytest.fixture(scope="module")
def server(api):
    """The API server with our definitions."""
    make_namespace(api, NAMESPACE)
    return api


def create(server, resource, **changes):
    """Create a resource with changed fields of its spec, on trial, and return it."""
    body = copy.deepcopy(resource)
    for path, value in changes.items():
        place = body["spec"]
        *folders, last = path.split("__")
        for folder in folders:
            place = place[folder]
        if value is None:
            del place[last]
        else:
            place[last] = value
    plural = {"TradingBot": "tradingbots", "Backtest": "backtests", "Strategy": "strategies"}[body["kind"]]
    return server.call("POST", f"{GROUP}/namespaces/{NAMESPACE}/{plural}?dryRun=All", body)


def refusal(server, resource, **changes):
    with pytest.raises(ApiError) as caught:
        create(server, resource, **changes)
    return str(caught.value).replace('\\"', '"')


def test_a_plain_bot_gets_the_defaults(server):
    """Paper in the order book, running, orders cancelled when stopped."""
    spec = create(server, BOT)["spec"]
    assert ("Paper", "Book", "Running", "CancelOrders", 120) == (
        spec["mode"],
        spec["paperFill"],
        spec["runPolicy"],
        spec["stopPolicy"],
        spec["shutdownTimeoutSeconds"],
    )
    assert {"onBreach": "Halt"} == spec["risk"]


ACCEPTED = [
    ({"strategy": {"document": DOCUMENT}}, "a document written out"),
    ({"strategy": {"ref": {"name": "mine"}}}, "a Strategy by name"),
    ({"mode": "Live", "credentials": "main"}, "live with a key"),
    ({"symbols": ["BTC/USDT", "ETH/USDT"]}, "two symbols of one quote"),
    ({"parameters": {"rsi.period": 10}}, "a parameter by address"),
    ({"updatePolicy": {"channel": "Pinned", "image": "runner:1"}}, "a pinned image"),
    ({"risk": {"maxDailyLossPercent": 3.5}}, "a limit"),
]
REFUSED = [
    ({"strategy": {}}, "set exactly one of template, document and ref"),
    ({"strategy": {"template": "rsi", "ref": {"name": "mine"}}}, "set exactly one of template, document and ref"),
    ({"mode": "Live"}, "a live bot needs credentials"),
    ({"credentials": "main"}, "credentials are for live bots only"),
    ({"mode": "live"}, 'Unsupported value: "live"'),
    ({"symbols": []}, "spec.symbols"),
    ({"symbols": ["BTC-USDT"]}, "spec.symbols"),
    ({"symbols": ["BTC/USDT", "BTC/USDT"]}, "Duplicate value"),
    ({"symbols": ["BTC/EUR"]}, "every symbol must be quoted in capital.currency"),
    ({"capital__amount": "1e3"}, "spec.capital.amount"),
    ({"capital__amount": "-1"}, "spec.capital.amount"),
    ({"capital__amount": 1000}, "spec.capital.amount"),
    ({"exchange": "https://evil.example"}, "spec.exchange"),
    ({"exchange": None}, "spec.exchange"),
    ({"timeframe": "7m"}, "spec.timeframe"),
    ({"updatePolicy": {"channel": "Pinned"}}, "image is set with channel Pinned, and only then"),
    ({"updatePolicy": {"image": "runner:1"}}, "image is set with channel Pinned, and only then"),
    ({"risk": {"maxDailyLossPercent": 101}}, "spec.risk.maxDailyLossPercent"),
    ({"shutdownTimeoutSeconds": 5}, "spec.shutdownTimeoutSeconds"),
    ({"strategy": {"document": DOCUMENT | {"nodes": []}}}, "nodes"),
    (
        {"strategy": {"document": DOCUMENT | {"nodes": [*DOCUMENT["nodes"], {"id": "x", "op": "sma", "in": ["gone"]}]}}},
        "every reference in `in` must be",
    ),
    ({"strategy": {"document": DOCUMENT | {"nodes": [DOCUMENT["nodes"][0]] * 2}}}, "Duplicate value"),
]


@pytest.mark.parametrize(("changes", "what"), ACCEPTED, ids=[what for _, what in ACCEPTED])
def test_a_bot_is_accepted(server, changes, what):
    """What a trader may write."""
    assert create(server, BOT, **changes)["kind"] == "TradingBot"


@pytest.mark.parametrize(("changes", "message"), REFUSED)
def test_a_bot_is_refused(server, changes, message):
    """The answer names the field or the rule."""
    assert message in refusal(server, BOT, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"optimization": {"parameters": [RANGE]}},
        {"optimization": {"parameters": [RANGE], "parallelism": 16, "walkForward": {"kind": "Anchored"}}},
        {
            "optimization": {
                "parameters": [RANGE, RANGE | {"address": "oversold.value"}],
                "objective": "calmar",
                "constraints": ["trades>=30", "maxDrawdown<=0.25"],
                "walkForward": {},
            }
        },
        {"strategy": {"document": DOCUMENT | {"protect": {"trailingStopPercent": 2, "cooldownCandles": 3}}}},
        {"strategy": {"document": DOCUMENT | {"entry": {"when": "up", "ladder": {"steps": 3, "spacingPercent": 2}}}}},
    ],
)
def test_a_backtest_is_accepted(server, changes):
    """Optimisations, and strategies with all that they may have."""
    assert create(server, BACKTEST, **changes)["kind"] == "Backtest"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset__from": "2025-03-01"}, "from must be before to"),
        ({"dataset__from": "yesterday"}, "spec.dataset.from"),
        ({"dataset__symbols": None}, "spec.dataset.symbols"),
        ({"fees": {"takerBps": -1}}, "spec.fees.takerBps"),
        ({"fees": {"takerBps": 1001}}, "spec.fees.takerBps"),
        ({"markets": [{"symbol": "XRP/USDT"}]}, "markets names a symbol that dataset.symbols does not"),
        ({"markets": [{"symbol": "BTC/USDT", "amountStep": "-1"}]}, "spec.markets[0].amountStep"),
        ({"markets": [{"symbol": "BTC/USDT"}] * 2}, "Duplicate value"),
        ({"optimization": {"parameters": []}}, "spec.optimization.parameters"),
        ({"optimization": {"parameters": [RANGE | {"min": 9}]}}, "min must not be above max"),
        ({"optimization": {"parameters": [RANGE, RANGE]}}, "Duplicate value"),
        ({"optimization": {"parameters": [RANGE], "objective": "luck"}}, "spec.optimization.objective"),
        ({"optimization": {"parameters": [RANGE], "constraints": ["trades>5"]}}, "spec.optimization.constraints"),
        ({"optimization": {"parameters": [RANGE], "parallelism": 0}}, "spec.optimization.parallelism"),
        ({"optimization": {"parameters": [RANGE], "walkForward": {"folds": 1}}}, "spec.optimization.walkForward.folds"),
    ],
)
def test_a_backtest_is_refused(server, changes, message):
    """The answer names the field or the rule."""
    assert message in refusal(server, BACKTEST, **changes)


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_shipped_strategy_is_accepted(server, name):
    """As the portal writes it and as its file has it."""
    assert create(server, STRATEGY, document=template(name).to_json())["kind"] == "Strategy"


NODE = DOCUMENT["nodes"][1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"document": None}, "spec.document"),
        ({"document__timeframe": "7m"}, "spec.document.timeframe"),
        ({"document__schema": "tradewind.strategy/v2"}, "spec.document.schema"),
        ({"document__nodes": []}, "spec.document.nodes"),
        ({"document__nodes": [NODE | {"id": f"n{i}", "in": ["close"]} for i in range(65)]}, "must have at most 64 items"),
        ({"document__nodes": [NODE | {"id": "Up"}]}, "spec.document.nodes[0].id"),
        ({"document__nodes": [NODE | {"in": ["gone"]}]}, "every reference in `in` must be"),
        ({"document__nodes": [DOCUMENT["nodes"][0]] * 2}, "Duplicate value"),
        ({"document__nodes": [NODE | {"in": ["close"], "params": {"value": "3"}}]}, "spec.document.nodes[0].params.value"),
        ({"document__entry": {}}, "spec.document.entry.when"),
        ({"document__protect": {"stopLossPercent": 101}}, "spec.document.protect.stopLossPercent"),
        ({"document__entry": {"when": "up", "ladder": {"steps": 11, "spacingPercent": 1}}}, "spec.document.entry.ladder.steps"),
    ],
)
def test_a_strategy_is_refused(server, changes, message):
    """The answer names the field or the rule."""
    assert message in refusal(server, STRATEGY, **changes)


@pytest.fixture(scope="module")
def stored(server):
    """A bot and a backtest that are there."""
    base = f"{GROUP}/namespaces/{NAMESPACE}"
    live = copy.deepcopy(BOT)
    live["metadata"]["name"] = "live"
    live["spec"] |= {"mode": "Live", "credentials": "main"}
    server.call("POST", f"{base}/tradingbots", live)
    server.call("POST", f"{base}/backtests", BACKTEST)
    return base


@pytest.mark.parametrize(
    ("path", "spec", "message"),
    [
        ("tradingbots/live", {"exchange": "other"}, "exchange cannot be changed"),
        ("tradingbots/live", {"mode": "Paper", "credentials": None}, "a live bot cannot become a paper bot"),
        ("backtests/backtest", {"strategy": {"template": "sma-crossover"}}, "strategy cannot be changed"),
        ("backtests/backtest", {"dataset": {"to": "2025-03-01"}}, "dataset cannot be changed"),
        ("backtests/backtest", {"parameters": {"rsi.period": 3}}, "parameters cannot be changed"),
        ("backtests/backtest", {"fees": {"takerBps": 1}}, "fees cannot be changed"),
        ("backtests/backtest", {"markets": [{"symbol": "BTC/USDT", "minNotional": "5"}]}, "markets cannot be changed"),
        ("backtests/backtest", {"seed": 1}, "seed cannot be changed"),
        ("backtests/backtest", {"optimization": {"parameters": [RANGE]}}, "optimization cannot be changed"),
        ("backtests/backtest", {"capital": {"amount": "5"}}, "capital cannot be changed"),
    ],
)
def test_what_cannot_change_cannot_change(server, stored, path, spec, message):
    """Transition rules say what to do instead."""
    with pytest.raises(ApiError, match=message):
        server.call("PATCH", f"{stored}/{path}", {"spec": spec}, content_type=MERGE)


@pytest.mark.parametrize(
    ("path", "spec"),
    [("tradingbots/live", {"runPolicy": "Paused"}), ("backtests/backtest", {"ttlSecondsAfterFinished": 5})],
)
def test_what_may_change_may_change(server, stored, path, spec):
    """Run policy and time to live."""
    assert spec.items() <= server.call("PATCH", f"{stored}/{path}", {"spec": spec}, content_type=MERGE)["spec"].items()


def kubectl(control_plane, *arguments):
    env = os.environ | {"KUBECONFIG": str(control_plane.kubeconfig)}
    done = subprocess.run([str(binary("kubectl")), *arguments], env=env, capture_output=True, text=True, check=True)
    return done.stdout


def test_kubectl_explains_every_field(server, control_plane):
    """No field of a spec is without words."""
    for kind in KINDS:
        for name, field in structural(kind.spec)["properties"].items():
            assert field.get("description"), f"{kind.kind}.spec.{name}"
    assert "Loss since midnight UTC" in kubectl(control_plane, "explain", "tb.spec.risk")


def test_kubectl_lists_all_kinds_by_category(server, stored, control_plane):
    """`kubectl get tradewind -A`."""
    listed = kubectl(control_plane, "get", "tradewind", "-A")
    for name in ("tradingbot.tradewind.dev/live", "backtest.tradewind.dev/backtest", "plan.tradewind.dev/free"):
        assert name in listed


def test_four_plans_are_shipped(server):
    """Free, Basic, Pro and Elite with the numbers of the price list."""
    plans = {plan["metadata"]["name"]: plan["spec"] for plan in server.call("GET", f"{GROUP}/plans")["items"]}
    assert {"free", "basic", "pro", "elite"} <= set(plans)
    assert [1, 5, 25, 100] == [plans[name]["limits"]["bots"] for name in ("free", "basic", "pro", "elite")]
    assert "Live" not in plans["free"]["features"]
