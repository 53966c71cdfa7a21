"""Acts of a live bot's shutdown: stop its pod, send the reaper, let it go."""

import contextlib
import logging
from datetime import UTC, datetime

from tradewind_kube.errors import NotFoundError, RefusedError
from tradewind_operator import measures
from tradewind_operator.desired.names import Object, child_name
from tradewind_operator.desired.pod_state import pod_state
from tradewind_operator.desired.reaper import REAPER, reaper_job
from tradewind_operator.desired.shutdown import LOOK_AGAIN_S, Seen, Shutdown, receipt_of, shutdown, way_out
from tradewind_operator.desired.status import Fact
from tradewind_operator.reconcile.apply import ensure, named
from tradewind_operator.reconcile.context import Context
from tradewind_operator.reconcile.finalizers import is_held, let_go
from tradewind_operator.reconcile.status import write_status
from tradewind_operator.world import CHILDREN, component_of

log = logging.getLogger("tradewind.operator")


async def reconcile_shutdown(context: Context, bot: Object) -> float | None:
    """Bring one bot's deletion on; return when to look again."""
    if not is_held(bot):
        return None  # its children go with it
    await stop(context, bot)
    step = await _send_reaper(context, bot, shutdown(bot, _seen(context, bot), datetime.now(UTC)))
    facts = [Fact("Ready", False, "Stopping", step.fact.message), step.fact]
    await write_status(context, "tradingbots", bot, facts, {"summary": "Stopping"})
    if step.late or step.done:
        await context.announcer.tell("TradingBot", bot, step.fact.reason, step.fact.message, warning=step.late)
    if step.late:
        measures.LATE.inc()
    if not step.done:
        return LOOK_AGAIN_S
    key = (bot["metadata"]["namespace"], bot["metadata"]["name"])
    current = context.world.ours["tradingbots"].get(key, bot)
    with contextlib.suppress(NotFoundError):
        await let_go(context, "tradingbots", current)
        measures.SHUTDOWNS.labels(step.fact.reason).inc()
        log.info("TradingBot %s: let go: %s", named(current["metadata"]), step.fact.message or step.fact.reason)
    return None


async def stop(context: Context, bot: Object) -> None:
    """A bot that may not run has no pod."""
    name, namespace = child_name("bot", bot), bot["metadata"]["namespace"]
    stateful_set = context.world.children["StatefulSet"].get((namespace, name))
    if stateful_set is not None and stateful_set["spec"].get("replicas") != 0:
        await context.client.merge(CHILDREN["StatefulSet"], name, {"spec": {"replicas": 0}}, namespace)
        log.info("StatefulSet %s/%s: scaled to no pod", namespace, name)


def pod_of(context: Context, bot: Object, component: str = "bot") -> Object | None:
    """Return the newest pod of a bot, or of its reaper."""
    metadata = bot["metadata"]
    pods = context.world.pods_of(metadata["namespace"], "tradewind.dev/bot-uid", metadata["uid"])
    return next((pod for pod in pods if component_of(pod) == component), None)


def _seen(context: Context, bot: Object) -> Seen:
    metadata = bot["metadata"]
    pod, reaper_pod = pod_of(context, bot), pod_of(context, bot, REAPER)
    if pod is None:
        receipt = context.world.receipts.get(metadata["uid"])
    else:  # a container that ended may be started again until its pod is deleted
        receipt = receipt_of(pod) if "deletionTimestamp" in pod["metadata"] else None
    if receipt is None and pod is None:
        told = (bot.get("status") or {}).get("conditions") or []
        receipt = next((c.get("message") for c in told if (c["type"], c["status"]) == ("SafeShutdown", "True")), None)
    job = context.world.children["Job"].get((metadata["namespace"], child_name(REAPER, bot)))
    return Seen(pod_state(pod), receipt, job, pod_state(reaper_pod))


async def _send_reaper(context: Context, bot: Object, step: Shutdown) -> Shutdown:
    tenant = context.world.tenant_of(bot["metadata"]["namespace"])
    if not step.reap:
        return step
    try:
        if tenant is None:
            raise RefusedError("the namespace belongs to no Tenant any more")
        await ensure(context, reaper_job(bot, tenant, context.settings))
    except RefusedError as exc:
        message = f"the reaper cannot start: {str(exc)[:300]}; to let the bot go: {way_out(bot)}"
        return Shutdown(Fact("SafeShutdown", False, "ReaperRefused", message), late=True)
    return step
