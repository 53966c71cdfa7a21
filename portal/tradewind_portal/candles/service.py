"""Taking candles in, and giving ranges of them out.

A file is streamed to disk, read by a process of its own (intake.py), and kept by digest before the row that names it is
committed: what is listed is there. Two tenants with the same candles share one file and know nothing of each other.
"""

import asyncio
import json
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tradewind_api.document.model import TIMEFRAME_MS
from tradewind_api.runner import ExchangeConfig, MissingRange
from tradewind_portal.candles import queries
from tradewind_portal.candles.cutting import cut, merged, stream_of
from tradewind_portal.candles.files import CandleStream, ColumnFiles
from tradewind_portal.candles.queries import Stored
from tradewind_portal.candles.ranges import Import, Plan, aligned, plan_range
from tradewind_portal.clock import now_ms
from tradewind_portal.problems import FieldError, Problem, not_found
from tradewind_portal.settings import Settings
from tradewind_portal.store import Store
from tradewind_portal.strategies.checks import check_exchange, refuse

INTAKE = "tradewind_portal.candles.intake"
INTAKE_SECONDS = 300
AT_ONCE = 2
MAX_MISSING = 20


class CandleLibrary:
    """All imported candles."""

    def __init__(self, store: Store, folder: Path, settings: Settings) -> None:
        self._store = store
        self._files = ColumnFiles(folder)
        self._settings = settings
        self._exchanges: list[ExchangeConfig] = settings.exchanges
        self._intakes, self._mergers = asyncio.Semaphore(AT_ONCE), asyncio.Semaphore(AT_ONCE)

    async def take(
        self, tenant_uid: str, body: AsyncIterator[bytes], *, exchange: str, symbol: str, timeframe: str | None, by: str
    ) -> Stored:
        """Return what was imported. Raises Problem 413 for a file too large, 422 for a bad one, 507 for a full disk."""
        refuse(check_exchange(exchange, self._exchanges, "?exchange"))
        name = secrets.token_hex(8)
        received, columns = self._files.incoming / f"{name}.file", self._files.incoming / f"{name}.columns"
        try:
            await self._receive(body, received)
            async with self._intakes:
                found = await asyncio.to_thread(self._read, received, columns, exchange, symbol, timeframe or "")
            stored = Stored(
                tenant_uid=tenant_uid,
                digest=found["digest"],
                exchange=exchange,
                symbol=symbol,
                timeframe=found["timeframe"],
                candles=found["candles"],
                from_ms=found["from"],
                to_ms=found["to"],
                gaps=tuple((start, end) for start, end in found["gaps"]),
                gap_count=found["gapCount"],
                imported_ms=now_ms(),
                imported_by=by,
            )
            await asyncio.to_thread(self._files.keep, columns, stored.digest)
        finally:
            received.unlink(missing_ok=True)
            columns.unlink(missing_ok=True)
        await self._store.write(lambda cursor: queries.upsert(cursor, stored))
        return stored

    async def list(self, tenant_uid: str) -> list[Stored]:
        """Return a tenant's imports, newest first."""
        return await self._store.read(lambda cursor: queries.of_tenant(cursor, tenant_uid))

    async def show(self, tenant_uid: str, digest: str) -> Stored:
        """Return one of a tenant's imports. Raises Problem 404."""
        found = await self._store.read(lambda cursor: queries.by_digest(cursor, tenant_uid, digest))
        if found is None:
            raise not_found("such dataset")
        return found

    async def read(
        self, tenant_uid: str, exchange: str, symbol: str, timeframe: str, *, from_ms: int, to_ms: int
    ) -> CandleStream:
        """Return the candles that open in [from_ms, to_ms). Raises Problem 404 DataMissing, which names what is missing."""
        step = TIMEFRAME_MS[timeframe]
        start, end = aligned(from_ms, step), aligned(to_ms, step)
        if start >= end:
            raise Problem(422, "Invalid", f"no candle of {timeframe} opens from {from_ms} up to {to_ms}")
        found = await self._store.read(lambda cursor: queries.of_symbol(cursor, tenant_uid, exchange, symbol))
        imports = [
            Import(item.digest, TIMEFRAME_MS[item.timeframe], item.from_ms, item.to_ms, item.imported_ms) for item in found
        ]
        plan = plan_range(imports, step, start, end)
        if plan.missing:
            missing = [MissingRange(symbol=symbol, from_ms=low, to_ms=high) for low, high in plan.missing[:MAX_MISSING]]
            raise Problem(
                404,
                "DataMissing",
                f"no import has all {timeframe} candles of {symbol} at {exchange} in this range; import the missing ones",
                more={"missing": [item.model_dump(by_alias=True) for item in missing]},
            )
        if plan.step_ms == step:
            return await asyncio.to_thread(lambda: stream_of(cut(self._files, plan), exchange, symbol, timeframe))
        async with self._mergers:
            return await asyncio.to_thread(self._merge, plan, step, exchange, symbol, timeframe)

    def _merge(self, plan: Plan, step: int, exchange: str, symbol: str, timeframe: str) -> CandleStream:
        target = self._files.incoming / f"{secrets.token_hex(8)}.merged"
        try:  # both ends of the plan are aligned and covered, so every stretch is whole
            return stream_of(merged(cut(self._files, plan), step, target, _environment()), exchange, symbol, timeframe)
        finally:
            target.unlink(missing_ok=True)

    async def _receive(self, body: AsyncIterator[bytes], target: Path) -> None:
        limit, size = self._settings.import_max_bytes, 0
        if self._store.free_bytes() < self._settings.min_free_mib * 1024 * 1024:
            raise Problem(507, "DiskFull", "the platform's disk is nearly full; an administrator must make room")
        with target.open("xb") as file:
            async for chunk in body:
                size += len(chunk)
                if size > limit:
                    raise Problem(413, "TooLarge", f"a candle file may have {limit} bytes; split it by time, or send Parquet")
                await asyncio.to_thread(file.write, chunk)
        if size == 0:
            raise Problem(422, "Invalid", "the body is empty: send a CSV or Parquet file")

    def _read(self, received: Path, columns: Path, exchange: str, symbol: str, timeframe: str) -> dict[str, Any]:
        memory = str(self._settings.import_memory_mib)
        command = [sys.executable, "-m", INTAKE, str(received), str(columns), exchange, symbol, timeframe, memory]
        try:
            done = subprocess.run(command, capture_output=True, timeout=INTAKE_SECONDS, check=False, env=_environment())  # noqa: S603
        except subprocess.TimeoutExpired:
            raise Problem(
                422, "BadCandles", f"reading the file took longer than {INTAKE_SECONDS} s; split it by time"
            ) from None
        try:
            found: dict[str, Any] = json.loads(done.stdout)
        except json.JSONDecodeError:
            detail = f"the file cannot be read within {memory} MiB of memory: split it by time, or write it anew"
            raise Problem(422, "BadCandles", detail) from None
        if "error" in found:
            raise Problem(422, "BadCandles", found["error"], errors=[FieldError("", "BadCandles", found["error"])])
        return found


def _environment() -> dict[str, str]:
    return {"PYTHONPATH": ":".join(path for path in sys.path if path), "PATH": "/usr/bin:/bin", "OPENBLAS_NUM_THREADS": "1"}
