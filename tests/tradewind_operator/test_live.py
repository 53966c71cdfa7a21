"""Live bots: who may have one, what holds one back, and that none goes before its orders are dealt with."""

import copy
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind_api.plan import SHIPPED_PLANS
from tradewind_api.resources import FORCE_DELETE_ANNOTATION, NOTICE_ANNOTATION
from tradewind_api.runner import BotConfig, ExchangeConfig
from tradewind_operator.desired.bot import BotContext, desired_bot
from tradewind_operator.desired.names import child_name, namespace_of
from tradewind_operator.desired.pod_state import PodState
from tradewind_operator.desired.reaper import reaper_job
from tradewind_operator.desired.shutdown import Seen, receipt_of, shutdown
from tradewind_operator.settings import OperatorSettings
from tradewind_operator.world import World

TENANT = {"metadata": {"name": "acme", "uid": "t-1", "generation": 1}, "spec": {"plan": "pro"}}
SETTINGS = OperatorSettings(exchanges=[ExchangeConfig(name="binance", ccxt_id="binance")])
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
BOT = {
    "metadata": {
        "name": "bot",
        "namespace": namespace_of(TENANT),
        "uid": "b-1",
        "generation": 3,
        "deletionTimestamp": "2026-01-01T00:00:00Z",
    },
    "spec": {
        "strategy": {"template": "rsi"},
        "exchange": "binance",
        "symbols": ["BTC/USDT"],
        "mode": "Live",
        "credentials": "main",
        "capital": {"currency": "USDT", "amount": "1000"},
        "shutdownTimeoutSeconds": 120,
    },
}
RUNS = PodState(exists=True, ready=True)
NOTHING = Seen(PodState(), None, None, PodState())
COMPLETE = {"status": {"conditions": [{"type": "Complete", "status": "True"}]}}
FAILED = {"status": {"conditions": [{"type": "Failed", "status": "True"}]}}


def bot_with(*, annotations=None, **spec):
    found = copy.deepcopy(BOT)
    found["spec"] |= spec
    found["metadata"]["annotations"] = annotations or {}
    return found


def judged(bot, pod=RUNS, plan="pro", **changes):
    values = {"tenant": TENANT, "plan": SHIPPED_PLANS[plan], "rank": 0, "live_rank": 0, "settings": SETTINGS} | changes
    return desired_bot(bot, BotContext(**values), pod)


def fact(plan, name):
    return next(item for item in plan.facts if item.type == name)


def step(bot=BOT, after_s=0, **seen):
    return shutdown(
        bot, Seen(**{**{f: getattr(NOTHING, f) for f in Seen.__slots__}, **seen}), BEGAN + timedelta(seconds=after_s)
    )


def test_a_live_bot_is_told_which_key_is_its():
    """By name: the key itself goes from portal to pod, never through the cluster's objects."""
    plan = judged(BOT)
    config = next(item for item in plan.objects if item["kind"] == "ConfigMap")
    told = BotConfig.model_validate_json(config["data"]["bot.json"])
    assert ("Live", "main") == (told.mode, told.credentials)
    assert (True, "HandedOver") == (fact(plan, "CredentialsValid").holds, fact(plan, "CredentialsValid").reason)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"plan": "free"}, "PlanForbids"),
        ({"plan": "basic", "live_rank": 1}, "QuotaExceeded"),
        ({"bot": bot_with(credentials=None)}, "NoCredentials"),
        ({"bot": bot_with(exchange="elsewhere")}, "UnknownExchange"),
    ],
)
def test_who_may_not_trade_live_is_told_why(changes, reason):
    """No object is made; the condition has the reason."""
    plan = judged(changes.pop("bot", BOT), **changes)
    assert ([], reason, False) == (plan.objects, plan.facts[0].reason, plan.facts[0].holds)


@pytest.mark.parametrize("reason", ["Halted", "KillSwitch", "SymbolTaken", "CredentialsRevoked"])
def test_what_holds_a_bot_back_is_its_condition(reason):
    """Ready is False and Halted True, both in the portal's words; the pod stays, for exits go on."""
    bot = bot_with(annotations={NOTICE_ANNOTATION: json.dumps({"reason": reason, "message": "because"})})
    plan = judged(bot)
    assert ("Halted", False, reason, "because") == (
        plan.summary,
        plan.facts[0].holds,
        plan.facts[0].reason,
        plan.facts[0].message,
    )
    assert (True, reason) == (fact(plan, "Halted").holds, fact(plan, "Halted").reason)
    assert reason.startswith("Credentials") is (fact(plan, "CredentialsValid").holds is False)
    assert 1 == next(item for item in plan.objects if item["kind"] == "StatefulSet")["spec"]["replicas"]
    stopped = judged(bot_with(annotations=bot["metadata"]["annotations"], runPolicy="Stopped"), PodState())
    assert "Stopped" == stopped.summary


@pytest.mark.parametrize("text", ["words", "[]", "7", '{"reason": "two words", "message": "m"}', '{"reason": "R"}'])
def test_a_notice_of_any_form_is_one(text):
    """Whatever stands there, the bot counts as held back, under a reason that Kubernetes accepts."""
    plan = judged(bot_with(annotations={NOTICE_ANNOTATION: text}))
    assert ("Halted", "Halted") == (plan.summary, fact(plan, "Halted").reason)


def test_while_the_pod_stops_it_is_let_stop():
    """No reaper beside it, nothing let go."""
    found = step(pod=RUNS, after_s=149)
    assert ("Stopping", False, False, False) == (found.fact.reason, found.done, found.reap, found.late)


def test_a_receipt_ends_it():
    """The words of the pod are the words of the condition."""
    found = step(receipt="2 orders cancelled")
    assert (True, True, "Receipt", "2 orders cancelled") == (
        found.done,
        found.fact.holds,
        found.fact.reason,
        found.fact.message,
    )


@pytest.mark.parametrize(("seen", "after_s"), [({}, 0), ({"pod": RUNS}, 150)])
def test_no_receipt_calls_the_reaper(seen, after_s):
    """When the pod is gone, and when it is late; the bot stays."""
    found = step(after_s=after_s, **seen)
    assert (False, True, "Reaping") == (found.done, found.reap, found.fact.reason)


def test_what_the_reaper_says_lets_the_bot_go():
    """Its last words are the condition's."""
    words = PodState(exists=True, last_words=json.dumps({"message": "cancelled 1 order"}))
    found = step(reaper=COMPLETE, reaper_pod=words)
    assert (True, "Reaped", "cancelled 1 order") == (found.done, found.fact.reason, found.fact.message)


def test_a_reaper_that_gave_up_holds_the_bot_and_names_both_ways_out():
    """Try again, or let go by hand."""
    found = step(reaper=FAILED)
    assert (False, True, "ReaperFailed") == (found.done, found.late, found.fact.reason)
    namespace = BOT["metadata"]["namespace"]
    assert f"kubectl delete job {child_name('reaper', BOT)} -n {namespace}" in found.fact.message
    assert f"kubectl annotate tb bot -n {namespace} {FORCE_DELETE_ANNOTATION}=" in found.fact.message


def test_after_twice_the_time_it_warns_and_goes_on():
    """A portal or exchange that is down for long: the bot stays, the reaper stays, the way out is named."""
    assert not step(after_s=299).late
    found = step(after_s=300)
    assert (False, True, True, "TimedOut") == (found.done, found.reap, found.late, found.fact.reason)
    assert FORCE_DELETE_ANNOTATION in found.fact.message


def test_a_person_may_let_it_go_with_a_reason_and_not_without():
    """An empty reason is none."""
    found = step(bot_with(annotations={FORCE_DELETE_ANNOTATION: "exchange closed for good"}), pod=RUNS)
    assert (True, "Forced") == (found.done, found.fact.reason)
    assert "exchange closed for good" in found.fact.message
    assert not step(bot_with(annotations={FORCE_DELETE_ANNOTATION: " "}), pod=RUNS).done


def test_leaving_orders_open_needs_no_reaper():
    """What the owner asked for; a pod that runs is waited for, though not for ever."""
    bot = bot_with(stopPolicy="LeaveOpen")
    assert (True, "LeftOpen") == (step(bot).done, step(bot).fact.reason)
    assert not step(bot, pod=RUNS, after_s=299).done
    assert step(bot, pod=RUNS, after_s=300).done


@given(
    receipt=st.none() | st.just("stopped"),
    pod=st.sampled_from([PodState(), RUNS]),
    reaper=st.sampled_from([None, {}, COMPLETE, FAILED]),
    after_s=st.integers(0, 10_000),
)
@settings(deadline=None)
def test_a_bot_that_cancels_is_never_let_go_unproved(receipt, pod, reaper, after_s):
    """Whatever is seen, and however late: only a receipt or a reaper that finished."""
    found = step(receipt=receipt, pod=pod, reaper=reaper, after_s=after_s)
    assert not found.done or receipt is not None or reaper is COMPLETE


def test_the_reaper_is_the_bot_under_another_program():
    """Same account, same configuration, same policy by label; not the StatefulSet's, and known to the portal as the bot's."""
    job = reaper_job(BOT, TENANT, SETTINGS)
    pod = job["spec"]["template"]
    assert ("b-1", "bot", "acme", "reaper") == tuple(
        pod["metadata"]["labels"][name]
        for name in (
            "tradewind.dev/bot-uid",
            "tradewind.dev/bot",
            "tradewind.dev/tenant",
            "app.kubernetes.io/component",
        )
    )
    name = child_name("bot", BOT)
    assert (name, name) == (pod["spec"]["serviceAccountName"], pod["spec"]["volumes"][0]["configMap"]["name"])
    assert ["-m", "tradewind_runner.reaper"] == pod["spec"]["containers"][0]["args"]
    assert not pod["spec"]["automountServiceAccountToken"]


def pod(state, **metadata):
    labels = {"tradewind.dev/bot-uid": "b-1", "app.kubernetes.io/component": "bot"}
    return {"metadata": {"labels": labels, **metadata}, "status": {"containerStatuses": [{"state": state}]}}


ENDED = {"terminated": {"exitCode": 0, "message": json.dumps({"code": "Stopped", "receipt": True, "message": "done"})}}


@pytest.mark.parametrize(
    ("state", "receipt"),
    [
        (ENDED, "done"),
        ({"running": {}}, None),
        ({"terminated": {"exitCode": 137}}, None),
        ({"terminated": {"exitCode": 1, "message": '{"receipt": "yes"}'}}, None),
        ({"terminated": {"exitCode": 1, "message": "receipt: true"}}, None),
    ],
)
def test_a_receipt_is_what_a_pod_that_ended_says(state, receipt):
    """Only `receipt: true` of a container that has ended."""
    assert receipt == receipt_of(pod(state))


def test_a_receipt_outlives_its_pod_and_not_the_next_one():
    """The pod goes a moment after its last words; one that runs again takes them back."""
    world = World()
    world.note_receipt(pod(ENDED, deletionTimestamp="x"))
    assert {"b-1": "done"} == world.receipts
    world.note_receipt(pod({"waiting": {}}, deletionTimestamp="x"))
    assert {"b-1": "done"} == world.receipts
    world.note_receipt(pod({"running": {}}))
    assert {} == world.receipts


@pytest.mark.parametrize("reason", ["StaleData", "BelowMinimum", "InDoubt"])
def test_what_passes_by_itself_makes_a_bot_not_ready_and_not_halted(reason):
    """The reason stands at Ready; nobody has to act for it to end."""
    plan = judged(bot_with(annotations={NOTICE_ANNOTATION: json.dumps({"reason": reason, "message": "why"})}))
    ready = fact(plan, "Ready")
    assert (False, reason, "why", "Trading") == (ready.holds, ready.reason, ready.message, plan.summary)
    assert "Halted" not in {item.type for item in plan.facts}


def test_what_passes_by_itself_does_not_hide_a_pod_that_does_not_come_up():
    """The last words of the pod stand there."""
    broken = PodState(exists=True, failing=True, reason="CrashLoopBackOff", message="does not trade NOPE/USDT")
    ready = fact(
        judged(bot_with(annotations={NOTICE_ANNOTATION: '{"reason": "NotReady", "message": "starting"}'}), broken), "Ready"
    )
    assert (False, "CrashLoopBackOff", "does not trade NOPE/USDT") == (ready.holds, ready.reason, ready.message)
