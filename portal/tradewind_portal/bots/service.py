"""Changing bots through the API server, which decides; strategy and exchange are checked first, to name the fault."""

from typing import Any

from tradewind_api.runner import ExchangeConfig
from tradewind_portal.cluster.generations import check_generation
from tradewind_portal.cluster.live import FIELD_MANAGER
from tradewind_portal.cluster.port import Cluster, Kind, Object
from tradewind_portal.strategies.checks import check_exchange, check_strategy, refuse
from tradewind_portal.tenants.objects import TenantObjects
from tradewind_portal.tenants.scope import TenantScope


class Bots:
    """Bots of one tenant at a time."""

    def __init__(self, cluster: Cluster, exchanges: list[ExchangeConfig]) -> None:
        self._bots = TenantObjects(cluster, Kind.TRADING_BOT, "bot")
        self._exchanges = exchanges

    async def create(self, tenant: TenantScope, name: str, spec: dict[str, Any]) -> Object:
        """Return a new bot. Raises Problem 409 if the name is taken, 422 for a bad spec, 403 for quota and policy."""
        self._check(spec)
        return await self._bots.create(tenant, name, spec)

    async def get(self, tenant: TenantScope, name: str) -> Object:
        """Return a bot. Raises Problem 404."""
        return await self._bots.get(tenant, name)

    def list(self, tenant: TenantScope) -> list[Object]:
        """Return the tenant's bots by name."""
        return self._bots.list(tenant)

    async def replace(self, tenant: TenantScope, name: str, spec: dict[str, Any], if_match: str | None) -> Object:
        """Return the bot with another spec. Raises Problem 412 if it was changed since it was read."""
        item = await self.get(tenant, name)
        check_generation(item, if_match)
        self._check(spec)
        return await self._bots.write(tenant, item, lambda _now: spec)

    async def patch(self, tenant: TenantScope, name: str, patch: dict[str, Any], if_match: str | None) -> Object:
        """Return the bot after a merge patch (RFC 7396) of its spec. Raises Problem 412 if it was changed since it was read."""
        item = await self.get(tenant, name)
        check_generation(item, if_match)
        self._check(merged(item["spec"], patch))
        return await self._bots.write(tenant, item, lambda now: patched(now, patch))

    async def delete(self, tenant: TenantScope, name: str, if_match: str | None) -> None:
        """Delete a bot; its pod stops by its stop policy."""
        item = await self.get(tenant, name)
        check_generation(item, if_match)
        await self._bots.delete(tenant, name, read=item)

    def _check(self, spec: dict[str, Any]) -> None:
        refuse([*check_exchange(spec["exchange"], self._exchanges, "/spec/exchange"), *check_strategy(spec)])


def merged(value: Any, patch: Any) -> Any:
    """Return `value` after a JSON merge patch (RFC 7396).

    >>> merged({"a": {"b": 1, "c": 2}}, {"a": {"b": None, "d": 3}})
    {'a': {'c': 2, 'd': 3}}
    """
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for key, change in patch.items():
        if change is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), change)
    return result


def patched(item: Object, patch: dict[str, Any]) -> dict[str, Any]:
    """Return the spec to apply: the patched fields and those that the portal applied before, by top-level name."""
    spec = merged(item["spec"], patch)
    wanted = applied_fields(item) | set(patch)
    return {name: value for name, value in spec.items() if name in wanted}


def applied_fields(item: Object) -> set[str]:
    """Return the top-level fields of the spec that the portal applied before."""
    names: set[str] = set()
    for entry in item["metadata"].get("managedFields", []):
        if entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply" and not entry.get("subresource"):
            fields = entry.get("fieldsV1", {}).get("f:spec", {})
            names |= {key.removeprefix("f:") for key in fields if key.startswith("f:")}
    return names
