"""How an optimisation is shared by pods: the plan's room, the Indexed Job, and whose last words count. Pure, no cluster."""

import json
from decimal import Decimal

import pytest

from tradewind_api.document.resolve import template
from tradewind_api.plan import SHIPPED_PLANS
from tradewind_api.runner import BacktestConfig, ExchangeConfig
from tradewind_operator.desired.backtest import BacktestContext, desired_backtest
from tradewind_operator.desired.config_map import backtest_config
from tradewind_operator.desired.pod_state import PodState, telling
from tradewind_operator.desired.sharing import Sharing, sharing_of
from tradewind_operator.settings import OperatorSettings

SETTINGS = OperatorSettings(exchanges=[ExchangeConfig(name="binance", ccxt_id="binance")])
TENANT = {"metadata": {"name": "acme", "uid": "t-1", "generation": 1}, "spec": {"plan": "pro"}}
PRO = SHIPPED_PLANS["pro"]
PLAN = PRO.model_copy(update={"limits": PRO.limits.model_copy(update={"backtest_cpu": 4, "concurrent_backtests": 3})})
RANGE = {"address": "fast.period", "min": 1, "max": 20, "step": 1}


def backtest(**asked):
    dataset = {"exchange": "binance", "symbols": ["BTC/USDT"], "from": "2025-01-01", "to": "2025-02-01"}
    spec = {"strategy": {"template": "sma-crossover"}, "dataset": dataset, "optimization": {"parameters": [RANGE]} | asked}
    return {"metadata": {"name": "one", "namespace": "n", "uid": "u-1", "generation": 1}, "spec": spec}


def shared(**asked):
    resource = backtest(**asked)
    document = template("sma-crossover")
    return sharing_of(resource["spec"], document, backtest_config(resource, TENANT, document).optimization, PLAN)


def plan_of(resource, job=None, *, running=0, plan=PLAN):
    return desired_backtest(resource, BacktestContext(TENANT, plan, 0, running, SETTINGS), job, PodState())


def built(plan):
    kinds = {item["kind"]: item for item in plan.objects}
    return kinds["Job"], BacktestConfig.model_validate(json.loads(kinds["ConfigMap"]["data"]["backtest.json"]))


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({}, Sharing(1, 1)),
        ({"parallelism": 4}, Sharing(1, 1)),  # the plan's processors are enough
        ({"parallelism": 5}, Sharing(4, 2)),
        ({"parallelism": 256}, Sharing(6, 3)),  # three backtests at once, no more
        ({"parallelism": 8, "budget": 10}, Sharing(4, 2)),  # it chooses as it goes: the sample is shared
        ({"parallelism": 8, "budget": 3}, Sharing(1, 1)),  # a sample of one point
        ({"parallelism": 8, "budget": 10, "walkForward": {"folds": 2}}, Sharing(3, 2)),
        ({"parallelism": 8, "parameters": [RANGE | {"max": 3}]}, Sharing(3, 2)),  # three points
    ],
)
def test_how_many_pods_share(asked, wanted):
    """20 points; a plan of 4 processors a backtest and 3 at once."""
    assert wanted == shared(**asked)


def test_what_is_shared_is_an_indexed_job():
    """The index is the shard, each index has its own tries, and the pods are told how many shards there are."""
    job, config = built(plan_of(backtest(parallelism=8)))
    assert ("Indexed", 4, 2, 3, 0) == tuple(
        job["spec"][name]
        for name in ("completionMode", "completions", "parallelism", "backoffLimitPerIndex", "maxFailedIndexes")
    )
    assert "backoffLimit" not in job["spec"]
    env = {item["name"]: item for item in job["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert "batch.kubernetes.io/job-completion-index" in str(env["TRADEWIND_RUNNER_SHARD"])
    assert 4 == config.optimization.shards


def test_one_pod_is_a_plain_job():
    """As every other backtest."""
    job, config = built(plan_of(backtest()))
    assert (3, None, 1) == (job["spec"]["backoffLimit"], job["spec"].get("completionMode"), config.optimization.shards)


def test_a_job_that_exists_stays_as_it_is():
    """Another plan since then changes neither the shards nor what their pods are told."""
    resource = backtest(parallelism=8)
    job, before = built(plan_of(resource))
    larger = PLAN.model_copy(update={"limits": PLAN.limits.model_copy(update={"backtest_cpu": 64})})
    assert before == built(plan_of(resource, job, plan=larger))[1]


def test_each_pod_takes_the_room_of_a_backtest():
    """Two pods and one backtest fit into three places, two pods and two do not."""
    assert "Running" == plan_of(backtest(parallelism=8), running=1).summary
    waiting = plan_of(backtest(parallelism=8), running=2)
    assert ("Queued", "position 1: plan Pro runs 3 backtests at once") == (waiting.summary, waiting.facts[0].message)


@pytest.mark.parametrize(
    ("plan", "asked", "message"),
    [
        ("free", {}, "spec.optimization: plan Free does not include it; leave it out or take another plan"),
        ("basic", {"budget": 10, "trials": 491}, "plan Basic allows 500 points, this one may look at 501: tune less"),
        ("basic", {"walkForward": {"folds": 2}}, "spec.optimization.walkForward: plan Basic does not include it"),
    ],
)
def test_what_the_plan_does_not_grant_is_told(plan, asked, message):
    """Before any pod, with the way out."""
    failed = plan_of(backtest(**asked), plan=SHIPPED_PLANS[plan])
    assert ("Failed", []) == (failed.summary, failed.objects)
    assert message in failed.facts[-1].message


def test_what_the_plan_grants_runs():
    """500 points of plan Basic."""
    assert "Running" == plan_of(backtest(budget=10, trials=490), plan=SHIPPED_PLANS["basic"]).summary


def test_a_plan_with_points_and_without_the_feature_grants_no_optimisation():
    """The feature decides, the number says how much."""
    plan = PLAN.model_copy(update={"features": ["WalkForward"]})
    assert "plan Pro does not include it" in plan_of(backtest(), plan=plan).facts[-1].message


@pytest.mark.parametrize("plan", SHIPPED_PLANS.values(), ids=SHIPPED_PLANS)
def test_a_shipped_plan_has_points_where_it_has_optimisation(plan):
    """And a walk-forward only together with it."""
    assert ("Optimisation" in plan.features) == (plan.limits.trials > 0)
    assert "Optimisation" in plan.features or "WalkForward" not in plan.features


def test_the_pod_is_told_the_markets():
    """As the resource says it; a symbol without one takes any amount."""
    resource = backtest()
    resource["spec"]["markets"] = [{"symbol": "BTC/USDT", "amountStep": "0.00001", "minNotional": "5"}]
    market = built(plan_of(resource))[1].markets[0]
    assert ("BTC/USDT", Decimal("0.00001"), Decimal(5)) == (market.symbol, market.amount_step, market.min_notional)
    assert [] == built(plan_of(backtest()))[1].markets


def test_ranges_that_do_not_fit_are_told():
    """Before any pod."""
    failed = plan_of(backtest(parameters=[RANGE | {"address": "fats.period"}]))
    assert "Failed" == failed.summary
    assert "addresses are node.param; did you mean 'fast'?" in failed.facts[-1].message


def test_whose_last_words_count():
    """The pod with the result; of those without, one that failed; else the newest."""
    result = PodState(exists=True, exit_code=0, last_words='{"result": {"id": "r"}}')
    done = PodState(exists=True, exit_code=0, last_words='{"code": "Succeeded"}')
    failed = PodState(exists=True, exit_code=64, last_words='{"code": "BadStrategy"}')
    assert result == telling([failed, done, result, done])
    assert failed == telling([done, failed])
    assert done == telling([done, PodState()])
    assert PodState() == telling([])
