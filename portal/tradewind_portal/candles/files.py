"""Column files: six little-endian columns one after the other, named by the digest of their values.

Immutable once there. A file appears by renaming a complete one, so that a name never stands for half of it.
"""

import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tradewind_api.document.digest import canonical_json
from tradewind_engine.candles import Candles, Floats, Integers

CHUNK = 1024 * 1024
BYTES_PER_CANDLE = 48


class ColumnFiles:
    """The folder of all column files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.incoming = folder / "incoming"
        self.incoming.mkdir(parents=True, exist_ok=True)
        for leftover in self.incoming.iterdir():  # of a process that died while it received
            leftover.unlink()

    def path(self, digest: str) -> Path:
        """Return where a file is or would be."""
        return self._folder / digest[:2] / f"{digest}.columns"

    def keep(self, columns: Path, digest: str) -> None:
        """Move a complete, synced file to its place, durably."""
        target = self.path(digest)
        target.parent.mkdir(exist_ok=True)
        columns.replace(target)
        for folder in (target.parent, self._folder):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def open(self, digest: str) -> Candles:
        """Return the candles of a file, mapped, not read."""
        path = self.path(digest)
        count = path.stat().st_size // BYTES_PER_CANDLE
        whole = np.memmap(path, dtype="<i8", mode="r", shape=(6, count))
        prices = whole.view("<f8")
        return Candles(whole[0], *prices[1:])


def joined(parts: list[Candles]) -> Candles:
    """Return candles that follow one another as one."""
    return Candles(*(np.concatenate(columns) for columns in zip(*(part.columns() for part in parts), strict=True)))


@dataclass(frozen=True, slots=True)
class CandleStream:
    """Candles on their way out: for each column its pieces in order of time."""

    count: int
    digest: str
    columns: tuple[tuple[memoryview, ...], ...]

    @property
    def size(self) -> int:
        """Return the bytes of the body."""
        return self.count * BYTES_PER_CANDLE

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body."""
        for column in self.columns:
            for piece in column:
                for start in range(0, len(piece), CHUNK):
                    yield bytes(piece[start : start + CHUNK])


def stream_of(parts: list[Candles], exchange: str, symbol: str, timeframe: str) -> CandleStream:
    """Return candles as a stream. Reads them once for the digest, which is `data_digest` of all of them together."""
    columns = tuple(tuple(_bytes(part.columns()[index]) for part in parts) for index in range(6))
    digest = hashlib.sha256(canonical_json([exchange, symbol, timeframe]))
    for column in columns:
        for piece in column:
            digest.update(piece)
    return CandleStream(sum(len(part) for part in parts), digest.hexdigest(), columns)


def _bytes(column: Floats | Integers) -> memoryview:
    return memoryview(np.ascontiguousarray(column).view(np.uint8)).cast("B")  # type: ignore[arg-type]  # arrays are buffers
