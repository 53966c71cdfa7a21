"""Tenants: their namespace and all that makes it one."""

import contextlib
import logging
from datetime import UTC, datetime

from tradewind_kube.errors import NotFoundError
from tradewind_operator.desired.names import Object, namespace_of
from tradewind_operator.desired.status import Fact
from tradewind_operator.desired.tenant import tenant_objects
from tradewind_operator.reconcile.apply import ensure_owned, named
from tradewind_operator.reconcile.context import Context
from tradewind_operator.reconcile.finalizers import is_held, let_go
from tradewind_operator.reconcile.status import write_status
from tradewind_operator.world import CHILDREN, OURS

log = logging.getLogger("tradewind.operator")
QUOTA_PATIENCE_S = 10.0  # one that counts does so within a second


async def reconcile_tenant(context: Context, key: tuple[str, str]) -> float | None:
    """Bring one tenant's objects about; return when to look again."""
    tenant = context.world.ours["tenants"].get(key)
    if tenant is None:
        return None
    if "deletionTimestamp" in tenant["metadata"]:
        return await _delete_live_bots(context, tenant)
    plan = context.world.plan_of(tenant)
    if plan is None:
        message = f"spec.plan: there is no plan {tenant['spec']['plan']!r}: kubectl get plan"
        facts = [Fact("Ready", False, "PlanNotFound", message)]
        await write_status(context, "tenants", tenant, facts, {"summary": "Failed", "namespace": ""})
        return None
    namespace = context.world.children["Namespace"].get(("", namespace_of(tenant)))
    if namespace is not None and "deletionTimestamp" in namespace["metadata"]:
        return 2.0
    await ensure_owned(context, "tenants", tenant, tenant_objects(tenant, plan, context.settings.namespace))
    counted = await _quota_counts(context, tenant)
    quota_fact = Fact("QuotaApplied", counted, "Applied" if counted else "Counting")
    lifecycle = tenant["spec"].get("lifecycle", "Active")
    facts = [
        Fact("Ready", counted, lifecycle if counted else "Counting", "" if counted else "the quota does not count yet"),
        Fact("NamespaceReady", True, "Applied"),
        quota_fact,
    ]
    fields = {"summary": lifecycle if counted else "Pending", "namespace": namespace_of(tenant)}
    await write_status(context, "tenants", tenant, facts, fields)
    return None if counted else 2.0


async def _delete_live_bots(context: Context, tenant: Object) -> float | None:
    """Let a deleted tenant go once its live bots are gone: their identity, network and key would go with its namespace."""
    if not is_held(tenant):
        return None
    bots = [bot for bot in context.world.in_namespace("tradingbots", namespace_of(tenant)) if is_held(bot)]
    for bot in bots:
        if "deletionTimestamp" not in bot["metadata"]:
            metadata = bot["metadata"]
            await context.client.delete(OURS["tradingbots"], metadata["name"], metadata["namespace"], uid=metadata["uid"])
            log.info("TradingBot %s: deleted, its tenant is", named(metadata))
    if not bots:
        with contextlib.suppress(NotFoundError):
            await let_go(context, "tenants", tenant)
        return None
    names = ", ".join(bot["metadata"]["name"] for bot in bots[:10])
    message = f"{len(bots)} live bots are being shut down first: {names}; see kubectl describe tb -n {namespace_of(tenant)}"
    facts = [Fact("Ready", False, "ShuttingDownLiveBots", message)]
    await write_status(context, "tenants", tenant, facts, {"summary": "Offboarding", "namespace": namespace_of(tenant)})
    return 2.0


async def _quota_counts(context: Context, tenant: Object) -> bool:
    """Return whether the quota counts our kinds; one that still does not after a while is made anew.

    The controller manager looks for new kinds each half a minute. A quota that was there before it found ours is counted
    only with the next full recalculation, five minutes later, and refuses everything until then; one made afterwards works.
    """
    key = (namespace_of(tenant), "plan")
    quota = context.world.children["ResourceQuota"].get(key)
    if quota is None:
        return False
    if "count/tradingbots.tradewind.dev" in ((quota.get("status") or {}).get("used") or {}):
        return True
    age = datetime.now(UTC) - datetime.fromisoformat(quota["metadata"]["creationTimestamp"])
    if age.total_seconds() > QUOTA_PATIENCE_S:
        await context.client.delete(CHILDREN["ResourceQuota"], "plan", key[0], uid=quota["metadata"]["uid"])
        log.info("ResourceQuota %s: deleted to be made anew, it does not count", named(quota["metadata"]))
        context.world.children["ResourceQuota"].pop(key, None)
    return False
