"""A bot's objects and status, from its resource, its tenant's plan, and what is observed of its pod.

What holds a bot back though its pod runs (a halt, a kill switch, a key that is not there) only the portal knows; it leaves a
notice at the resource, which becomes the condition Halted.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from tradewind_api.document.digest import strategy_digest
from tradewind_api.document.errors import InvalidDocumentError
from tradewind_api.document.model import StrategyDocument
from tradewind_api.plan import PlanSpec
from tradewind_api.resources import NOTICE_ANNOTATION, PASSING_NOTICES
from tradewind_api.runner import ExchangeConfig
from tradewind_operator.desired.config_map import bot_config, bot_config_map
from tradewind_operator.desired.names import Object
from tradewind_operator.desired.network_policy import bot_policy
from tradewind_operator.desired.pod_state import PodState
from tradewind_operator.desired.service_account import bot_account
from tradewind_operator.desired.stateful_set import stateful_set
from tradewind_operator.desired.status import Fact
from tradewind_operator.desired.strategies import MISSING, reference_of, resolve_strategy
from tradewind_operator.settings import OperatorSettings


@dataclass(frozen=True, slots=True)
class BotPlan:
    """What should be: objects, facts for the status, one word, and the digest of the strategy that runs."""

    objects: list[Object]
    facts: list[Fact]
    summary: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class BotContext:
    """What a bot is judged by besides its own resource.

    `rank` counts the tenant's older bots, `live_rank` the live ones; `library` are the namespace's Strategies by name; `kept`
    is the document that was last copied into the bot's ConfigMap.
    """

    tenant: Object | None
    plan: PlanSpec | None
    rank: int
    live_rank: int
    settings: OperatorSettings
    library: Mapping[str, Object] = field(default_factory=dict)
    kept: StrategyDocument | None = None


def desired_bot(bot: Object, context: BotContext, pod: PodState) -> BotPlan:
    """Return what should be for a bot. Total: a resource that cannot run gets facts that say why, and no pod."""
    refusal = admission(bot, context)
    if refusal:
        return _refused(refusal, Fact("StrategyValid", None, "NotChecked"), pod)
    document, valid = _strategy(bot, context)
    if document is None:
        return _refused(Fact("Admitted", True, "Admitted"), valid, pod)
    exchange = context.settings.exchange(bot["spec"]["exchange"])
    if context.tenant is None or exchange is None:
        raise AssertionError("admission let a bot pass without tenant or exchange")
    try:
        config = bot_config(bot, context.tenant, document, exchange)
    except ValidationError as exc:
        fault = exc.errors(include_url=False)[0]
        message = f"spec.{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
        return _refused(Fact("Admitted", False, "Invalid", message), valid, pod)
    policy, suspended = bot["spec"].get("runPolicy", "Running"), context.tenant["spec"].get("lifecycle", "Active") != "Active"
    stopped = policy == "Stopped" or suspended
    objects = [
        bot_account(bot, context.tenant),
        bot_config_map(bot, context.tenant, config),
        bot_policy(bot, context.tenant, exchange, context.settings.namespace),
        stateful_set(bot, context.tenant, context.settings, replicas=0 if stopped else 1),
    ]
    held = None if stopped else notice(bot)
    halted = held is not None and held[0] not in PASSING_NOTICES
    told = held if halted or not pod.failing else None  # what passes must not hide that the pod does not come up
    facts = [
        held_back(told) or ready(policy, pod, suspended=suspended),
        Fact("Admitted", True, "Admitted"),
        valid,
        runner_available(pod, stopped=stopped),
        *([credentials_valid(pod, held)] if is_live(bot) else []),
        *([Fact("Halted", True, *held)] if held and halted else []),
    ]
    word = "Halted" if halted else summary(policy, pod, stopped=stopped)
    return BotPlan(objects, facts, word, strategy_digest(document))


def _strategy(bot: Object, context: BotContext) -> tuple[StrategyDocument | None, Fact]:
    """Return the bot's document and whether it is valid.

    A bot that runs a Strategy which was then deleted or spoiled goes on with what it has: somebody else's slip must not take
    the pod away from under an open position.
    """
    try:
        return resolve_strategy(bot["spec"], context.library), Fact("StrategyValid", True, "Valid")
    except InvalidDocumentError as exc:
        message = "; ".join(str(error) for error in exc.errors[:10])
        reason = MISSING if exc.errors[0].code == MISSING else "Invalid"
    if reference_of(bot) and context.kept is not None:
        message += f"; the bot goes on with the strategy that it has, {strategy_digest(context.kept)[:12]}"
        return context.kept, Fact("StrategyValid", False, reason, message)
    return None, Fact("StrategyValid", False, reason, message)


def admission(bot: Object, context: BotContext) -> Fact | None:
    """Return why a bot may not run, None if it may."""
    if context.tenant is None:
        namespace = bot["metadata"]["namespace"]
        return _no(
            "NoTenant",
            f"namespace {namespace} belongs to no Tenant: create the bot in a tenant's namespace (kubectl get tenant)",
        )
    if context.plan is None:
        return _no("PlanNotFound", f"the tenant's plan {context.tenant['spec']['plan']!r} does not exist: kubectl get plan")
    limits, spec, name = context.plan.limits, bot["spec"], context.plan.display_name
    exchange = context.settings.exchange(spec["exchange"])
    if exchange is None:
        offered = ", ".join(item.name for item in context.settings.exchanges) or "none"
        return _no("UnknownExchange", f"spec.exchange: {spec['exchange']!r} is not offered; there is {offered}")
    if (refusal := _mode_refused(spec, context, context.plan, exchange)) is not None:
        return refusal
    if len(spec["symbols"]) > limits.symbols_per_bot:
        return _no("PlanForbids", f"spec.symbols: plan {name} allows {limits.symbols_per_bot}, got {len(spec['symbols'])}")
    if context.rank >= limits.bots:
        return _no(
            "QuotaExceeded", f"plan {name} allows {limits.bots} bots; older ones come first: delete one or change the plan"
        )
    return None


def _mode_refused(spec: Object, context: BotContext, plan: PlanSpec, exchange: ExchangeConfig) -> Fact | None:
    """Return why a bot may not trade live, or on paper in the way that it asks for. Never another fill model instead."""
    if spec.get("mode") != "Live":
        if spec.get("paperFill", "Book") == "Candle" or exchange.streams:
            return None
        return _no(
            "NoBooks",
            f"spec.paperFill: the platform has no WebSocket of {exchange.name}, so no order book to fill in; set Candle, "
            "which fills at the next candle's open, or ask the platform engineer for the exchange's endpoint.ws",
        )
    if "Live" not in plan.features:
        return _no(
            "PlanForbids", f"spec.mode: plan {plan.display_name} does not include live trading; use Paper or another plan"
        )
    if context.live_rank >= plan.limits.live_bots:
        return _no("QuotaExceeded", f"plan {plan.display_name} allows {plan.limits.live_bots} live bots; older ones come first")
    if not spec.get("credentials"):
        return _no("NoCredentials", "spec.credentials: a live bot needs the name of an exchange key: tw keys ls")
    return None


def is_live(bot: Object) -> bool:
    """Return whether a bot's orders are real."""
    return bool(bot["spec"].get("mode") == "Live")


def notice(bot: Object) -> tuple[str, str] | None:
    """Return (reason, message) of the portal's notice; whatever else stands there is still a notice."""
    text = (bot["metadata"].get("annotations") or {}).get(NOTICE_ANNOTATION)
    if not text:
        return None
    try:
        found = json.loads(text)
        reason, message = str(found["reason"]), str(found["message"])
    except (ValueError, TypeError, KeyError):
        reason, message = "", str(text)
    proper = reason.isascii() and reason.isalpha() and len(reason) <= 60
    return (reason if proper else "Halted"), message[:1500]


def held_back(held: tuple[str, str] | None) -> Fact | None:
    """Return the top condition of a bot that something holds back."""
    return Fact("Ready", False, *held) if held else None


def credentials_valid(pod: PodState, held: tuple[str, str] | None) -> Fact:
    """Return whether the portal handed the exchange key over: a live pod is ready only with it."""
    if held is not None and held[0].startswith("Credentials"):
        return Fact("CredentialsValid", False, *held)
    return Fact("CredentialsValid", True, "HandedOver") if pod.ready else Fact("CredentialsValid", None, "NotAskedYet")


def ready(policy: str, pod: PodState, *, suspended: bool) -> Fact:
    """Return the top condition: the pod is ready and does what runPolicy asks."""
    if suspended:
        return Fact("Ready", False, "TenantSuspended", "the tenant is not Active")
    if policy == "Stopped":
        return Fact("Ready", not pod.exists, "Stopped", "" if not pod.exists else "the pod is stopping")
    if pod.ready:
        return Fact("Ready", True, "Paused" if policy == "Paused" else "Trading")
    return Fact("Ready", False, pod.reason, pod.message)


def runner_available(pod: PodState, *, stopped: bool) -> Fact:
    """Return whether a pod serves the bot."""
    if stopped:
        return Fact("RunnerAvailable", False, "Stopped")
    return Fact("RunnerAvailable", pod.ready, "PodReady" if pod.ready else pod.reason, "" if pod.ready else pod.message)


def summary(policy: str, pod: PodState, *, stopped: bool) -> str:
    """Return the one word that `kubectl get` shows."""
    if stopped:
        return "Stopping" if pod.exists else "Stopped"
    if pod.ready:
        return "Paused" if policy == "Paused" else "Trading"
    if pod.failing:
        return "Failed"
    return "Starting" if pod.exists else "Pending"


def _no(reason: str, message: str) -> Fact:
    return Fact("Admitted", False, reason, message)


def _refused(admitted: Fact, strategy: Fact, pod: PodState) -> BotPlan:
    cause: Any = next((fact for fact in (admitted, strategy) if fact.holds is False), admitted)
    facts = [
        Fact("Ready", False, cause.reason, cause.message),
        admitted,
        strategy,
        runner_available(pod, stopped=False) if pod.exists else Fact("RunnerAvailable", False, cause.reason),
    ]
    return BotPlan([], facts, "Failed" if cause.type == "StrategyValid" else "Pending")
