"""Imported candles."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from tradewind_portal.auth.request import ServicesIn, SubjectIn, TrailIn
from tradewind_portal.candles.queries import Stored
from tradewind_portal.candles.schemas import TIMEFRAME_PATTERN, Dataset, ExchangeParameter, Gap, SymbolParameter
from tradewind_portal.problems import Problem
from tradewind_portal.tenants.request import CandlesReader, CandlesWriter
from tradewind_portal.wire import Page

router = APIRouter(prefix="/api/v1/candles", tags=["candles"])
MEDIA_TYPES = ("text/csv", "application/vnd.apache.parquet", "application/octet-stream")
UNLIMITED = 2**50  # the service counts, by a setting
Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="dataDigest of an import.")]
FILE_BODY = {
    "requestBody": {
        "required": True,
        "content": {name: {"schema": {"type": "string", "format": "binary"}} for name in MEDIA_TYPES},
    }
}


@router.put("", openapi_extra=FILE_BODY, max_body_size=UNLIMITED)
async def import_candles(
    request: Request,
    services: ServicesIn,
    subject: SubjectIn,
    tenant: CandlesWriter,
    trail: TrailIn,
    exchange: ExchangeParameter,
    symbol: SymbolParameter,
    timeframe: Annotated[str | None, Query(pattern=TIMEFRAME_PATTERN, description="Inferred if left out.")] = None,
) -> Dataset:
    """Import a CSV or Parquet file with the columns ts (open time, UTC ms), open, high, low, close, volume.

    The same candles again change nothing. Gaps are kept and named in the answer.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in MEDIA_TYPES:
        raise Problem(415, "UnsupportedMediaType", f"send {' or '.join(MEDIA_TYPES[:2])}")
    trail.target = f"candles/{exchange}/{symbol}"
    stored = await services.candles.take(
        tenant.uid, request.stream(), exchange=exchange, symbol=symbol, timeframe=timeframe, by=subject.name
    )
    trail.diff = {"dataDigest": stored.digest, "candles": stored.candles}
    return _dataset(stored)


@router.get("")
async def list_candles(services: ServicesIn, tenant: CandlesReader) -> Page[Dataset]:
    """List imports, newest first."""
    return Page(items=[_dataset(stored) for stored in await services.candles.list(tenant.uid)])


@router.get("/{digest}")
async def get_candles(digest: Digest, services: ServicesIn, tenant: CandlesReader) -> Dataset:
    """Show one import."""
    return _dataset(await services.candles.show(tenant.uid, digest))


def _dataset(stored: Stored) -> Dataset:
    return Dataset(
        data_digest=stored.digest,
        exchange=stored.exchange,
        symbol=stored.symbol,
        timeframe=stored.timeframe,
        candles=stored.candles,
        from_=stored.from_ms,
        to=stored.to_ms,
        gaps=[Gap(from_=start, to=end) for start, end in stored.gaps],
        gap_count=stored.gap_count,
        imported_ms=stored.imported_ms,
        imported_by=stored.imported_by,
    )
