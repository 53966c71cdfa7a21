"""What the portal asks of a cluster. Objects are Kubernetes' own JSON."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from tradewind_api.resources import API_VERSION

Object = dict[str, Any]


class Kind(Enum):
    """The kinds that the portal reads and writes: value is (kind, plural)."""

    TRADING_BOT = ("TradingBot", "tradingbots")
    BACKTEST = ("Backtest", "backtests")
    STRATEGY = ("Strategy", "strategies")
    TENANT = ("Tenant", "tenants")
    PLAN = ("Plan", "plans")

    @property
    def kind(self) -> str:
        """Return the kind's name."""
        return self.value[0]

    @property
    def plural(self) -> str:
        """Return the name in URLs."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class PodIdentity:
    """Whose a projected service-account token is, as TokenReview says."""

    namespace: str
    service_account: str
    pod_name: str
    pod_uid: str


class Cluster(Protocol):
    """Cached reads are of the last thing heard from the API server; the others ask it. Refusals raise Problem."""

    def cached(self, kind: Kind, name: str, namespace: str | None = None) -> Object | None:
        """Return an object from the cache."""

    def cached_all(self, kind: Kind, namespace: str | None = None) -> list[Object]:
        """Return the cached objects of a namespace (None: of all) by name."""

    def watch_age_s(self) -> dict[str, float]:
        """Return for each kind how long ago the API server was last heard of; infinite before the first list."""

    async def get(self, kind: Kind, name: str, namespace: str | None = None) -> Object | None:
        """Return an object, None if there is none."""

    async def apply(self, kind: Kind, body: Object, *, namespace: str | None = None, force: bool = False) -> Object:
        """Return the object after server-side apply under the field manager tradewind-portal."""

    async def delete(self, kind: Kind, name: str, *, namespace: str | None = None, uid: str | None = None) -> bool:
        """Delete an object; return False if there was none."""

    async def annotate(self, kind: Kind, name: str, namespace: str, annotations: dict[str, str | None], *, uid: str) -> None:
        """Set annotations of the very object `uid`; None takes one away."""

    async def review_token(self, token: str, audience: str) -> PodIdentity | None:
        """Return whose the token is, None if it is not valid for `audience` or not bound to a pod."""

    async def pod(self, namespace: str, name: str) -> Object | None:
        """Return a pod, None if there is none."""


def uid_of(item: Object) -> str:
    """Return metadata.uid."""
    return str(item["metadata"]["uid"])


def body_of(kind: Kind, name: str, spec: dict[str, Any], **metadata: Any) -> Object:
    """Return an object to apply."""
    return {"apiVersion": API_VERSION, "kind": kind.kind, "metadata": {"name": name, **metadata}, "spec": spec}
