"""Strategies of the tenant, and a look at any document."""

from fastapi import APIRouter, Request, Response

from tradewind_api.document.digest import strategy_digest
from tradewind_api.document.errors import InvalidDocumentError
from tradewind_api.document.explain import explain
from tradewind_api.document.validation import candles_needed, parse_document
from tradewind_portal.auth.request import ServicesIn, SubjectIn, TrailIn
from tradewind_portal.bodies import OnceRoute
from tradewind_portal.bots.schemas import ResourceName, metadata_of
from tradewind_portal.cluster.generations import IfMatch, etag
from tradewind_portal.cluster.port import Object
from tradewind_portal.idempotency import KeyHeader
from tradewind_portal.paging import CursorText, Limit, decode, encode
from tradewind_portal.problems import FieldError, Problem
from tradewind_portal.strategies.schemas import DocumentFault, Strategy, StrategyRequest, ValidateRequest, Validation
from tradewind_portal.tenants.request import StrategiesReader, StrategiesWriter
from tradewind_portal.wire import Page

router = APIRouter(prefix="/api/v1/strategies", tags=["strategies"], route_class=OnceRoute)


def _view(item: Object) -> Strategy:
    return Strategy(metadata=metadata_of(item), spec=item["spec"], status=item.get("status", {}))


@router.post("", status_code=201, response_model=Strategy)
async def create_strategy(
    body: StrategyRequest,
    request: Request,
    services: ServicesIn,
    subject: SubjectIn,
    tenant: StrategiesWriter,
    trail: TrailIn,
    key: KeyHeader = None,
) -> Response:
    """Make a strategy; bots and backtests name it by strategy.ref."""
    name, document = body.metadata.name, body.spec.document
    trail.target, trail.diff = f"strategy/{name}", {"spec": {"document": document}}

    async def make() -> tuple[Strategy, dict[str, str]]:
        item = await services.strategies.create(tenant, name, document)
        return _view(item), {"Location": f"/api/v1/strategies/{name}", "ETag": etag(item)}

    return await services.replays.once(request, subject, key, make)


@router.get("")
async def list_strategies(
    services: ServicesIn, tenant: StrategiesReader, limit: Limit = 50, cursor: CursorText = None
) -> Page[Strategy]:
    """List strategies by name."""
    after = decode(cursor, 1)
    items = [item for item in services.strategies.list(tenant) if after is None or item["metadata"]["name"] > after[0]]
    more = encode([items[limit - 1]["metadata"]["name"]]) if len(items) > limit else None
    return Page(items=[_view(item) for item in items[:limit]], next=more)


@router.post("/validate")
async def validate_strategy(body: ValidateRequest, _tenant: StrategiesReader) -> Validation:
    """Say what a document means, or all that is wrong with it. Nothing is stored."""
    try:
        document = parse_document(body.document)
    except InvalidDocumentError as exc:
        return Validation(valid=False, errors=[DocumentFault(**error.to_json()) for error in exc.errors])
    return Validation(
        valid=True, digest=strategy_digest(document), sentence=explain(document), lookback=candles_needed(document)
    )


@router.get("/{name}")
async def get_strategy(name: ResourceName, response: Response, services: ServicesIn, tenant: StrategiesReader) -> Strategy:
    """Show one strategy; the ETag is for changing it."""
    item = await services.strategies.get(tenant, name)
    response.headers["ETag"] = etag(item)
    return _view(item)


@router.put("/{name}")
async def replace_strategy(
    name: ResourceName,
    body: StrategyRequest,
    response: Response,
    services: ServicesIn,
    tenant: StrategiesWriter,
    trail: TrailIn,
    if_match: IfMatch = None,
) -> Strategy:
    """Give a strategy another document; it reaches bots by their update policy. Needs If-Match."""
    if body.metadata.name != name:
        error = FieldError("/metadata/name", "name", f"the name in the path is {name}; a strategy cannot be renamed")
        raise Problem(422, "Invalid", error.detail, errors=[error])
    trail.target, trail.diff = f"strategy/{name}", {"spec": {"document": body.spec.document}}
    item = await services.strategies.replace(tenant, name, body.spec.document, if_match)
    response.headers["ETag"] = etag(item)
    return _view(item)


@router.delete("/{name}", status_code=204)
async def delete_strategy(
    name: ResourceName, services: ServicesIn, tenant: StrategiesWriter, trail: TrailIn, if_match: IfMatch = None
) -> None:
    """Delete a strategy that no bot uses. Needs If-Match."""
    trail.target = f"strategy/{name}"
    await services.strategies.delete(tenant, name, if_match)
