"""The runner side of optimisations: a backtest's pods keep what they scored, and ask who else is done."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from tradewind_api.runner import MAX_SHARDS, ShardList
from tradewind_portal.auth.request import ServicesIn
from tradewind_portal.ledger.routes import BacktestPod

router = APIRouter(prefix="/runner/v1/shards", tags=["runner"])
MEBIBYTE = 1024 * 1024
ShardNumber = Annotated[int, Path(ge=0, lt=MAX_SHARDS, description="Number of the shard.")]
Fingerprint = Annotated[
    str, Query(pattern="^[0-9a-f]{64}$", description="What the points were scored over: strategy, ranges, candles, costs.")
]


@router.post("/{shard}", status_code=204, max_body_size=32 * MEBIBYTE)
async def keep_block(
    shard: ShardNumber,
    request: Request,
    services: ServicesIn,
    pod: BacktestPod,
    fingerprint: Fingerprint,
    done: Annotated[bool, Query(description="Whether the shard has scored all of its points.")] = False,
) -> Response:
    """Keep a block of scored points. The same block again changes nothing."""
    await services.optimisations.add(pod.uid, shard, fingerprint, await request.body(), done=done)
    return Response(status_code=204)


@router.get("")
async def list_shards(services: ServicesIn, pod: BacktestPod) -> ShardList:
    """Say which shards have stored anything, and which are done."""
    return ShardList(items=await services.optimisations.states(pod.uid))


@router.get("/{shard}", response_class=Response)
async def get_blocks(shard: ShardNumber, services: ServicesIn, pod: BacktestPod, fingerprint: Fingerprint) -> Response:
    """Read all blocks of a shard, one after the other."""
    blocks = await services.optimisations.blocks(pod.uid, shard, fingerprint)
    return StreamingResponse(blocks, media_type="application/octet-stream")
