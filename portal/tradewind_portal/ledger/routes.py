"""The runner side: what pods of bots and backtests ask, on a port of its own inside the cluster."""

import logging
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import ValidationError

from tradewind_api.ledger import Milliseconds
from tradewind_api.runner import (
    CANDLES_MEDIA_TYPE,
    LEASE_SECONDS,
    EventAnswer,
    EventBatch,
    LeaseAnswer,
    LeaseRequest,
    Progress,
    ResultAnswer,
    ResultUpload,
    StartAnswer,
    StartRequest,
)
from tradewind_portal.auth.request import ServicesIn, TrailIn
from tradewind_portal.candles.schemas import ExchangeParameter, SymbolParameter, TimeframeParameter
from tradewind_portal.leases.service import Standing
from tradewind_portal.ledger.identity import Worker
from tradewind_portal.problems import FieldError, Problem, pointer

log = logging.getLogger("tradewind.portal.runners")
router = APIRouter(prefix="/runner/v1", tags=["runner"])
MEBIBYTE = 1024 * 1024


async def worker_of(request: Request, services: ServicesIn) -> Worker:
    """Return which pod asks."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Problem(401, "Unauthenticated", "send the pod's projected token", headers={"WWW-Authenticate": "Bearer"})
    # Whoever starts may be given an exchange key: what was believed a minute ago is not enough.
    worker = await services.identities.worker(token.strip(), anew=request.url.path.endswith("/start"))
    request.state.actor = f"{worker.kind}/{worker.namespace}/{worker.name}"
    return worker


def _bot(worker: Annotated[Worker, Depends(worker_of)]) -> Worker:
    return _of_kind(worker, "bot")


def _backtest(worker: Annotated[Worker, Depends(worker_of)]) -> Worker:
    return _of_kind(worker, "backtest")


def _of_kind(worker: Worker, kind: str) -> Worker:
    if worker.kind != kind:
        raise Problem(403, "WrongKind", f"only a {kind}'s pod may do this")
    return worker


AnyPod = Annotated[Worker, Depends(worker_of)]
BotPod = Annotated[Worker, Depends(_bot)]
BacktestPod = Annotated[Worker, Depends(_backtest)]


@router.post("/start")
async def start(body: StartRequest, services: ServicesIn, pod: BotPod, trail: TrailIn) -> StartAnswer:
    """Begin an epoch. Every other pod of this bot is fenced from now on. A live bot gets its exchange key and a lease."""
    begun = await services.leases.start(pod, trail)
    fields = {
        "bot": f"{pod.namespace}/{pod.name}",
        "epoch": begun.epoch,
        "live": begun.credential is not None,
        "runner": body.runner_version,
        "generation": body.generation,
    }
    await services.leases.tell(pod, Standing(LEASE_SECONDS, begun.kill), begun.state.halted)
    log.info("a bot started", extra={"fields": fields})
    return StartAnswer(
        epoch=begun.epoch,
        lease_seconds=LEASE_SECONDS,
        state=begun.state,
        kill=begun.kill,
        credential=begun.credential,
        exchange_silence_s=services.leases.silence_s(pod),
    )


@router.post("/events", max_body_size=8 * MEBIBYTE)
async def ingest_events(body: EventBatch, services: ServicesIn, pod: BotPod) -> EventAnswer:
    """Store events of the newest epoch. What is acknowledged is durable; a resend changes nothing."""
    _check_events(pod, body)
    stored = await services.ledgers.ingest(pod.owner(), body)
    standing = await services.leases.stand(pod, body.epoch, heartbeat=False)
    await services.leases.tell(pod, standing, stored.halted)
    if any(event.type == "Stopped" for event in body.events):
        await services.leases.end(pod, body.epoch)
    return EventAnswer(acknowledged_seq=stored.seq, lease_seconds=standing.lease_seconds, kill=standing.kill)


@router.post("/lease")
async def renew_lease(body: LeaseRequest, services: ServicesIn, pod: BotPod) -> LeaseAnswer:
    """Say that the bot lives; learn how long it may go on, and what it must stop."""
    halted = await services.ledgers.beat(pod.owner(), body)
    standing = await services.leases.stand(pod, body.epoch, heartbeat=True)
    silence_s = services.leases.hear(pod, body)
    await services.leases.tell(pod, standing, halted)
    closing = await services.leases.close_request(pod, body.closed_number)
    return LeaseAnswer(
        lease_seconds=standing.lease_seconds,
        kill=standing.kill,
        close_now=closing is not None and closing.open,
        close_number=closing.number if closing else 0,
        exchange_silence_s=silence_s,
    )


@router.get("/candles", response_class=StreamingResponse)
async def get_candle_range(
    services: ServicesIn,
    pod: AnyPod,
    exchange: ExchangeParameter,
    symbol: SymbolParameter,
    timeframe: TimeframeParameter,
    from_ms: Annotated[Milliseconds, Query(alias="from", description="First open time, UTC ms.")],
    to_ms: Annotated[Milliseconds, Query(alias="to", description="End, not included, UTC ms.")],
) -> StreamingResponse:
    """Read candles as little-endian columns, one after the other: ts int64, open, high, low, close, volume float64."""
    found = await services.candles.read(pod.tenant_uid, exchange, symbol, timeframe, from_ms=from_ms, to_ms=to_ms)
    headers = {
        "Tradewind-Candles": str(found.count),
        "Tradewind-Data-Digest": found.digest,
        "Content-Length": str(found.size),
    }
    return StreamingResponse(found.chunks(), headers=headers, media_type=CANDLES_MEDIA_TYPE)


@router.post("/progress", status_code=204)
async def report_progress(body: Progress, services: ServicesIn, pod: BacktestPod) -> Response:
    """Say how far the backtest is."""
    services.results.progress(pod.uid, body)
    return Response(status_code=204)


@router.post("/results", max_body_size=128 * MEBIBYTE)
async def upload_result(body: ResultUpload, services: ServicesIn, pod: BacktestPod) -> ResultAnswer:
    """Store a backtest's report. The same report again changes nothing."""
    return await services.results.store(pod.uid, pod.tenant_uid, pod.name, body)


def _check_events(pod: Worker, batch: EventBatch) -> None:
    errors = []
    first = batch.events[0].seq
    for index, event in enumerate(batch.events):
        if event.bot_uid != pod.uid:
            raise Problem(403, "NotYours", "these events are of another bot")
        if event.epoch != batch.epoch:
            errors.append(FieldError(pointer(["events", index, "epoch"]), "epoch", f"the batch is of epoch {batch.epoch}"))
        if event.seq != first + index:
            errors.append(FieldError(pointer(["events", index, "seq"]), "seq", f"{first + index} follows, not {event.seq}"))
        try:
            event.typed()
        except ValidationError as exc:
            errors += [
                FieldError(pointer(["events", index, "data", *error["loc"]]), error["type"], error["msg"])
                for error in exc.errors()[:5]
            ]
    if errors:
        raise Problem(422, "Invalid", "the batch is not valid; see errors", errors=errors[:50])
