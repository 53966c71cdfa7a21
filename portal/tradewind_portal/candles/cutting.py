"""Ranges cut out of column files: mapped, found by bisection, and handed on as bytes.

No price is looked at here, so that a portal needs no numpy, which weighs 10 MiB and more; candles of a longer timeframe are
made in a process of their own (merging.py). Column files are little-endian, and so are the machines that we have images for.
"""

import hashlib
import json
import mmap
import subprocess
import sys
from bisect import bisect_left
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tradewind_api.document.digest import canonical_json
from tradewind_portal.candles.files import BYTES_PER_CANDLE, COLUMNS, CandleStream, ColumnFiles
from tradewind_portal.candles.ranges import Plan

MERGING = "tradewind_portal.candles.merging"
MERGING_SECONDS = 60
WORD = BYTES_PER_CANDLE // COLUMNS


class Rows(NamedTuple):
    """The rows [start, stop) of a column file."""

    path: Path
    start: int
    stop: int


def cut(files: ColumnFiles, plan: Plan) -> list[Rows]:
    """Return where the candles of a plan are, in order of time."""
    found = []
    for piece in plan.cuts:
        path = files.path(piece.digest)
        times = _column(_mapped(path), 0).cast("q")
        found.append(Rows(path, bisect_left(times, piece.from_ms), bisect_left(times, piece.to_ms)))
    return [rows for rows in found if rows.start < rows.stop]


def merged(parts: list[Rows], step_ms: int, target: Path, environment: Mapping[str, str]) -> list[Rows]:
    """Return the candles of `step_ms` that rows make, written to the new file `target`.

    The rows must be all there are of a range with both ends on the grid of `step_ms`.
    """
    if not parts:
        return []
    wanted = json.dumps([[str(rows.path), rows.start, rows.stop] for rows in parts])
    command = [sys.executable, "-m", MERGING, str(target), str(step_ms)]
    subprocess.run(command, input=wanted.encode(), timeout=MERGING_SECONDS, check=True, env=dict(environment))  # noqa: S603
    return [Rows(target, 0, target.stat().st_size // BYTES_PER_CANDLE)]


def stream_of(parts: list[Rows], exchange: str, symbol: str, timeframe: str) -> CandleStream:
    """Return rows as a stream. Reads them once for the digest, which is `data_digest` of all of them together."""
    views = [(_mapped(rows.path), rows) for rows in parts]
    columns = tuple(
        tuple(_column(view, index)[rows.start * WORD : rows.stop * WORD] for view, rows in views) for index in range(COLUMNS)
    )
    digest = hashlib.sha256(canonical_json([exchange, symbol, timeframe]))
    for column in columns:
        for piece in column:
            digest.update(piece)
    return CandleStream(sum(rows.stop - rows.start for rows in parts), digest.hexdigest(), columns)


def _mapped(path: Path) -> memoryview:
    """Return a file's bytes, not read yet. The map ends with the last view of it; the file's name may go before."""
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _column(view: memoryview, index: int) -> memoryview:
    length = len(view) // COLUMNS
    return view[index * length : (index + 1) * length]
