"""Making and deleting backtests through the API server; reading their reports from the store."""

from typing import Any

import orjson

from tradewind_api.runner import ExchangeConfig
from tradewind_portal.cluster.port import Cluster, Kind, Object, uid_of
from tradewind_portal.problems import Problem, not_found
from tradewind_portal.results.queries import StoredReport
from tradewind_portal.results.service import Results
from tradewind_portal.strategies.checks import check_exchange, check_strategy, refuse
from tradewind_portal.tenants.objects import TenantObjects
from tradewind_portal.tenants.scope import TenantScope


class Backtests:
    """Backtests of one tenant at a time."""

    def __init__(self, cluster: Cluster, results: Results, exchanges: list[ExchangeConfig]) -> None:
        self._backtests = TenantObjects(cluster, Kind.BACKTEST, "backtest")
        self._results = results
        self._exchanges = exchanges

    async def create(self, tenant: TenantScope, name: str, spec: dict[str, Any]) -> Object:
        """Return a new backtest. Raises Problem 409 if the name is taken, 422 for a bad spec, 403 for quota and policy."""
        exchange = check_exchange(spec["dataset"]["exchange"], self._exchanges, "/spec/dataset/exchange")
        refuse([*exchange, *check_strategy(spec)])
        return await self._backtests.create(tenant, name, spec)

    async def get(self, tenant: TenantScope, name: str) -> Object:
        """Return a backtest. Raises Problem 404."""
        return await self._backtests.get(tenant, name)

    def list(self, tenant: TenantScope) -> list[Object]:
        """Return the tenant's backtests by name."""
        return self._backtests.list(tenant)

    async def delete(self, tenant: TenantScope, name: str) -> None:
        """Delete a backtest; its report stays. Raises Problem 404."""
        await self._backtests.delete(tenant, name)

    async def report(self, tenant: TenantScope, name: str) -> StoredReport:
        """Return the report, also of a backtest that was deleted. Raises Problem 404, saying what is missing."""
        item = await self._backtests.find(tenant, name)
        found = await self._results.find(uid_of(item) if item else None, tenant.uid, name)
        if found is not None:
            return found
        if item is None:
            raise not_found(f"backtest {name}")
        summary = item.get("status", {}).get("summary") or "Queued"
        raise Problem(404, "NoReport", f"backtest {name} has no report; it is {summary}", more={"summary": summary})


def list_in(report: StoredReport, field: str) -> list[Any]:
    """Return a list of the report, empty where the worker sent none."""
    found = orjson.loads(report.report).get(field, [])
    return found if isinstance(found, list) else []
