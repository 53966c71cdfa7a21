"""Column files: six little-endian columns one after the other, named by the digest of their values.

Immutable once there. A file appears by renaming a complete one, so that a name never stands for half of it.
"""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

CHUNK = 1024 * 1024
COLUMNS = 6
BYTES_PER_CANDLE = 8 * COLUMNS


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
