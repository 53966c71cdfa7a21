"""The operator as a process against the real API server: what a platform engineer does with kubectl, and what comes of it.

No kubelet runs here: where a pod must become ready or end, the test writes its status as a kubelet would.
"""

import json
import re
import time

import pytest
from apart import run_apart
from operator_kube import BOT, READY, ended
from operator_process import EXCHANGES, HOME
from portal_cluster import GROUP, wait_for

from tradewind_api.document.resolve import template
from tradewind_cluster.api import ApiError
from tradewind_kube.client import KubeClient
from tradewind_kube.configuration import load_configuration
from tradewind_kube.errors import NotFoundError
from tradewind_operator.operate import RECONCILERS, Operator
from tradewind_operator.settings import OperatorSettings

BACKTEST = {
    "strategy": {"template": "rsi"},
    "dataset": {"exchange": "simulated", "symbols": ["BTC/USDT"], "from": "2025-01-01", "to": "2025-02-01"},
}


def test_a_tenant_gets_a_namespace_of_its_own(kube, operator):
    """Closed network, quota of the plan, pods restricted by the API server, identities without rights."""
    namespace = kube.tenant("acme", "basic")
    labels = kube.get(f"/api/v1/namespaces/{namespace}")["metadata"]["labels"]
    assert ("restricted", "acme", "basic") == (
        labels["pod-security.kubernetes.io/enforce"],
        labels["tradewind.dev/tenant"],
        labels["tradewind.dev/plan"],
    )
    quota = kube.get(f"/api/v1/namespaces/{namespace}/resourcequotas/plan")["spec"]["hard"]
    assert "5" == quota["count/tradingbots.tradewind.dev"]
    assert {"default-deny", "backtests"} == {p["metadata"]["name"] for p in kube.children(namespace, "networkpolicies", "")}
    assert kube.get(f"{GROUP}/tenants/acme")["status"]["namespace"] == namespace


def test_an_unknown_plan_is_told_where_the_engineer_looks(kube, operator):
    """Condition, reason and what to type."""
    body = {"apiVersion": "tradewind.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": "lost"}, "spec": {"plan": "gold"}}
    kube.api.apply(f"{GROUP}/tenants/lost", body)
    path = f"{GROUP}/tenants/lost"
    wait_for(lambda: kube.condition(path, "Ready")["reason"] == "PlanNotFound")
    assert "there is no plan 'gold': kubectl get plan" in kube.condition(path, "Ready")["message"]


def test_a_bot_becomes_one_isolated_pod(kube, operator):
    """StatefulSet, account, configuration and policy; the summary follows the pod."""
    namespace = kube.tenant("bots")
    path = kube.make(namespace, "TradingBot", "one", BOT)
    pod = wait_for(lambda: kube.children(namespace, "pods", "bot-one-"))[0]
    wait_for(lambda: kube.summary(path) == "Starting")
    config = json.loads(kube.children(namespace, "configmaps", "bot-one-")[0]["data"]["bot.json"])
    assert ("1m", "Running", "simulated") == (config["timeframe"], config["runPolicy"], config["exchange"]["name"])
    assert 1 == len(kube.children(namespace, "networkpolicies", "bot-one-"))
    assert pod["spec"]["serviceAccountName"] == kube.children(namespace, "serviceaccounts", "bot-one-")[0]["metadata"]["name"]
    kube.pod_status(namespace, pod, READY)
    wait_for(lambda: kube.summary(path) == "Trading")
    assert "True" == kube.condition(path, "Ready")["status"]


def test_pausing_reaches_the_pod_and_stopping_takes_it_away(kube, operator):
    """Paused changes the pod's file and hurries the kubelet; Stopped leaves no pod."""
    namespace = kube.tenant("bots")
    path = kube.make(namespace, "TradingBot", "two", BOT)
    pod = wait_for(lambda: kube.children(namespace, "pods", "bot-two-"))[0]
    kube.pod_status(namespace, pod, READY)
    wait_for(lambda: kube.summary(path) == "Trading")
    before = wait_for(lambda: kube.children(namespace, "pods", "bot-two-")[0]["metadata"].get("annotations"))
    kube.patch(path, {"spec": {"runPolicy": "Paused"}})
    wait_for(lambda: kube.summary(path) == "Paused")
    assert '"runPolicy":"Paused"' in kube.children(namespace, "configmaps", "bot-two-")[0]["data"]["bot.json"]
    wait_for(lambda: kube.children(namespace, "pods", "bot-two-")[0]["metadata"]["annotations"] != before)
    kube.patch(path, {"spec": {"runPolicy": "Stopped"}})
    wait_for(lambda: kube.children(namespace, "statefulsets", "bot-two-")[0]["spec"]["replicas"] == 0)


@pytest.mark.parametrize(
    ("name", "change", "condition", "reason", "message"),
    [
        (
            "exchange",
            {"exchange": "nowhere"},
            "Admitted",
            "UnknownExchange",
            "spec.exchange: 'nowhere' is not offered; there is simulated",
        ),
        ("template", {"strategy": {"template": "smaa"}}, "StrategyValid", "Invalid", "no template 'smaa'"),
        ("address", {"parameters": {"fast.perod": 3}}, "StrategyValid", "Invalid", "did you mean 'period'?"),
        ("range", {"parameters": {"fast.period": 0}}, "StrategyValid", "Invalid", "period must be between 1 and 1000, got 0"),
        ("live", {"mode": "Live", "credentials": "k"}, "Admitted", "PlanForbids", "plan Free does not include live trading"),
        ("symbols", {"symbols": ["BTC/USDT", "ETH/USDT"]}, "Admitted", "PlanForbids", "plan Free allows 1, got 2"),
    ],
)
def test_a_bot_that_cannot_run_says_why(kube, operator, name, change, condition, reason, message):
    """Field and fix stand in a condition, and no pod is made."""
    namespace = kube.tenant(f"free-{name}", "free")
    path = kube.make(namespace, "TradingBot", name, BOT | change)
    wait_for(lambda: kube.condition(path, condition)["reason"] == reason)
    assert message in kube.condition(path, condition)["message"]
    assert "False" == kube.condition(path, "Ready")["status"]
    assert [] == kube.children(namespace, "statefulsets", "bot-")


def test_a_strategy_reaches_its_bot(kube, operator):
    """Named before it is there, made, edited, spoiled, deleted: the bot's condition and file tell of each."""
    namespace = kube.tenant("library")
    spec = {key: value for key, value in BOT.items() if key != "timeframe"} | {"strategy": {"ref": {"name": "mine"}}}
    bot = kube.make(namespace, "TradingBot", "user", spec)
    wait_for(lambda: kube.condition(bot, "StrategyValid")["reason"] == "StrategyMissing")
    assert "no Strategy 'mine'" in kube.condition(bot, "Ready")["message"]
    backtest = kube.make(namespace, "Backtest", "early", BACKTEST | {"strategy": {"ref": {"name": "mine"}}})
    wait_for(lambda: kube.condition(backtest, "Admitted")["reason"] == "StrategyMissing")
    path = kube.make(namespace, "Strategy", "mine", {"document": template("sma-crossover").to_json()})
    wait_for(lambda: kube.summary(path) == "Ready")
    wait_for(lambda: kube.get(path)["status"]["usedBy"] == 1)
    assert "SMA(10) crosses above SMA(50)" in kube.get(path)["status"]["sentence"]

    def document():
        return json.loads(kube.children(namespace, "configmaps", "bot-user-")[0]["data"]["bot.json"])["strategy"]

    wait_for(lambda: kube.children(namespace, "configmaps", "bot-user-"))
    assert template("sma-crossover").to_json() == document()
    wait_for(lambda: kube.summary(backtest) == "Running")
    kube.patch(path, {"spec": {"document": {"protect": {"stopLossPercent": 5}}}})
    wait_for(lambda: document()["protect"] == {"stopLossPercent": 5})
    wait_for(lambda: kube.get(bot)["status"]["strategyDigest"] == kube.get(path)["status"]["digest"])
    kube.patch(path, {"spec": {"document": {"entry": {"when": "fast"}}}})
    wait_for(lambda: kube.summary(path) == "Invalid")
    errors = kube.get(path)["status"]["errors"]
    assert [("", "entry.when", "WrongType")] == [(error["node"], error["field"], error["code"]) for error in errors]
    wait_for(lambda: "Strategy 'mine' is not valid" in kube.condition(bot, "StrategyValid")["message"])
    assert {"stopLossPercent": 5} == document()["protect"]
    kube.api.call("DELETE", path)
    wait_for(lambda: kube.condition(bot, "StrategyValid")["reason"] == "StrategyMissing")
    assert 1 == kube.children(namespace, "statefulsets", "bot-user-")[0]["spec"]["replicas"]


def test_the_quota_is_the_api_servers(kube, operator):
    """The second bot of plan Free is refused at once, whoever asks."""
    namespace = kube.tenant("free-quota", "free")
    kube.make(namespace, "TradingBot", "first", BOT)
    with pytest.raises(ApiError, match="exceeded quota: plan"):
        kube.make(namespace, "TradingBot", "second", BOT)


def test_what_somebody_changes_is_put_right(kube, operator):
    """A policy that was deleted comes back, a replica count that was raised goes down."""
    namespace = kube.tenant("drift")
    kube.make(namespace, "TradingBot", "bot", BOT)
    name = wait_for(lambda: kube.children(namespace, "statefulsets", "bot-"))[0]["metadata"]["name"]
    policies = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"
    wait_for(lambda: kube.children(namespace, "networkpolicies", "bot-"))
    for policy in ("default-deny", name):
        uid = kube.get(f"{policies}/{policy}")["metadata"]["uid"]
        kube.api.call("DELETE", f"{policies}/{policy}")
        wait_for(lambda policy=policy, uid=uid: kube.get(f"{policies}/{policy}")["metadata"]["uid"] != uid)
    path = f"/apis/apps/v1/namespaces/{namespace}/statefulsets/{name}"
    kube.patch(path, {"spec": {"replicas": 2}})
    wait_for(lambda: kube.get(path)["spec"]["replicas"] == 1)


def test_a_backtest_runs_when_there_is_room_and_tells_its_result(kube, operator):
    """Plan Free runs one at once: the second waits, says its place, and starts when the first has ended."""
    namespace = kube.tenant("tests", "free")
    first = kube.make(namespace, "Backtest", "first", BACKTEST)
    wait_for(lambda: kube.summary(first) == "Running")
    second = kube.make(namespace, "Backtest", "second", BACKTEST)
    wait_for(lambda: kube.summary(second) == "Queued")
    assert "position 1: plan Free runs 1 backtests at once" == kube.condition(second, "Admitted")["message"]
    pod = wait_for(lambda: kube.children(namespace, "pods", "backtest-first-"))[0]
    words = {"result": {"id": "r1", "sha256": "a" * 64}, "summary": {"totalReturn": "0.5", "trades": "7"}}
    kube.pod_status(namespace, pod, ended(0, words))
    wait_for(lambda: kube.summary(first) == "Succeeded")
    status = kube.get(first)["status"]
    assert ("r1", "0.5") == (status["result"]["id"], status["figures"]["totalReturn"])
    wait_for(lambda: kube.summary(second) == "Running", 30)


@pytest.mark.parametrize(
    ("code", "words", "reason", "message"),
    [
        (64, {"code": "BadStrategy", "message": "rsi: no"}, "UserError", "rsi: no"),
        (
            65,
            {"code": "DataMissing", "message": "import them", "missing": [{"symbol": "BTC/USDT", "fromMs": 1, "toMs": 2}]},
            "DataMissing",
            "import them (missing: BTC/USDT 1..2)",
        ),
    ],
)
def test_a_backtest_that_failed_says_why(kube, operator, code, words, reason, message):
    """The worker's last words become reason and message, without another try."""
    namespace = kube.tenant("failing")
    path = kube.make(namespace, "Backtest", f"exit-{code}", BACKTEST)
    pod = wait_for(lambda: kube.children(namespace, "pods", f"backtest-exit-{code}-"))[0]
    kube.pod_status(namespace, pod, ended(code, words))
    wait_for(lambda: kube.summary(path) == "Failed", 30)
    succeeded = kube.condition(path, "Succeeded")
    assert (reason, message) == (succeeded["reason"], succeeded["message"])


def test_a_deleted_bot_leaves_nothing(kube, operator):
    """Everything goes with its owner, nothing comes back."""
    namespace = kube.tenant("gone")
    path = kube.make(namespace, "TradingBot", "bot", BOT)
    wait_for(lambda: kube.children(namespace, "statefulsets", "bot-"))
    kube.api.call("DELETE", path)
    kinds = ("statefulsets", "configmaps", "serviceaccounts", "networkpolicies")
    wait_for(lambda: not any(kube.children(namespace, kind, "bot-") for kind in kinds), 60)


def test_what_is_missing_is_not_made_for_an_owner_that_is_gone(kube, operator, control_plane):
    """An operator that heard of the children's end, but not yet of the bot's, makes no pod for it."""
    namespace = kube.tenant("late")
    path = kube.make(namespace, "TradingBot", "bot", BOT)
    wait_for(lambda: kube.children(namespace, "statefulsets", "bot-"))
    known = {
        "tenants": {("", "late"): kube.get(f"{GROUP}/tenants/late")},
        "plans": {("", "pro"): kube.get(f"{GROUP}/plans/pro")},
        "tradingbots": {(namespace, "bot"): kube.get(path)},
    }
    kube.api.call("DELETE", path)
    kinds = ("statefulsets", "configmaps", "serviceaccounts", "networkpolicies")
    wait_for(lambda: not any(kube.children(namespace, kind, "bot-") for kind in kinds), 60)

    async def reconcile():
        client = KubeClient(load_configuration(str(control_plane.kubeconfig)), field_manager="tradewind-operator")
        async with client:
            late = Operator(client, OperatorSettings(namespace=HOME, exchanges=json.loads(EXCHANGES)), "late")
            late.world.ours |= known
            late.world.children["Namespace"]["", namespace] = kube.get(f"/api/v1/namespaces/{namespace}")
            await RECONCILERS["tradingbots"](late._context, (namespace, "bot"))

    with pytest.raises(NotFoundError, match="not found"):
        run_apart(reconcile())
    assert not any(kube.children(namespace, kind, "bot-") for kind in kinds)


def test_a_killed_operator_converges_when_it_is_back(kube, operator):
    """What was asked for while it was away is done, and what was deleted meanwhile leaves no ghost."""
    namespace = kube.tenant("away")
    old = kube.make(namespace, "TradingBot", "old", BOT)
    wait_for(lambda: kube.children(namespace, "statefulsets", "bot-old-"))
    operator.kill()
    kube.make(namespace, "TradingBot", "new", BOT)
    kube.api.call("DELETE", old)
    operator.start()
    wait_for(lambda: kube.children(namespace, "statefulsets", "bot-new-"))
    wait_for(lambda: not kube.children(namespace, "statefulsets", "bot-old-"), 60)


def test_nothing_is_written_when_nothing_changes(kube, operator):
    """In a steady state the operator applies nothing and every version stays."""
    namespace = kube.tenant("steady")
    kube.make(namespace, "TradingBot", "bot", BOT)
    wait_for(lambda: kube.children(namespace, "pods", "bot-"))
    time.sleep(3)
    applies = operator.metric("tradewind_operator_applies_total")
    version = kube.get(f"{GROUP}/namespaces/{namespace}/tradingbots/bot")["metadata"]["resourceVersion"]
    time.sleep(5)
    assert applies == operator.metric("tradewind_operator_applies_total")
    assert version == kube.get(f"{GROUP}/namespaces/{namespace}/tradingbots/bot")["metadata"]["resourceVersion"]


def test_the_log_tells_of_start_and_of_each_thing_made_and_gone(kube, operator):
    """An engineer who reads nothing but the log knows what runs, what was made for whom, and what is gone."""
    namespace = kube.tenant("logged")
    path = kube.make(namespace, "TradingBot", "told", BOT)
    name = wait_for(lambda: kube.children(namespace, "statefulsets", "bot-told-"))[0]["metadata"]["name"]
    wait_for(lambda: kube.summary(path) == "Starting")
    kube.api.call("DELETE", path)
    wait_for(lambda: f"StatefulSet {namespace}/{name}: gone" in operator.log.read_text())
    log = operator.log.read_text()
    assert f"reconciles tenants, tradingbots, backtests, strategies in all namespaces; platform in namespace {HOME};" in log
    assert f"metrics and probes on port {operator.port}" in log
    assert re.search(r"all is known, the work begins: \d+ tradingbots", log)
    for line in (
        f"Namespace {namespace}: made",
        f"StatefulSet {namespace}/{name}: made",
        f"ConfigMap {namespace}/{name}: made",
        f"TradingBot {namespace}/told: Starting, was ",
        f"TradingBot {namespace}/told: deleted",
    ):
        assert 1 == log.count(line), line
