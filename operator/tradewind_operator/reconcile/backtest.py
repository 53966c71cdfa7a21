"""Backtests: one Job each, released when the tenant has room for it, told about when it has ended."""

import logging
from typing import Any

from tradewind_kube.errors import NotFoundError
from tradewind_operator.desired.backtest import FINAL, BacktestContext, BacktestPlan, desired_backtest, job_ended
from tradewind_operator.desired.names import Object, child_name
from tradewind_operator.desired.pod_state import pod_state, telling
from tradewind_operator.desired.strategies import MISSING, kept_document
from tradewind_operator.reconcile.apply import ensure_owned
from tradewind_operator.reconcile.context import Context
from tradewind_operator.reconcile.status import now, write_status
from tradewind_operator.world import CHILDREN

log = logging.getLogger("tradewind.operator")


async def reconcile_backtest(context: Context, key: tuple[str, str]) -> float | None:
    """Bring one backtest about; return when to look again. What has ended stays as it ended."""
    backtest = context.world.ours["backtests"].get(key)
    if backtest is None or "deletionTimestamp" in backtest["metadata"]:
        return None
    before = backtest.get("status") or {}
    if before.get("summary") in FINAL:
        return None
    tenant = context.world.tenant_of(key[0])
    if tenant is not None and ("", key[0]) not in context.world.children["Namespace"]:
        return 1.0
    job_key = (key[0], child_name("backtest", backtest))
    its_job = context.world.children["Job"].get(job_key)
    pods = context.world.pods_of(key[0], "tradewind.dev/backtest-uid", backtest["metadata"]["uid"])
    states = [pod_state(pod) for pod in pods]
    if job_ended(its_job) and any(state.exit_code is None for state in states):
        return 0.5  # last words are on their way
    state = telling(states)
    running, waiting = _others(context, backtest)
    judged = BacktestContext(
        tenant=tenant,
        plan=context.world.plan_of(tenant),
        waiting_before=waiting,
        running=running,
        settings=context.settings,
        library=context.world.strategies_of(key[0]),
        kept=kept_document(context.world.children["ConfigMap"].get(job_key), "backtest.json"),
    )
    plan = desired_backtest(backtest, judged, its_job, state)
    await _act(context, backtest, plan, job_key, its_job)
    await write_status(context, "backtests", backtest, plan.facts, _fields(plan, before))
    return 5.0 if plan.summary == "Queued" else None


async def _act(
    context: Context, backtest: Object, plan: BacktestPlan, job_key: tuple[str, str], its_job: Object | None
) -> None:
    """Make what is missing and release the Job; a Job that exists is never applied again, its template cannot change."""
    wanted = [desired for desired in plan.objects if desired["kind"] != "Job" or its_job is None]
    await ensure_owned(context, "backtests", backtest, wanted)
    current = context.world.children["Job"].get(job_key)
    if plan.admit and current is not None and current["spec"].get("suspend"):
        try:
            context.world.children["Job"][job_key] = await context.client.merge(
                CHILDREN["Job"], job_key[1], {"spec": {"suspend": False}}, job_key[0]
            )
            log.info("Job %s: released, its tenant has room", "/".join(job_key))
        except NotFoundError:
            context.world.children["Job"].pop(job_key, None)


def _others(context: Context, backtest: Object) -> tuple[int, int]:
    """Return how many pods other backtests of the namespace run, and how many older ones wait."""
    metadata, running, waiting, older = backtest["metadata"], 0, 0, True
    for other in context.world.in_namespace("backtests", metadata["namespace"]):
        if other["metadata"]["uid"] == metadata["uid"]:
            older = False
            continue
        if (other.get("status") or {}).get("summary") in FINAL:
            continue
        its_job = context.world.children["Job"].get((metadata["namespace"], child_name("backtest", other)))
        if its_job is not None and not its_job["spec"].get("suspend") and not job_ended(its_job):
            running += its_job["spec"].get("parallelism") or 1
        elif older and not job_ended(its_job) and not _without_strategy(other):
            waiting += 1
    return running, waiting


def _without_strategy(backtest: Object) -> bool:
    """Return whether it waits for a Strategy that is not there; it keeps nobody waiting."""
    return any(condition["reason"] == MISSING for condition in (backtest.get("status") or {}).get("conditions") or [])


def _fields(plan: BacktestPlan, before: Object) -> dict[str, Any]:
    fields: dict[str, Any] = {"summary": plan.summary}
    if plan.digest:
        fields["strategyDigest"] = plan.digest
    if plan.admit and not before.get("startTime"):
        fields["startTime"] = now()
    if plan.summary in FINAL:
        fields["completionTime"] = now()
    if plan.result:
        fields |= {"result": plan.result, "figures": plan.figures, "trust": plan.trust, "trustReasons": plan.trust_reasons}
    return fields
