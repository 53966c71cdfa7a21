"""Identities of pods: no right at the API server, only a name that the portal can check."""

from tradewind_operator.desired.names import WORKER_ACCOUNT, Object, child_name, labels, namespace_of, owned_by


def worker_account(tenant: Object) -> Object:
    """Return the identity of a tenant's backtests."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": WORKER_ACCOUNT, "namespace": namespace_of(tenant), "labels": labels("tenant", tenant)},
        "automountServiceAccountToken": False,
    }


def bot_account(bot: Object, tenant: Object) -> Object:
    """Return the identity of one bot."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {
            "name": child_name("bot", bot),
            "namespace": bot["metadata"]["namespace"],
            "labels": labels("bot", tenant, bot=bot["metadata"]["name"]),
            "ownerReferences": owned_by("TradingBot", bot),
        },
        "automountServiceAccountToken": False,
    }
