"""The pure builders: deterministic, total, and never a pod that is not restricted."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind_api.plan import SHIPPED_PLANS
from tradewind_api.runner import BacktestConfig, BotConfig, ExchangeConfig
from tradewind_api.times import milliseconds
from tradewind_operator.desired.backtest import BacktestContext, desired_backtest
from tradewind_operator.desired.bot import BotContext, desired_bot
from tradewind_operator.desired.names import child_name, namespace_of
from tradewind_operator.desired.network_policy import bot_policy
from tradewind_operator.desired.pod_state import PodState, last_words, pod_state
from tradewind_operator.desired.quota import quota
from tradewind_operator.desired.status import Fact, conditions
from tradewind_operator.desired.tenant import tenant_objects
from tradewind_operator.reconcile.apply import contains, with_hash
from tradewind_operator.settings import OperatorSettings

TENANT = {"metadata": {"name": "acme", "uid": "t-1", "generation": 1}, "spec": {"plan": "pro"}}
NAMESPACE = namespace_of(TENANT)
HOST = "tradewind-simulator.tradewind.svc:9000"
SIMULATED = ExchangeConfig.model_validate(
    {"name": "simulated", "ccxtId": "binance", "endpoint": {"rest": f"http://{HOST}", "ws": f"ws://{HOST}"}}
)
SILENT = ExchangeConfig.model_validate({"name": "silent", "ccxtId": "binance", "endpoint": {"rest": f"http://{HOST}"}})
REAL = ExchangeConfig(name="binance", ccxt_id="binance")
SETTINGS = OperatorSettings(exchanges=[SIMULATED, REAL, SILENT])
BOT = {
    "metadata": {"name": "bot", "namespace": NAMESPACE, "uid": "b-1", "generation": 3},
    "spec": {
        "strategy": {"template": "rsi"},
        "exchange": "simulated",
        "symbols": ["BTC/USDT"],
        "capital": {"currency": "USDT", "amount": "1000"},
    },
}
BACKTEST = {
    "metadata": {"name": "test", "namespace": NAMESPACE, "uid": "k-1", "generation": 1},
    "spec": {
        "strategy": {"template": "rsi"},
        "dataset": {"exchange": "simulated", "symbols": ["BTC/USDT"], "from": "2025-01-01", "to": "2025-02-01"},
    },
}


def bot_with(**changes):
    found = copy.deepcopy(BOT)
    found["spec"] |= changes
    return found


def context(**changes):
    values = {"tenant": TENANT, "plan": SHIPPED_PLANS["pro"], "rank": 0, "live_rank": 0, "settings": SETTINGS} | changes
    return BotContext(**values)


def of_kind(objects, kind):
    return next(item for item in objects if item["kind"] == kind)


def assert_restricted(pod):
    """Pod Security Standards, profile `restricted`, and what we ask beyond it."""
    security = pod["securityContext"]
    assert security["runAsNonRoot"]
    assert security["runAsUser"] >= 10_000
    assert "RuntimeDefault" == security["seccompProfile"]["type"]
    assert not pod["automountServiceAccountToken"]
    assert not pod.get("hostNetwork")
    assert {"configMap", "projected", "emptyDir"} >= {key for v in pod["volumes"] for key in v if key != "name"}
    for container in pod["containers"]:
        own = container["securityContext"]
        assert not own["allowPrivilegeEscalation"]
        assert own["readOnlyRootFilesystem"]
        assert ["ALL"] == own["capabilities"]["drop"]
        assert "memory" in container["resources"]["limits"]


def test_a_bot_has_four_objects_and_a_restricted_pod():
    """Account, configuration, policy, pod; nothing else."""
    plan = desired_bot(BOT, context(), PodState())
    assert ["ServiceAccount", "ConfigMap", "NetworkPolicy", "StatefulSet"] == [item["kind"] for item in plan.objects]
    stateful_set = of_kind(plan.objects, "StatefulSet")["spec"]
    assert (1, "OnDelete") == (stateful_set["replicas"], stateful_set["updateStrategy"]["type"])
    assert_restricted(stateful_set["template"]["spec"])
    config = BotConfig.model_validate_json(of_kind(plan.objects, "ConfigMap")["data"]["bot.json"])
    assert ("1h", plan.digest, 3) == (config.timeframe, config.strategy_digest, config.bot.generation)


def test_a_backtest_is_a_suspended_job_with_a_restricted_pod():
    """Released by the operator, given up at 64 and 65."""
    found = desired_backtest(BACKTEST, BacktestContext(TENANT, SHIPPED_PLANS["pro"], 0, 0, SETTINGS), None, PodState())
    job = of_kind(found.objects, "Job")["spec"]
    assert job["suspend"]
    assert [64, 65] == job["podFailurePolicy"]["rules"][1]["onExitCodes"]["values"]
    assert_restricted(job["template"]["spec"])
    volumes = {volume["name"]: volume for volume in job["template"]["spec"]["volumes"]}
    assert "1Gi" == volumes["tmp"]["emptyDir"]["sizeLimit"]  # the portal takes 512 MiB of what is scored, twice on the way
    config = BacktestConfig.model_validate_json(of_kind(found.objects, "ConfigMap")["data"]["backtest.json"])
    assert (1_735_689_600_000, 1_738_368_000_000) == (config.dataset.from_ms, config.dataset.to_ms)


def test_a_finished_backtest_says_how_far_to_trust_it():
    """Verdict and reasons come from the last words, cut to what the status holds, whatever a pod wrote there."""
    reasons = [{"code": "CouldBeLuck", "level": "doubtful", "message": "m" * 999, "extra": 1}, "no object"]
    words = {"code": "Succeeded", "summary": {"trust": "doubtful", "sharpe": "1.0"}, "trustReasons": reasons}
    job = {"spec": {"suspend": False}, "status": {"conditions": [{"type": "Complete", "status": "True"}]}}
    where = BacktestContext(TENANT, SHIPPED_PLANS["pro"], waiting_before=0, running=0, settings=SETTINGS)
    plan = desired_backtest(BACKTEST, where, job, PodState(exists=True, last_words=json.dumps(words)))
    assert ("Succeeded", "doubtful", {"sharpe": "1.0"}) == (plan.summary, plan.trust, plan.figures)
    assert [{"code": "CouldBeLuck", "level": "doubtful", "message": "m" * 300}] == plan.trust_reasons


def test_an_optimisation_is_checked_before_anything_runs():
    """A range that the strategy does not have is the user's to mend, and no pod starts for it."""
    ranges = [{"address": "rsi.period", "min": 5, "max": 20, "step": 5}]
    good = BACKTEST | {"spec": BACKTEST["spec"] | {"optimization": {"parameters": ranges, "walkForward": {"folds": 3}}}}
    context = BacktestContext(TENANT, SHIPPED_PLANS["pro"], 0, 0, SETTINGS)
    found = desired_backtest(good, context, None, PodState())
    config = BacktestConfig.model_validate_json(of_kind(found.objects, "ConfigMap")["data"]["backtest.json"])
    assert (3, "Rolling", "sharpe") == (config.optimization.folds, config.optimization.kind, config.optimization.objective)
    ranges[0]["max"] = 5000
    refused = desired_backtest(good, context, None, PodState())
    assert [] == refused.objects
    assert "rsi.params.period: period must be between 2 and 199, got 5000" in refused.facts[-1].message


@pytest.mark.parametrize(("asked", "told"), [({}, "Book"), ({"paperFill": "Candle"}, "Candle")])
def test_the_fill_model_reaches_the_pod(asked, told):
    """What the resource says, and Book where it says nothing."""
    objects = desired_bot(bot_with(**asked), context(), PodState()).objects
    assert told == BotConfig.model_validate_json(of_kind(objects, "ConfigMap")["data"]["bot.json"]).paper_fill


def test_without_books_a_bot_that_fills_in_them_is_refused():
    """Never another fill model than the one that was asked for; whoever asks for none is told how to choose."""
    plan = desired_bot(bot_with(exchange="silent"), context(), PodState())
    assert ([], "NoBooks", False) == (plan.objects, plan.facts[0].reason, plan.facts[0].holds)
    assert "no WebSocket of silent" in plan.facts[0].message
    assert "set Candle" in plan.facts[0].message
    assert desired_bot(bot_with(exchange="silent", paperFill="Candle"), context(), PodState()).objects


@pytest.mark.parametrize(("policy", "replicas"), [("Running", 1), ("Paused", 1), ("Stopped", 0)])
def test_run_policy_is_the_number_of_pods(policy, replicas):
    """Paused keeps its pod: exits go on."""
    plan = desired_bot(bot_with(runPolicy=policy), context(), PodState())
    assert replicas == of_kind(plan.objects, "StatefulSet")["spec"]["replicas"]


@pytest.mark.parametrize("lifecycle", ["Suspended", "Offboarding"])
def test_a_suspended_tenant_has_no_pods(lifecycle):
    """Whatever its bots ask for."""
    tenant = copy.deepcopy(TENANT)
    tenant["spec"]["lifecycle"] = lifecycle
    plan = desired_bot(BOT, context(tenant=tenant), PodState())
    assert 0 == of_kind(plan.objects, "StatefulSet")["spec"]["replicas"]


@pytest.mark.parametrize(
    ("policy", "pod", "summary", "ready"),
    [
        ("Running", PodState(), "Pending", False),
        ("Running", PodState(exists=True), "Starting", False),
        ("Running", PodState(exists=True, ready=True), "Trading", True),
        ("Running", PodState(exists=True, failing=True), "Failed", False),
        ("Paused", PodState(exists=True, ready=True), "Paused", True),
        ("Stopped", PodState(exists=True, ready=True), "Stopping", False),
        ("Stopped", PodState(), "Stopped", True),
    ],
)
def test_the_summary_follows_policy_and_pod(policy, pod, summary, ready):
    """Ready means: the pod does what runPolicy asks."""
    plan = desired_bot(bot_with(runPolicy=policy), context(), pod)
    assert (summary, ready) == (plan.summary, plan.facts[0].holds)


def test_a_quota_counts_what_the_plan_sells():
    """Bots by number, pods with room for back-tests, no way out by load balancer."""
    hard = quota(TENANT, SHIPPED_PLANS["pro"])["spec"]["hard"]
    assert ("25", "0", "0") == (
        hard["count/tradingbots.tradewind.dev"],
        hard["services.loadbalancers"],
        hard["persistentvolumeclaims"],
    )


def test_a_real_exchange_is_reached_on_the_internet_only():
    """Not the cluster's own addresses, and not the cloud's metadata service."""
    policy = bot_policy(BOT, TENANT, REAL, "tradewind")
    block = policy["spec"]["egress"][2]["to"][0]["ipBlock"]
    assert {"10.0.0.0/8", "169.254.0.0/16"} <= set(block["except"])
    assert [443, 9443] == [port["port"] for port in policy["spec"]["egress"][2]["ports"]]


def test_an_exchange_that_stands_elsewhere_is_reached_there_by_both_its_addresses():
    """Requests and streams may have ports of their own."""
    rest, ws = "http://tradewind-simulator.tradewind.svc:9000", "ws://tradewind-simulator.tradewind.svc:9002"
    for endpoint, ports in (({"rest": rest}, [9000]), ({"rest": rest, "ws": ws}, [9000, 9002])):
        exchange = ExchangeConfig.model_validate({"name": "simulated", "ccxtId": "binance", "endpoint": endpoint})
        rule = bot_policy(BOT, TENANT, exchange, "tradewind")["spec"]["egress"][2]
        assert ports == [port["port"] for port in rule["ports"]]


def test_names_fit_and_differ():
    """Long names are cut, the hash keeps them apart."""
    names = {child_name("bot", {"metadata": {"name": "x" * 60, "uid": uid}}) for uid in ("a", "b")}
    assert 2 == len(names)
    assert all(len(name) <= 52 for name in names)


def test_conditions_keep_their_time_until_they_flip():
    """The reason may change without a transition."""
    before = conditions([Fact("Ready", False, "A")], [], generation=1, now="t1")
    same = conditions([Fact("Ready", False, "B")], before, generation=2, now="t2")
    flipped = conditions([Fact("Ready", True, "C")], same, generation=3, now="t3")
    assert ["t1", "t1", "t3"] == [c[0]["lastTransitionTime"] for c in (before, same, flipped)]


def test_what_is_there_may_have_more_but_not_less():
    """Defaults of the server are no drift, a missing or other value is."""
    assert contains({"a": 1, "b": [{"c": 2, "d": 3}]}, {"b": [{"c": 2}]})
    assert not contains({"b": [{"c": 2}]}, {"b": [{"c": 3}]})
    assert not contains({"b": [1, 2]}, {"b": [1]})
    assert contains({}, {})
    assert not contains({}, {"a": 1})


@pytest.mark.parametrize(
    ("text", "ms"), [("1970-01-02", 86_400_000), ("1970-01-01T00:01Z", 60_000), ("1970-01-01T00:00:01Z", 1000)]
)
def test_times_are_utc(text, ms):
    """Dates and moments."""
    assert ms == milliseconds(text)


@pytest.mark.parametrize("text", ["", "no json", "[1]", "null"])
def test_last_words_of_any_kind_are_understood(text):
    """A pod may say anything."""
    assert isinstance(last_words(text), dict)


def test_a_pod_says_why_it_is_not_ready():
    """Waiting reason and last words together."""
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
    ended = {"terminated": {"exitCode": 1, "message": json.dumps({"message": "no such symbol"})}}
    status = {"containerStatuses": [{"state": waiting, "lastState": ended, "restartCount": 4}]}
    found = pod_state({"metadata": {"name": "p"}, "spec": {"containers": [{}]}, "status": status})
    assert ("CrashLoopBackOff", "back-off no such symbol", 4, True) == (
        found.reason,
        found.message,
        found.restarts,
        found.failing,
    )


SPECS = st.fixed_dictionaries(
    {},
    optional={
        "strategy": st.sampled_from(
            [{"template": "rsi"}, {"template": "x"}, {"ref": {"name": "r"}}, {"document": {"nodes": []}}]
        ),
        "parameters": st.dictionaries(st.sampled_from(["rsi.period", "a.b", "x"]), st.floats(-10, 2000)),
        "exchange": st.sampled_from(["simulated", "binance", "none"]),
        "symbols": st.lists(st.sampled_from(["BTC/USDT", "ETH/USDT"]), min_size=1, max_size=30),
        "mode": st.sampled_from(["Paper", "Live"]),
        "runPolicy": st.sampled_from(["Running", "Paused", "Stopped"]),
        "timeframe": st.sampled_from(["1m", "1d"]),
        "risk": st.just({"maxDailyLossPercent": 3}),
    },
)


@given(SPECS, st.sampled_from([*SHIPPED_PLANS, None]), st.booleans(), st.integers(0, 200))
@settings(deadline=None)
def test_whatever_is_asked_the_answer_is_whole_and_the_same_twice(spec, plan, tenant, rank):
    """No resource makes the builder fail; equal facts give equal objects; a pod is always restricted."""
    judged = context(plan=SHIPPED_PLANS.get(plan or ""), tenant=TENANT if tenant else None, rank=rank)
    first, again = (desired_bot(bot_with(**copy.deepcopy(spec)), judged, PodState()) for _ in range(2))
    assert first == again
    assert {"Ready", "Admitted", "StrategyValid", "RunnerAvailable"} == {fact.type for fact in first.facts}
    for item in first.objects:
        assert with_hash(item) == with_hash(copy.deepcopy(item))
        assert NAMESPACE == item["metadata"]["namespace"]
        if item["kind"] == "StatefulSet":
            assert_restricted(item["spec"]["template"]["spec"])


def test_a_tenants_namespace_is_closed_before_anything_else():
    """The namespace first, then quota and default deny."""
    kinds = [item["kind"] for item in tenant_objects(TENANT, SHIPPED_PLANS["free"], "tradewind")]
    assert ["Namespace", "ResourceQuota", "NetworkPolicy"] == kinds[:3]
