"""Backtests and their reports."""

from typing import Any

from fastapi import APIRouter, Request, Response

from tradewind_portal.auth.request import ServicesIn, SubjectIn, TrailIn
from tradewind_portal.backtests.schemas import Backtest, BacktestRequest, CurvePoint, Trade
from tradewind_portal.backtests.service import list_in
from tradewind_portal.bodies import OnceRoute
from tradewind_portal.bots.schemas import ResourceName, metadata_of
from tradewind_portal.cluster.port import Object, uid_of
from tradewind_portal.idempotency import KeyHeader
from tradewind_portal.paging import CursorText, Limit, decode, decode_numbers, encode
from tradewind_portal.services import Services
from tradewind_portal.tenants.request import BacktestsReader, BacktestsWriter
from tradewind_portal.wire import Page

router = APIRouter(prefix="/api/v1/backtests", tags=["backtests"], route_class=OnceRoute)


async def _views(services: Services, items: list[Object]) -> list[Backtest]:
    stored = await services.results.stored_of([uid_of(item) for item in items])
    return [
        Backtest(
            metadata=metadata_of(item),
            spec=item["spec"],
            status=item.get("status", {}),
            progress=services.results.progress_of(uid_of(item)),
            has_report=uid_of(item) in stored,
        )
        for item in items
    ]


@router.post("", status_code=201, response_model=Backtest)
async def create_backtest(
    body: BacktestRequest,
    request: Request,
    services: ServicesIn,
    subject: SubjectIn,
    tenant: BacktestsWriter,
    trail: TrailIn,
    key: KeyHeader = None,
) -> Response:
    """Make a backtest. It runs when the plan has room; follow it by GET."""
    spec = body.written_spec()
    trail.target, trail.diff = f"backtest/{body.metadata.name}", {"spec": spec}

    async def make() -> tuple[Backtest, dict[str, str]]:
        item = await services.backtests.create(tenant, body.metadata.name, spec)
        return (await _views(services, [item]))[0], {"Location": f"/api/v1/backtests/{body.metadata.name}"}

    return await services.replays.once(request, subject, key, make)


@router.get("")
async def list_backtests(
    services: ServicesIn, tenant: BacktestsReader, limit: Limit = 50, cursor: CursorText = None
) -> Page[Backtest]:
    """List backtests by name."""
    after = decode(cursor, 1)
    items = [item for item in services.backtests.list(tenant) if after is None or item["metadata"]["name"] > after[0]]
    more = encode([items[limit - 1]["metadata"]["name"]]) if len(items) > limit else None
    return Page(items=await _views(services, items[:limit]), next=more)


@router.get("/{name}")
async def get_backtest(name: ResourceName, services: ServicesIn, tenant: BacktestsReader) -> Backtest:
    """Show one backtest."""
    return (await _views(services, [await services.backtests.get(tenant, name)]))[0]


@router.delete("/{name}", status_code=204)
async def delete_backtest(name: ResourceName, services: ServicesIn, tenant: BacktestsWriter, trail: TrailIn) -> None:
    """Delete a backtest, its pod too. Its report stays under its name."""
    trail.target = f"backtest/{name}"
    await services.backtests.delete(tenant, name)


@router.get("/{name}/report", response_model=dict[str, Any])
async def get_report(name: ResourceName, services: ServicesIn, tenant: BacktestsReader) -> Response:
    """Read the whole report, exactly as stored; its sha256 is the ETag and stands in the resource's status."""
    report = await services.backtests.report(tenant, name)
    return Response(report.report, headers={"ETag": f'"{report.sha256}"'}, media_type="application/json")


@router.get("/{name}/trades")
async def list_trades(
    name: ResourceName, services: ServicesIn, tenant: BacktestsReader, limit: Limit = 50, cursor: CursorText = None
) -> Page[Trade]:
    """List closed round trips, oldest first."""
    place = decode_numbers(cursor, 1)
    start = place[0] if place else 0
    trades = list_in(await services.backtests.report(tenant, name), "tradeList")
    more = encode([start + limit]) if len(trades) > start + limit else None
    return Page(items=[Trade(**trade) for trade in trades[start : start + limit]], next=more)


@router.get("/{name}/equity")
async def get_backtest_equity(name: ResourceName, services: ServicesIn, tenant: BacktestsReader) -> Page[CurvePoint]:
    """Show the equity over time, oldest first."""
    curve = list_in(await services.backtests.report(tenant, name), "equityCurve")
    return Page(items=[CurvePoint(at_ms=at_ms, equity=equity) for at_ms, equity in curve])
