"""Changing bots through the API server, which decides; strategy and exchange are checked first, to name the fault.

Who set a field owns it (server-side apply). Somebody who changes a bot here with the ETag he read takes over the fields he
sends, and no others: what a GitOps tool set stays its own.
"""

import asyncio
from collections import defaultdict
from typing import Any

from tradewind_api.runner import ExchangeConfig
from tradewind_portal.cluster.generations import check_generation
from tradewind_portal.cluster.live import FIELD_MANAGER
from tradewind_portal.cluster.port import Cluster, Kind, Object, body_of, uid_of
from tradewind_portal.problems import Problem, not_found
from tradewind_portal.strategies.checks import check_exchange, check_strategy, refuse
from tradewind_portal.tenants.scope import TenantScope

ATTEMPTS = 4


class Bots:
    """Bots of one tenant at a time."""

    def __init__(self, cluster: Cluster, exchanges: list[ExchangeConfig]) -> None:
        self._cluster = cluster
        self._exchanges = exchanges
        self._making: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def create(self, tenant: TenantScope, name: str, spec: dict[str, Any]) -> Object:
        """Return a new bot. Raises Problem 409 if the name is taken, 422 for a bad spec, 403 for quota and policy."""
        namespace = tenant.home()
        self._check(spec)
        async with self._making[namespace, name]:
            if await self._cluster.get(Kind.TRADING_BOT, name, namespace) is not None:
                raise Problem(409, "AlreadyExists", f"bot {name} exists")
            return await self._cluster.apply(
                Kind.TRADING_BOT, body_of(Kind.TRADING_BOT, name, spec, labels=labels_of(tenant)), namespace=namespace
            )

    async def get(self, tenant: TenantScope, name: str) -> Object:
        """Return a bot. Raises Problem 404."""
        item = await self._cluster.get(Kind.TRADING_BOT, name, tenant.home())
        if item is None:
            raise not_found(f"bot {name}")
        return item

    def list(self, tenant: TenantScope) -> list[Object]:
        """Return the tenant's bots by name."""
        return self._cluster.cached_all(Kind.TRADING_BOT, tenant.home())

    async def replace(self, tenant: TenantScope, name: str, spec: dict[str, Any], if_match: str | None) -> Object:
        """Return the bot with another spec. Raises Problem 412 if it was changed since it was read."""
        item = await self.get(tenant, name)
        check_generation(item, if_match)
        self._check(spec)
        return await self._write(tenant, item, lambda _now: spec)

    async def patch(self, tenant: TenantScope, name: str, patch: dict[str, Any], if_match: str | None) -> Object:
        """Return the bot after a merge patch (RFC 7396) of its spec. Raises Problem 412 if it was changed since it was read."""
        item = await self.get(tenant, name)
        check_generation(item, if_match)
        self._check(merged(item["spec"], patch))
        return await self._write(tenant, item, lambda now: patched(now, patch))

    async def delete(self, tenant: TenantScope, name: str, if_match: str | None) -> None:
        """Delete a bot; its pod stops by its stop policy."""
        item = await self.get(tenant, name)
        check_generation(item, if_match)
        if not await self._cluster.delete(Kind.TRADING_BOT, name, namespace=tenant.home(), uid=uid_of(item)):
            raise not_found(f"bot {name}")

    async def _write(self, tenant: TenantScope, item: Object, spec_of: Any) -> Object:
        generation, name = item["metadata"]["generation"], item["metadata"]["name"]
        for _ in range(ATTEMPTS):
            body = body_of(
                Kind.TRADING_BOT,
                name,
                spec_of(item),
                labels=labels_of(tenant),
                resourceVersion=item["metadata"]["resourceVersion"],
            )
            try:
                return await self._cluster.apply(Kind.TRADING_BOT, body, namespace=tenant.home(), force=True)
            except Problem as problem:
                if problem.code != "Conflict":
                    raise
            item = await self.get(tenant, name)  # only its status moved, else the generation tells
            if item["metadata"]["generation"] != generation:
                break
        raise Problem(412, "Changed", f"bot {name} was changed meanwhile; read it again")

    def _check(self, spec: dict[str, Any]) -> None:
        refuse([*check_exchange(spec["exchange"], self._exchanges, "/spec/exchange"), *check_strategy(spec)])


def labels_of(tenant: TenantScope) -> dict[str, str]:
    """Return the labels of every object that we make for a tenant."""
    return {"app.kubernetes.io/managed-by": "tradewind", "tradewind.dev/tenant": tenant.name}


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
