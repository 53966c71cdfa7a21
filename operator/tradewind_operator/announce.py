"""Kubernetes Events on transitions, so that `kubectl describe` tells the story. Never more than one of a kind a minute."""

import time
from datetime import UTC, datetime

from tradewind_api.resources import API_VERSION
from tradewind_kube.client import KubeClient, group
from tradewind_kube.errors import KubeError
from tradewind_operator.desired.names import Object

EVENTS = group("events.k8s.io/v1", "events")
QUIET_S = 60.0
# What a reason says that came without a note of its own: an Event that only repeats its reason tells nothing.
SENTENCES = {
    ("TradingBot", "Trading"): "the bot trades",
    ("TradingBot", "Paused"): "the bot is paused: exits go on, nothing is bought",
    ("TradingBot", "Stopped"): "the bot is stopped, it has no pod",
    ("TradingBot", "Stopping"): "the bot ends as its stop policy says",
    ("Backtest", "Running"): "the back-test has room in its plan and runs",
    ("Backtest", "Succeeded"): "the report is at the portal, its figures are in the status",
    ("Strategy", "Ready"): "the document is valid, bots and back-tests may name it",
    ("Tenant", "Active"): "namespace and quota are there, bots may run",
    ("Tenant", "Suspended"): "the tenant is suspended, its bots are stopped",
    ("Tenant", "Offboarding"): "the tenant is being offboarded",
}


class Announcer:
    """Writes Events; an Event that cannot be written is not worth an error."""

    def __init__(self, client: KubeClient, instance: str) -> None:
        self._client, self._instance = client, instance
        self._told: dict[tuple[str, str], float] = {}

    async def tell(self, kind: str, resource: Object, reason: str, note: str, *, warning: bool = False) -> None:
        """Write an Event about a resource."""
        uid, now = resource["metadata"]["uid"], time.monotonic()
        if now - self._told.get((uid, reason), -QUIET_S) < QUIET_S:
            return
        self._told[uid, reason] = now
        if len(self._told) > 10_000:
            self._told = {key: at for key, at in self._told.items() if now - at < QUIET_S}
        body = event(kind, resource, reason, note, instance=self._instance, at_ns=time.time_ns(), warning=warning)
        try:
            await self._client.create(EVENTS, body, body["metadata"]["namespace"])
        except KubeError:
            return


def event(kind: str, resource: Object, reason: str, note: str, *, instance: str, at_ns: int, warning: bool) -> Object:
    """Return an Event about a resource.

    `kubectl describe` shows the Events of a resource by name, so the time stands in it, as in those of Kubernetes itself.
    """
    metadata = resource["metadata"]
    named = {"namespace": metadata["namespace"]} if metadata.get("namespace") else {}
    if note in {"", reason}:
        note = SENTENCES.get((kind, reason), f"the state is {reason}")
    stamp = datetime.fromtimestamp(at_ns / 1e9, UTC)
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {
            "name": f"{metadata['name'][:200].rstrip('-.')}.{at_ns:x}",
            "namespace": metadata.get("namespace", "default"),
        },
        "regarding": {"apiVersion": API_VERSION, "kind": kind, "name": metadata["name"], "uid": metadata["uid"], **named},
        "reason": reason,
        "note": note[:1000],
        "type": "Warning" if warning else "Normal",
        "action": "Reconcile",
        "eventTime": stamp.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "reportingController": "tradewind.dev/operator",
        "reportingInstance": instance,
    }
