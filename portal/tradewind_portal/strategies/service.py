"""Making and changing strategies through the API server; a document is checked first, as the operator will check it."""

import asyncio
from collections import defaultdict
from typing import Any

from tradewind_api.document.errors import InvalidDocumentError
from tradewind_api.document.validation import parse_document
from tradewind_portal.bots.service import ATTEMPTS, labels_of
from tradewind_portal.cluster.generations import check_generation
from tradewind_portal.cluster.port import Cluster, Kind, Object, body_of, uid_of
from tradewind_portal.problems import Problem, not_found
from tradewind_portal.strategies.checks import placed, refuse
from tradewind_portal.tenants.scope import TenantScope


class Strategies:
    """Strategies of one tenant at a time."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._making: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def create(self, tenant: TenantScope, name: str, document: dict[str, Any]) -> Object:
        """Return a new strategy. Raises Problem 409 if the name is taken, 422 with every fault of the document."""
        namespace, spec = tenant.home(), _checked(document)
        async with self._making[namespace, name]:
            if await self._cluster.get(Kind.STRATEGY, name, namespace) is not None:
                raise Problem(409, "AlreadyExists", f"strategy {name} exists")
            body = body_of(Kind.STRATEGY, name, spec, labels=labels_of(tenant))
            return await self._cluster.apply(Kind.STRATEGY, body, namespace=namespace)

    async def get(self, tenant: TenantScope, name: str) -> Object:
        """Return a strategy. Raises Problem 404."""
        item = await self._cluster.get(Kind.STRATEGY, name, tenant.home())
        if item is None:
            raise not_found(f"strategy {name}")
        return item

    def list(self, tenant: TenantScope) -> list[Object]:
        """Return the tenant's strategies by name."""
        return self._cluster.cached_all(Kind.STRATEGY, tenant.home())

    async def replace(self, tenant: TenantScope, name: str, document: dict[str, Any], if_match: str | None) -> Object:
        """Return the strategy with another document. Raises Problem 412 if it was changed meanwhile, 422 as `create`."""
        item, spec = await self.get(tenant, name), _checked(document)
        check_generation(item, if_match)
        generation = item["metadata"]["generation"]
        for _ in range(ATTEMPTS):
            metadata = {"labels": labels_of(tenant), "resourceVersion": item["metadata"]["resourceVersion"]}
            body = body_of(Kind.STRATEGY, name, spec, **metadata)
            try:
                return await self._cluster.apply(Kind.STRATEGY, body, namespace=tenant.home(), force=True)
            except Problem as problem:
                if problem.code != "Conflict":
                    raise
            item = await self.get(tenant, name)  # only its status moved, else the generation tells
            if item["metadata"]["generation"] != generation:
                break
        raise Problem(412, "Changed", f"strategy {name} was changed meanwhile; read it again")

    async def delete(self, tenant: TenantScope, name: str, if_match: str | None) -> None:
        """Delete a strategy. Raises Problem 409 that names the bots which use it, 412 if it was changed since it was read."""
        item = await self.get(tenant, name)
        check_generation(item, if_match)
        users = [
            bot["metadata"]["name"]
            for bot in self._cluster.cached_all(Kind.TRADING_BOT, tenant.home())
            if bot["spec"].get("strategy", {}).get("ref", {}).get("name") == name
        ]
        if users:
            named = ", ".join(users[:5]) + (" ..." if len(users) > 5 else "")
            raise Problem(
                409, "InUse", f"strategy {name} is used by {named}: give these bots another one, or delete them first"
            )
        if not await self._cluster.delete(Kind.STRATEGY, name, namespace=tenant.home(), uid=uid_of(item)):
            raise not_found(f"strategy {name}")


def _checked(document: dict[str, Any]) -> dict[str, Any]:
    """Return the spec of a valid document. Raises Problem 422 with every fault."""
    try:
        return {"document": parse_document(document).to_json()}
    except InvalidDocumentError as exc:
        refuse([placed(error, document, ["spec", "document"]) for error in exc.errors])
        raise
