"""A backtest's objects and status, from its resource, its tenant's plan, and what is observed of its Job and pod."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pydantic import ValidationError

from tradewind_api.document.digest import strategy_digest
from tradewind_api.document.errors import InvalidDocumentError
from tradewind_api.document.model import StrategyDocument
from tradewind_api.plan import PlanSpec
from tradewind_api.runner import BacktestConfig
from tradewind_operator.desired.config_map import backtest_config, backtest_config_map, shared_config
from tradewind_operator.desired.job import job
from tradewind_operator.desired.names import Object
from tradewind_operator.desired.pod_state import PodState, last_words
from tradewind_operator.desired.sharing import Sharing, beyond_plan, sharing_in, sharing_of
from tradewind_operator.desired.status import Fact
from tradewind_operator.desired.strategies import MISSING, reference_of, resolve_strategy
from tradewind_operator.settings import OperatorSettings

FINAL = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class BacktestPlan:
    """What should be. `admit` says that the Job may run now; `result` and `figures` are from the worker's last words."""

    objects: list[Object]
    facts: list[Fact]
    summary: str
    admit: bool = False
    digest: str = ""
    result: Object | None = None
    figures: dict[str, str] = field(default_factory=dict)
    trust: str = ""
    trust_reasons: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class BacktestContext:
    """What a backtest is judged by.

    `waiting_before` counts the tenant's other unfinished ones, `running` the pods of those that run. `library` are the
    namespace's Strategies by name, `kept` is the document that was copied into its ConfigMap: a backtest runs what its Strategy
    was then, edits come too late.
    """

    tenant: Object | None
    plan: PlanSpec | None
    waiting_before: int
    running: int
    settings: OperatorSettings
    library: Mapping[str, Object] = field(default_factory=dict)
    kept: StrategyDocument | None = None


def desired_backtest(backtest: Object, context: BacktestContext, its_job: Object | None, pod: PodState) -> BacktestPlan:
    """Return what should be for a backtest that has not ended yet. Total, as `desired_bot` is."""
    refusal = _refusal(backtest, context)
    if refusal or context.tenant is None or context.plan is None:
        return _failed("UserError" if refusal else "NoTenant", refusal or _no_tenant(backtest))
    found = _told(backtest, context, context.tenant, context.plan, its_job)
    if isinstance(found, BacktestPlan):
        return found
    config, sharing, digest = found
    objects = [
        backtest_config_map(backtest, context.tenant, config),
        job(backtest, context.tenant, context.plan, context.settings, sharing),
    ]
    ended = _ended(its_job, pod, digest)
    if ended is not None:
        return ended
    if its_job is not None and not its_job["spec"].get("suspend"):
        facts = [
            Fact("Admitted", True, "Admitted"),
            Fact("Running", True, "PodRunning" if pod.exists else "PodStarting"),
            _open(),
        ]
        return BacktestPlan(objects, facts, "Running", admit=True, digest=digest)
    limit = context.plan.limits.concurrent_backtests
    position = context.running + context.waiting_before + sharing.pods - limit
    if position > 0:
        message = f"position {position}: plan {context.plan.display_name} runs {limit} backtests at once"
        facts = [Fact("Admitted", False, "WaitingForQuota", message), Fact("Running", False, "Queued"), _open()]
        return BacktestPlan(objects, facts, "Queued", digest=digest)
    message = f"{sharing.shards} shards of the points, {sharing.pods} pods at once" if sharing.shards > 1 else ""
    facts = [Fact("Admitted", True, "Admitted", message), Fact("Running", True, "PodStarting"), _open()]
    return BacktestPlan(objects, facts, "Running", admit=True, digest=digest)


def _told(
    backtest: Object, context: BacktestContext, tenant: Object, plan: PlanSpec, its_job: Object | None
) -> tuple[BacktestConfig, Sharing, str] | BacktestPlan:
    """Return what the pods are told, how many they are, and the strategy's digest; or how it ends without any."""
    try:
        pinned = context.kept if reference_of(backtest) else None
        document = pinned or resolve_strategy(backtest["spec"], context.library)
        config = backtest_config(backtest, tenant, document)
        if its_job is not None:
            sharing = sharing_in(its_job)
        elif beyond := beyond_plan(document, config.optimization, plan):
            return _failed("UserError", beyond)
        else:
            sharing = sharing_of(backtest["spec"], document, config.optimization, plan)
    except InvalidDocumentError as exc:
        if exc.errors[0].code == MISSING:
            return _waits_for_strategy(str(exc.errors[0].message))
        return _failed("UserError", "strategy: " + "; ".join(str(error) for error in exc.errors[:10]))
    except ValidationError as exc:
        fault = exc.errors(include_url=False)[0]
        return _failed("UserError", f"spec.{'.'.join(map(str, fault['loc']))}: {fault['msg']}")
    except ValueError as exc:
        return _failed("UserError", f"spec.dataset: {exc}")
    return shared_config(config, sharing.shards), sharing, strategy_digest(document)


def job_ended(its_job: Object | None) -> str:
    """Return Complete or Failed for a Job that has ended, else nothing."""
    for condition in ((its_job or {}).get("status") or {}).get("conditions") or []:
        if condition["type"] in {"Complete", "Failed"} and condition["status"] == "True":
            return str(condition["type"])
    return ""


def _ended(its_job: Object | None, pod: PodState, digest: str) -> BacktestPlan | None:
    ending = job_ended(its_job)
    if not ending or its_job is None:
        return None
    words = last_words(pod.last_words)
    if ending == "Complete":
        facts = [Fact("Admitted", True, "Admitted"), Fact("Running", False, "Finished"), Fact("Succeeded", True, "Succeeded")]
        figures = dict(words.get("summary") or {})
        trust = str(figures.pop("trust", ""))
        reasons = [
            {
                "code": str(one.get("code", ""))[:31],
                "level": str(one.get("level", ""))[:8],
                "message": str(one.get("message", ""))[:300],
            }
            for one in (words.get("trustReasons") or [])[:8]
            if isinstance(one, dict)
        ]
        plan = BacktestPlan([], facts, "Succeeded", digest=digest, result=words.get("result"), figures=figures, trust=trust)
        return replace(plan, trust_reasons=reasons)
    why = next(c for c in its_job["status"]["conditions"] if c["type"] == "Failed")
    reason = {
        "BadStrategy": "UserError",
        "DataMissing": "DataMissing",
    }.get(words.get("code", ""), "DeadlineExceeded" if why.get("reason") == "DeadlineExceeded" else "Internal")
    message = str(words.get("message") or why.get("message", ""))
    missing = [f"{m.get('symbol', '')} {m.get('fromMs')}..{m.get('toMs')}" for m in words.get("missing") or []]
    return _failed(reason, f"{message} (missing: {', '.join(missing)})" if missing else message, digest)


def _refusal(backtest: Object, context: BacktestContext) -> str:
    if context.tenant is None:
        return ""
    if context.plan is None:
        return f"the tenant's plan {context.tenant['spec']['plan']!r} does not exist"
    exchange = backtest["spec"]["dataset"]["exchange"]
    if context.settings.exchange(exchange) is None:
        offered = ", ".join(item.name for item in context.settings.exchanges) or "none"
        return f"spec.dataset.exchange: {exchange!r} is not offered; there is {offered}"
    symbols = len(backtest["spec"]["dataset"]["symbols"])
    allowed = context.plan.limits.symbols_per_bot
    if symbols > allowed:
        return f"spec.dataset.symbols: plan {context.plan.display_name} allows {allowed}, got {symbols}"
    return ""


def _no_tenant(backtest: Object) -> str:
    return f"namespace {backtest['metadata']['namespace']} belongs to no Tenant"


def _waits_for_strategy(message: str) -> BacktestPlan:
    """A Strategy may be applied after the backtest that names it: the condition tells, and nothing has failed."""
    facts = [Fact("Admitted", False, MISSING, message), Fact("Running", False, "Queued"), _open()]
    return BacktestPlan([], facts, "Queued")


def _open() -> Fact:
    return Fact("Succeeded", None, "NotFinished")


def _failed(reason: str, message: str, digest: str = "") -> BacktestPlan:
    facts = [
        Fact("Admitted", reason not in {"UserError", "NoTenant"} or bool(digest), reason),
        Fact("Running", False, "Finished"),
        Fact("Succeeded", False, reason, message),
    ]
    return BacktestPlan([], facts, "Failed", digest=digest)
