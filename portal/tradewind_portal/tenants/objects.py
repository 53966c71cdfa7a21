"""Objects of one kind in tenants' namespaces, made, changed and deleted through the API server, which decides.

Who set a field owns it (server-side apply). Somebody who changes an object here with the ETag he read takes over the fields he
sends, and no others: what a GitOps tool set stays its own.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from tradewind_portal.cluster.port import Cluster, Kind, Object, body_of, uid_of
from tradewind_portal.problems import Problem, not_found
from tradewind_portal.tenants.scope import TenantScope

ATTEMPTS = 4


class TenantObjects:
    """One kind, called `word` where people read of it; one tenant at a time."""

    def __init__(self, cluster: Cluster, kind: Kind, word: str) -> None:
        self._cluster, self._kind, self._word = cluster, kind, word
        self._making: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def create(self, tenant: TenantScope, name: str, spec: dict[str, Any]) -> Object:
        """Return a new object. Raises Problem 409 if the name is taken, 403 for quota and policy."""
        namespace = tenant.home()
        async with self._making[namespace, name]:
            if await self.find(tenant, name) is not None:
                raise Problem(409, "AlreadyExists", f"{self._word} {name} exists")
            body = body_of(self._kind, name, spec, labels=_labels_of(tenant))
            return await self._cluster.apply(self._kind, body, namespace=namespace)

    async def find(self, tenant: TenantScope, name: str) -> Object | None:
        """Return an object, None if there is none."""
        return await self._cluster.get(self._kind, name, tenant.home())

    async def get(self, tenant: TenantScope, name: str) -> Object:
        """Return an object. Raises Problem 404."""
        item = await self.find(tenant, name)
        if item is None:
            raise not_found(f"{self._word} {name}")
        return item

    def list(self, tenant: TenantScope) -> list[Object]:
        """Return the tenant's objects by name."""
        return self._cluster.cached_all(self._kind, tenant.home())

    async def write(self, tenant: TenantScope, item: Object, spec_of: Callable[[Object], dict[str, Any]]) -> Object:
        """Return `item` with the spec that `spec_of` makes of it as it is now. Raises Problem 412 if its spec was changed."""
        generation, name = item["metadata"]["generation"], item["metadata"]["name"]
        for _ in range(ATTEMPTS):
            metadata = {"labels": _labels_of(tenant), "resourceVersion": item["metadata"]["resourceVersion"]}
            body = body_of(self._kind, name, spec_of(item), **metadata)
            try:
                return await self._cluster.apply(self._kind, body, namespace=tenant.home(), force=True)
            except Problem as problem:
                if problem.code != "Conflict":
                    raise
            item = await self.get(tenant, name)  # only its status moved, else the generation tells
            if item["metadata"]["generation"] != generation:
                break
        raise Problem(412, "Changed", f"{self._word} {name} was changed meanwhile; read it again")

    async def delete(self, tenant: TenantScope, name: str, *, read: Object | None = None) -> None:
        """Delete an object, the very one that was `read`. Raises Problem 404."""
        uid = uid_of(read) if read else None
        if not await self._cluster.delete(self._kind, name, namespace=tenant.home(), uid=uid):
            raise not_found(f"{self._word} {name}")


def _labels_of(tenant: TenantScope) -> dict[str, str]:
    return {"app.kubernetes.io/managed-by": "tradewind", "tradewind.dev/tenant": tenant.name}
