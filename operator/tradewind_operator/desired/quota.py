"""A tenant's quota: the API server itself holds it, whatever operator and portal do."""

from tradewind_api.plan import PlanSpec
from tradewind_operator.desired.names import Object, labels, namespace_of

BOT_CPU_MILLI, BOT_MEMORY_MIB = 20, 128


def quota(tenant: Object, plan: PlanSpec) -> Object:
    """Return the ResourceQuota of a plan: counts of our kinds, and room for as many pods as they may have."""
    limits = plan.limits
    backtests = limits.concurrent_backtests
    pods = limits.bots + 4 * backtests + 4
    cpu = limits.bots * BOT_CPU_MILLI + backtests * limits.backtest_cpu * 1000 + 1000
    memory = limits.bots * BOT_MEMORY_MIB + (backtests + 1) * limits.backtest_memory_mebibytes + 512
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "plan", "namespace": namespace_of(tenant), "labels": labels("tenant", tenant)},
        "spec": {
            "hard": {
                "count/tradingbots.tradewind.dev": str(limits.bots),
                "count/backtests.tradewind.dev": str(max(100, 25 * backtests)),
                "count/strategies.tradewind.dev": "500",
                "pods": str(pods),
                "requests.cpu": f"{cpu}m",
                "requests.memory": f"{memory}Mi",
                "limits.memory": f"{2 * memory}Mi",
                "persistentvolumeclaims": "0",
                "services.loadbalancers": "0",
                "services.nodeports": "0",
            }
        },
    }
