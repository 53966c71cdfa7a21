"""Bots: one pod each, or none. A live one is held by a finalizer before its first pod, and let go by its shutdown."""

import logging

from tradewind_operator.desired.bot import BotContext, BotPlan, desired_bot, is_live
from tradewind_operator.desired.names import Object, child_name
from tradewind_operator.desired.pod_state import pod_state
from tradewind_operator.desired.strategies import kept_document
from tradewind_operator.reconcile.apply import HASH, ensure_owned, named, with_hash
from tradewind_operator.reconcile.context import Context
from tradewind_operator.reconcile.finalizers import hold
from tradewind_operator.reconcile.shutdown import pod_of, reconcile_shutdown, stop
from tradewind_operator.reconcile.status import write_status
from tradewind_operator.world import CHILDREN

log = logging.getLogger("tradewind.operator")
CONFIG_HASH = "tradewind.dev/config-hash"


async def reconcile_bot(context: Context, key: tuple[str, str]) -> float | None:
    """Bring one bot about; return when to look again."""
    bot = context.world.ours["tradingbots"].get(key)
    if bot is None:
        return None
    if "deletionTimestamp" in bot["metadata"]:
        return await reconcile_shutdown(context, bot)
    tenant = context.world.tenant_of(key[0])
    if tenant is not None and ("", key[0]) not in context.world.children["Namespace"]:
        return 1.0
    siblings = context.world.in_namespace("tradingbots", key[0])
    older = siblings[: next(i for i, item in enumerate(siblings) if item["metadata"]["uid"] == bot["metadata"]["uid"])]
    judged = BotContext(
        tenant=tenant,
        plan=context.world.plan_of(tenant),
        rank=len(older),
        live_rank=sum(item["spec"].get("mode") == "Live" for item in older),
        settings=context.settings,
        library=context.world.strategies_of(key[0]),
        kept=kept_document(context.world.children["ConfigMap"].get((key[0], child_name("bot", bot))), "bot.json"),
    )
    pod = pod_of(context, bot)
    plan = desired_bot(bot, judged, pod_state(pod))
    if plan.objects and is_live(bot) and tenant is not None:  # before its first pod
        await hold(context, "tenants", tenant)
        bot = await hold(context, "tradingbots", bot)
    await ensure_owned(context, "tradingbots", bot, plan.objects)
    if not plan.objects:
        await stop(context, bot)
    if pod is not None and plan.objects:
        await _update_pod(context, bot, pod, plan)
    state = pod_state(pod)
    runner = {"podName": state.name, "image": state.image, "restarts": state.restarts, "startTime": state.start_time}
    await write_status(
        context,
        "tradingbots",
        bot,
        plan.facts,
        {"summary": plan.summary, "strategyDigest": plan.digest, "runner": runner if state.exists else None},
    )
    return None


async def _update_pod(context: Context, bot: Object, pod: Object, plan: BotPlan) -> None:
    """Tell the pod of new configuration (the kubelet syncs on an annotation), or replace one of an older template."""
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    if "deletionTimestamp" in pod["metadata"]:
        return
    config = next(item for item in plan.objects if item["kind"] == "ConfigMap")
    digest = with_hash(config)["metadata"]["annotations"][HASH]
    annotations = pod["metadata"].get("annotations") or {}
    if annotations.get(CONFIG_HASH) != digest:
        await context.client.merge(CHILDREN["Pod"], name, {"metadata": {"annotations": {CONFIG_HASH: digest}}}, namespace)
    stateful_set = context.world.children["StatefulSet"].get((namespace, child_name("bot", bot)))
    revision = ((stateful_set or {}).get("status") or {}).get("updateRevision")
    running = (pod["metadata"].get("labels") or {}).get("controller-revision-hash")
    when = (bot["spec"].get("updatePolicy") or {}).get("when", "WhenFlat")
    if revision and running != revision and (when == "Immediate" or not pod_state(pod).ready):
        await context.client.delete(CHILDREN["Pod"], name, namespace, uid=pod["metadata"]["uid"])
        log.info("Pod %s: deleted, the next one is of the newer template", named(pod["metadata"]))
