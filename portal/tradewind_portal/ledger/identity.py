"""Which pod asks: a projected service-account token, reviewed by the API server, traced to the one resource it runs for.

A token proves a pod; the pod's label names a bot or a backtest by uid; the resource must be in the pod's namespace under that
uid. A bot whose resource is gone may still report while its pod ends.
"""

import hashlib
from dataclasses import dataclass
from time import monotonic
from typing import Literal

from tradewind_portal.cluster.port import Cluster, Kind, Object, PodIdentity, uid_of
from tradewind_portal.ledger.queries import Owner
from tradewind_portal.ledger.service import Ledgers
from tradewind_portal.problems import Problem
from tradewind_portal.tenants.scope import scope_of

KEEP_S = 60.0
LABELS: dict[Literal["bot", "backtest"], Kind] = {"bot": Kind.TRADING_BOT, "backtest": Kind.BACKTEST}


@dataclass(frozen=True, slots=True)
class Worker:
    """A pod of ours: which resource it runs for, whose that is, and the address of its node, empty where it is not known."""

    kind: Literal["bot", "backtest"]
    uid: str
    name: str
    namespace: str
    tenant_uid: str
    address: str = ""

    def owner(self) -> Owner:
        """Return the ledger's owner."""
        return Owner(self.uid, self.tenant_uid, self.namespace, self.name)


class Identities:
    """Reviews tokens; an accepted one is believed for KEEP_S."""

    def __init__(self, cluster: Cluster, ledgers: Ledgers, audience: str) -> None:
        self._cluster = cluster
        self._ledgers = ledgers
        self._audience = audience
        self._known: dict[bytes, tuple[float, Worker]] = {}

    async def worker(self, token: str, *, anew: bool = False) -> Worker:
        """Return whose token it is; `anew` asks the API server whatever is known.

        Raises:
            Problem: 401 for no valid token, 403 for a pod that is not one of ours.
        """
        digest = hashlib.sha256(token.encode()).digest()
        now = monotonic()
        known = self._known.get(digest)
        if known is not None and known[0] > now and not anew:
            return known[1]
        for stale in [key for key, (until, _) in self._known.items() if until <= now]:
            del self._known[stale]
        worker = await self._review(token)
        self._known[digest] = (now + KEEP_S, worker)
        return worker

    async def _review(self, token: str) -> Worker:
        identity = await self._cluster.review_token(token, self._audience)
        if identity is None:
            raise Problem(401, "TokenRefused", f"this is no valid token of a pod for the audience {self._audience}")
        pod = await self._cluster.pod(identity.namespace, identity.pod_name)
        if pod is None or uid_of(pod) != identity.pod_uid:
            raise _stranger(identity)
        labels = pod["metadata"].get("labels", {})
        tenant_uid = self._tenant_of(identity, labels)
        for kind, resource in LABELS.items():
            uid, name = labels.get(f"tradewind.dev/{kind}-uid"), labels.get(f"tradewind.dev/{kind}")
            if uid and name and await self._is_there(resource, uid, name, identity.namespace):
                return Worker(kind, uid, name, identity.namespace, tenant_uid, _address(pod))
        raise _stranger(identity)

    def _tenant_of(self, identity: PodIdentity, labels: dict[str, str]) -> str:
        tenant = self._cluster.cached(Kind.TENANT, labels.get("tradewind.dev/tenant", ""))
        if tenant is None or scope_of(tenant).namespace != identity.namespace:
            raise _stranger(identity)
        return uid_of(tenant)

    async def _is_there(self, kind: Kind, uid: str, name: str, namespace: str) -> bool:
        item: Object | None = self._cluster.cached(kind, name, namespace) or await self._cluster.get(kind, name, namespace)
        if item is not None and uid_of(item) == uid:
            return True
        owner = await self._ledgers.owner_of(uid) if kind is Kind.TRADING_BOT else None
        return owner is not None and (owner.namespace, owner.name) == (namespace, name)


def _address(pod: Object) -> str:
    return str((pod.get("status") or {}).get("hostIP") or "")


def _stranger(identity: PodIdentity) -> Problem:
    return Problem(403, "NotOurs", f"pod {identity.pod_name} of namespace {identity.namespace} runs for no resource of ours")
