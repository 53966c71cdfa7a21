"""The runner side of the portal, as a client. Every answer is checked against its model.

What a newer portal says beyond that is passed over: an upgrade must not silence the pods that run. It is never redirected, for
what it sends bears its token.
"""

import json
import ssl
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlencode

import aiohttp
from pydantic import ValidationError

from tradewind_api.contract import Contract
from tradewind_api.runner import (
    EventAnswer,
    EventBatch,
    LeaseAnswer,
    LeaseRequest,
    MissingRange,
    Progress,
    ResultAnswer,
    ResultUpload,
    ShardList,
    StartAnswer,
    StartRequest,
)
from tradewind_engine.candles import COLUMNS, CandleError, Candles, from_columns

TIMEOUT_S, LONG_S = 10.0, 120.0
PIECE = 1 << 20  # bytes of a long answer that are taken at a time
Answer = TypeVar("Answer", bound=Contract)


class PortalError(Exception):
    """The portal did not do what was asked."""


class PortalUnavailableError(PortalError):
    """No answer, or 5xx, or 429: try again later, nothing is known about the outcome."""


class PortalRefusedError(PortalError):
    """The portal will never accept this. `code` is its word for why."""

    def __init__(self, code: str, message: str, body: dict[str, Any]) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.body = code, body


class FencedError(PortalRefusedError):
    """A younger pod of this bot has taken over: stop at once."""


class EpochUnknownError(PortalRefusedError):
    """The portal has lost this epoch, with its store: only a new start gets another."""


class SequenceGapError(PortalRefusedError):
    """The portal misses events that it had acknowledged, as after a restore: a new start goes on from what it has."""


class DataMissingError(PortalRefusedError):
    """The platform does not have these candles."""

    def missing(self) -> list[MissingRange]:
        """Return the ranges that are missing, as far as the portal named them."""
        try:
            return [MissingRange.model_validate(item, extra="ignore") for item in (self.body.get("missing") or [])[:20]]
        except ValidationError:
            return []


class PortalClient:
    """One session. The token is read anew for each request, because the kubelet replaces it.

    With `ca` nobody else's certificate is believed: the answer to a start may be an exchange key.
    """

    def __init__(self, url: str, token_file: Path, *, ca: str = "") -> None:
        self._url, self._token_file = url.rstrip("/"), token_file
        self._ca = ca
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        # A context of its own: the one that aiohttp has may trust nobody, see quick_start.
        secure = self._url.startswith("https:")
        connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cadata=self._ca or None)) if secure else None
        self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session:
            await self._session.close()

    async def start(self, request: StartRequest) -> StartAnswer:
        """Return epoch, lease and folded state."""
        return await self._post("start", request, StartAnswer)

    async def events(self, batch: EventBatch) -> EventAnswer:
        """Hand in events; what the answer acknowledges is durable."""
        return await self._post("events", batch, EventAnswer)

    async def lease(self, request: LeaseRequest) -> LeaseAnswer:
        """Renew the lease: the heartbeat."""
        return await self._post("lease", request, LeaseAnswer)

    async def progress(self, progress: Progress) -> None:
        """Tell how far a backtest is."""
        await self._request("POST", "progress", progress.model_dump_json(by_alias=True).encode())

    async def result(self, upload: ResultUpload) -> ResultAnswer:
        """Hand in the report of a backtest."""
        return await self._post("results", upload, ResultAnswer)

    async def keep_block(self, shard: int, fingerprint: str, block: bytes, *, done: bool) -> None:
        """Keep scored points of an optimisation's shard, and say whether it is done."""
        query = urlencode({"fingerprint": fingerprint, "done": str(done).lower()})
        await self._request("POST", f"shards/{shard}?{query}", block, long=len(block) > 1 << 20)

    async def blocks(self, shard: int, fingerprint: str, take: Callable[[bytes], object]) -> None:
        """Hand the points that a shard has scored over what `fingerprint` names to `take`, piece by piece as they come."""
        await self._request("GET", f"shards/{shard}?{urlencode({'fingerprint': fingerprint})}", None, long=True, take=take)

    async def shards(self) -> ShardList:
        """Return which shards of this optimisation have stored anything."""
        return _read("shards", await self._request("GET", "shards", None), ShardList)

    async def candles(self, query: dict[str, str | int]) -> Candles:
        """Return candles. Raises DataMissingError where the platform does not have all of them."""
        content = await self._request("GET", f"candles?{urlencode(query)}", None, long=True)
        width = len(content) // len(COLUMNS)
        try:
            return from_columns([content[index * width : (index + 1) * width] for index in range(len(COLUMNS))])
        except CandleError as exc:
            raise PortalUnavailableError(f"the portal sent {len(content)} bytes of candles: {exc}") from exc

    async def _post(self, path: str, body: Contract, answer: type[Answer]) -> Answer:
        content = await self._request("POST", path, body.model_dump_json(by_alias=True).encode(), long=path == "results")
        return _read(path, content, answer)

    async def _request(
        self, method: str, path: str, data: bytes | None, *, long: bool = False, take: Callable[[bytes], object] | None = None
    ) -> bytes:
        if self._session is None:
            raise RuntimeError("use PortalClient as an async context manager")
        try:
            headers = {"Authorization": f"Bearer {self._token_file.read_text().strip()}", "Content-Type": "application/json"}
            timeout = aiohttp.ClientTimeout(total=LONG_S if long else TIMEOUT_S)
            url = f"{self._url}/runner/v1/{path}"
            async with self._session.request(
                method, url, data=data, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                if take is not None and response.status < 300:
                    async for piece in response.content.iter_chunked(PIECE):
                        take(piece)
                    return b""
                content = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            raise PortalUnavailableError(f"{method} {path}: {exc!r}") from exc
        if response.status < 300:
            return content
        raise _refusal(response.status, content)


def _read(path: str, content: bytes, answer: type[Answer]) -> Answer:
    try:
        return answer.model_validate_json(content, extra="ignore")
    except ValidationError as exc:
        raise PortalUnavailableError(f"{path}: the portal's answer is not understood: {exc.error_count()} faults") from exc


def _refusal(status: int, content: bytes) -> PortalError:
    try:
        body = json.loads(content)
        code, detail = str(body.get("code", "")), str(body.get("detail") or body.get("title") or "")
    except (ValueError, AttributeError):
        body, code, detail = {}, "", content[:200].decode(errors="replace")
    if status >= 500 or status == 429 or not code or status in {401, 403}:
        return PortalUnavailableError(f"the portal answered {status} {code} {detail}")
    kinds: dict[str, type[PortalRefusedError]] = {
        "Fenced": FencedError,
        "DataMissing": DataMissingError,
        "EpochUnknown": EpochUnknownError,
        "SequenceGap": SequenceGapError,
    }
    kind = kinds.get(code, PortalRefusedError)
    return kind(code, detail, body)
