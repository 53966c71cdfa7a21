"""Ranges cut out of column files, and merged to a longer timeframe where one is wanted.

The only part of the portal that needs numpy, which weighs 10 MiB: loaded when the first range is asked for.
"""

import hashlib
from pathlib import Path

import numpy as np

from tradewind_api.document.digest import canonical_json
from tradewind_engine.candles import Candles, Floats, Integers
from tradewind_engine.resampling import merge
from tradewind_portal.candles.files import BYTES_PER_CANDLE, CandleStream, ColumnFiles
from tradewind_portal.candles.ranges import Plan


def cut(files: ColumnFiles, plan: Plan, step: int, exchange: str, symbol: str, timeframe: str) -> CandleStream:
    """Return the candles of a plan without gaps as a stream, each of `step` milliseconds."""
    parts = [_open(files.path(piece.digest)).between(piece.from_ms, piece.to_ms) for piece in plan.cuts]
    if plan.step_ms != step and any(len(part) for part in parts):
        parts = [merge(_joined(parts), step)]  # both ends are aligned and covered, so every stretch is whole
    return _stream_of(parts, exchange, symbol, timeframe)


def _open(path: Path) -> Candles:
    """Return the candles of a file, mapped, not read."""
    count = path.stat().st_size // BYTES_PER_CANDLE
    whole = np.memmap(path, dtype="<i8", mode="r", shape=(6, count))
    prices = whole.view("<f8")
    return Candles(whole[0], *prices[1:])


def _joined(parts: list[Candles]) -> Candles:
    """Return candles that follow one another as one."""
    return Candles(*(np.concatenate(columns) for columns in zip(*(part.columns() for part in parts), strict=True)))


def _stream_of(parts: list[Candles], exchange: str, symbol: str, timeframe: str) -> CandleStream:
    """Return candles as a stream. Reads them once for the digest, which is `data_digest` of all of them together."""
    columns = tuple(tuple(_bytes(part.columns()[index]) for part in parts) for index in range(6))
    digest = hashlib.sha256(canonical_json([exchange, symbol, timeframe]))
    for column in columns:
        for piece in column:
            digest.update(piece)
    return CandleStream(sum(len(part) for part in parts), digest.hexdigest(), columns)


def _bytes(column: Floats | Integers) -> memoryview:
    return memoryview(np.ascontiguousarray(column).view(np.uint8)).cast("B")  # type: ignore[arg-type]  # arrays are buffers
