"""Kubernetes Events on transitions, so that `kubectl describe` tells the story. Never more than one of a kind a minute."""

import time
from datetime import UTC, datetime

from tradewind_api.resources import API_VERSION
from tradewind_kube.client import KubeClient, group
from tradewind_kube.errors import KubeError
from tradewind_operator.desired.names import Object, short_hash

EVENTS = group("events.k8s.io/v1", "events")
QUIET_S = 60.0


class Announcer:
    """Writes Events; an Event that cannot be written is not worth an error."""

    def __init__(self, client: KubeClient, instance: str) -> None:
        self._client, self._instance = client, instance
        self._told: dict[tuple[str, str], float] = {}

    async def tell(self, kind: str, resource: Object, reason: str, note: str, *, warning: bool = False) -> None:
        """Write an Event about a resource."""
        metadata, now = resource["metadata"], time.monotonic()
        if now - self._told.get((metadata["uid"], reason), -QUIET_S) < QUIET_S:
            return
        self._told[metadata["uid"], reason] = now
        if len(self._told) > 10_000:
            self._told = {key: at for key, at in self._told.items() if now - at < QUIET_S}
        stamp = datetime.now(UTC)
        suffix = short_hash(f"{metadata['uid']}{reason}{stamp.timestamp()}")
        namespace = metadata.get("namespace", "default")
        body = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {
                "name": f"{metadata['name'][:200]}.{suffix}",
                "namespace": namespace,
            },
            "regarding": {
                "apiVersion": API_VERSION,
                "kind": kind,
                "name": metadata["name"],
                "uid": metadata["uid"],
                **({"namespace": metadata["namespace"]} if metadata.get("namespace") else {}),
            },
            "reason": reason,
            "note": note[:1000],
            "type": "Warning" if warning else "Normal",
            "action": "Reconcile",
            "eventTime": stamp.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "reportingController": "tradewind.dev/operator",
            "reportingInstance": self._instance,
        }
        try:
            await self._client.create(EVENTS, body, namespace)
        except KubeError:
            return
