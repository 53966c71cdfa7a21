"""Bots, and what the ledger tells of each."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from tradewind_portal.auth.request import ServicesIn, SubjectIn, TrailIn
from tradewind_portal.bodies import OnceRoute
from tradewind_portal.bots.schemas import Bot, BotLease, BotPatch, BotRequest, ResourceName, metadata_of
from tradewind_portal.cluster.generations import IfMatch, etag
from tradewind_portal.cluster.port import Object, uid_of
from tradewind_portal.idempotency import KeyHeader
from tradewind_portal.leases.notices import notice_of
from tradewind_portal.ledger.schemas import Decision, EquityPoint, Event, Fill
from tradewind_portal.paging import CursorText, Limit, decode, encode
from tradewind_portal.problems import FieldError, Problem
from tradewind_portal.services import Services
from tradewind_portal.tenants.request import BotsReader, BotsWriter
from tradewind_portal.tenants.scope import TenantScope
from tradewind_portal.wire import Page

router = APIRouter(prefix="/api/v1/bots", tags=["bots"], route_class=OnceRoute)
Points = Annotated[int, Query(ge=2, le=5000, description="At most this many points; the last of each bucket stands for it.")]


async def _views(services: Services, tenant: TenantScope, items: list[Object]) -> list[Bot]:
    uids = [uid_of(item) for item in items]
    figures, leases = await services.ledgers.figures(uids), await services.leases.of(uids)
    kill = {uid: await services.kill.for_bot(uid, tenant.uid, leases[uid].key_id if uid in leases else None) for uid in uids}
    return [
        Bot(
            metadata=metadata_of(item),
            spec=item["spec"],
            status=item.get("status", {}),
            ledger=figures.get(uid_of(item)),
            kill=kill[uid_of(item)],
            lease=BotLease(epoch=lease.epoch, until_ms=lease.until_ms) if (lease := leases.get(uid_of(item))) else None,
            notice=notice_of(item),
            runner=services.ledgers.contact(uid_of(item)),
        )
        for item in items
    ]


@router.post("", status_code=201, response_model=Bot)
async def create_bot(
    body: BotRequest,
    request: Request,
    services: ServicesIn,
    subject: SubjectIn,
    tenant: BotsWriter,
    trail: TrailIn,
    key: KeyHeader = None,
) -> Response:
    """Make a bot."""
    spec = body.written_spec()
    trail.target, trail.diff = f"bot/{body.metadata.name}", {"spec": spec}

    await services.keys.check_named(tenant, spec)

    async def make() -> tuple[Bot, dict[str, str]]:
        item = await services.bots.create(tenant, body.metadata.name, spec)
        headers = {"Location": f"/api/v1/bots/{body.metadata.name}", "ETag": etag(item)}
        return (await _views(services, tenant, [item]))[0], headers

    return await services.replays.once(request, subject, key, make)


@router.get("")
async def list_bots(services: ServicesIn, tenant: BotsReader, limit: Limit = 50, cursor: CursorText = None) -> Page[Bot]:
    """List bots by name."""
    after = decode(cursor, 1)
    items = [item for item in services.bots.list(tenant) if after is None or item["metadata"]["name"] > after[0]]
    more = encode([items[limit - 1]["metadata"]["name"]]) if len(items) > limit else None
    return Page(items=await _views(services, tenant, items[:limit]), next=more)


@router.get("/{name}")
async def get_bot(name: ResourceName, response: Response, services: ServicesIn, tenant: BotsReader) -> Bot:
    """Show one bot; the ETag is for changing it."""
    item = await services.bots.get(tenant, name)
    response.headers["ETag"] = etag(item)
    return (await _views(services, tenant, [item]))[0]


@router.put("/{name}")
async def replace_bot(
    name: ResourceName,
    body: BotRequest,
    response: Response,
    services: ServicesIn,
    tenant: BotsWriter,
    trail: TrailIn,
    if_match: IfMatch = None,
) -> Bot:
    """Give a bot another spec. Needs If-Match."""
    if body.metadata.name != name:
        error = FieldError("/metadata/name", "name", f"the name in the path is {name}; a bot cannot be renamed")
        raise Problem(422, "Invalid", error.detail, errors=[error])
    spec = body.written_spec()
    trail.target, trail.diff = f"bot/{name}", {"spec": spec}
    await services.keys.check_named(tenant, spec)
    item = await services.bots.replace(tenant, name, spec, if_match)
    response.headers["ETag"] = etag(item)
    return (await _views(services, tenant, [item]))[0]


@router.patch("/{name}")
async def patch_bot(
    name: ResourceName,
    body: BotPatch,
    response: Response,
    services: ServicesIn,
    tenant: BotsWriter,
    trail: TrailIn,
    if_match: IfMatch = None,
) -> Bot:
    """Change some fields, such as {spec: {runPolicy: Paused}}. Needs If-Match."""
    trail.target, trail.diff = f"bot/{name}", {"spec": body.spec}
    item = await services.bots.patch(tenant, name, body.spec, if_match)
    response.headers["ETag"] = etag(item)
    return (await _views(services, tenant, [item]))[0]


@router.delete("/{name}", status_code=204)
async def delete_bot(
    name: ResourceName, services: ServicesIn, tenant: BotsWriter, trail: TrailIn, if_match: IfMatch = None
) -> None:
    """Delete a bot. Its pod ends by its stop policy; its history stays. Needs If-Match."""
    trail.target = f"bot/{name}"
    await services.bots.delete(tenant, name, if_match)


@router.get("/{name}/events")
async def list_events(
    name: ResourceName, services: ServicesIn, tenant: BotsReader, limit: Limit = 50, cursor: CursorText = None
) -> Page[Event]:
    """List what the bot reported, newest first."""
    item = await services.bots.get(tenant, name)
    return await services.ledgers.events(uid_of(item), limit, cursor)


@router.get("/{name}/fills")
async def list_fills(
    name: ResourceName, services: ServicesIn, tenant: BotsReader, limit: Limit = 50, cursor: CursorText = None
) -> Page[Fill]:
    """List the bot's trades, newest first."""
    item = await services.bots.get(tenant, name)
    return await services.ledgers.fills(uid_of(item), limit, cursor)


@router.get("/{name}/decisions")
async def list_decisions(
    name: ResourceName, services: ServicesIn, tenant: BotsReader, limit: Limit = 50, cursor: CursorText = None
) -> Page[Decision]:
    """List what the strategy said at each candle, newest first."""
    item = await services.bots.get(tenant, name)
    return await services.ledgers.decisions(uid_of(item), limit, cursor)


@router.get("/{name}/equity")
async def get_bot_equity(
    name: ResourceName, services: ServicesIn, tenant: BotsReader, points: Points = 500
) -> Page[EquityPoint]:
    """Show the bot's equity over time, oldest first."""
    item = await services.bots.get(tenant, name)
    return Page(items=await services.ledgers.equity(uid_of(item), points))
