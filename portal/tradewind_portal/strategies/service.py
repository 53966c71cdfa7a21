"""Making and changing strategies through the API server; a document is checked first, as the operator will check it."""

from typing import Any

from tradewind_api.document.errors import InvalidDocumentError
from tradewind_api.document.validation import parse_document
from tradewind_portal.cluster.generations import check_generation
from tradewind_portal.cluster.port import Cluster, Kind, Object
from tradewind_portal.problems import Problem
from tradewind_portal.strategies.checks import placed, refuse
from tradewind_portal.tenants.objects import TenantObjects
from tradewind_portal.tenants.scope import TenantScope


class Strategies:
    """Strategies of one tenant at a time."""

    def __init__(self, cluster: Cluster) -> None:
        self._strategies = TenantObjects(cluster, Kind.STRATEGY, "strategy")
        self._bots = TenantObjects(cluster, Kind.TRADING_BOT, "bot")

    async def create(self, tenant: TenantScope, name: str, document: dict[str, Any]) -> Object:
        """Return a new strategy. Raises Problem 409 if the name is taken, 422 with every fault of the document."""
        return await self._strategies.create(tenant, name, _checked(document))

    async def get(self, tenant: TenantScope, name: str) -> Object:
        """Return a strategy. Raises Problem 404."""
        return await self._strategies.get(tenant, name)

    def list(self, tenant: TenantScope) -> list[Object]:
        """Return the tenant's strategies by name."""
        return self._strategies.list(tenant)

    async def replace(self, tenant: TenantScope, name: str, document: dict[str, Any], if_match: str | None) -> Object:
        """Return the strategy with another document. Raises Problem 412 if it was changed meanwhile, 422 as `create`."""
        item, spec = await self.get(tenant, name), _checked(document)
        check_generation(item, if_match)
        return await self._strategies.write(tenant, item, lambda _now: spec)

    async def delete(self, tenant: TenantScope, name: str, if_match: str | None) -> None:
        """Delete a strategy. Raises Problem 409 that names the bots which use it, 412 if it was changed since it was read."""
        item = await self.get(tenant, name)
        check_generation(item, if_match)
        users = [
            bot["metadata"]["name"]
            for bot in self._bots.list(tenant)
            if bot["spec"].get("strategy", {}).get("ref", {}).get("name") == name
        ]
        if users:
            named = ", ".join(users[:5]) + (" ..." if len(users) > 5 else "")
            raise Problem(
                409, "InUse", f"strategy {name} is used by {named}: give these bots another one, or delete them first"
            )
        await self._strategies.delete(tenant, name, read=item)


def _checked(document: dict[str, Any]) -> dict[str, Any]:
    """Return the spec of a valid document. Raises Problem 422 with every fault."""
    try:
        return {"document": parse_document(document).to_json()}
    except InvalidDocumentError as exc:
        refuse([placed(error, document, ["spec", "document"]) for error in exc.errors])
        raise
