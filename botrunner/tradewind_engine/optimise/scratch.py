"""Bytes that a search puts down and reads again: in memory while they are few, then in a file without a name."""

import os
import tempfile
from typing import IO, Protocol

IN_MEMORY = 4 << 20
AT_ONCE = 1 << 20  # bytes asked of a file: a size that stands in a broken one would be made room for


class Store(Protocol):
    """Bytes one after the other, read again by where they stand."""

    def append(self, data: bytes) -> int:
        """Put down bytes and return where they stand."""
        ...

    def read(self, offset: int, size: int) -> bytes:
        """Return at most `size` bytes from `offset` on, fewer at the end."""
        ...


class Scratch:
    """A store that ends with the process. Where no file can be made, memory has to do."""

    def __init__(self, *, in_memory: int = IN_MEMORY) -> None:
        self._most: float = in_memory
        self._held = bytearray()
        self._file: IO[bytes] | None = None
        self.size = 0

    def __del__(self) -> None:
        """Give the file back."""
        if self._file is not None:
            self._file.close()

    def append(self, data: bytes) -> int:
        """Put down bytes and return where they stand. Raises OSError where the disk is full."""
        offset = self.size
        if self._file is None and offset + len(data) > self._most:
            self._move()
        if self._file is None:
            self._held += data
        else:
            write_all(self._file, data)
        self.size += len(data)
        return offset

    def read(self, offset: int, size: int) -> bytes:
        """Return at most `size` bytes from `offset` on, fewer at the end."""
        if self._file is None:
            return bytes(self._held[offset : offset + size])
        return read_all(self._file, offset, size)

    def _move(self) -> None:
        try:
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - gone with this object
        except OSError:
            self._most = float("inf")
            return
        write_all(self._file, self._held)
        self._held = bytearray()


def write_all(file: IO[bytes], data: bytes | bytearray) -> None:
    """Write all of `data` to a file without a buffer, which may take less of it at once."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def read_all(file: IO[bytes], offset: int, size: int) -> bytes:
    """Return at most `size` bytes of a file from `offset` on, wherever its own position is."""
    parts = []
    while size and (part := os.pread(file.fileno(), min(size, AT_ONCE), offset)):
        parts.append(part)
        offset, size = offset + len(part), size - len(part)
    return b"".join(parts)
