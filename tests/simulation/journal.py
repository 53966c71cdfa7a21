"""The real journal on a disk that is full at times, is cut off in mid-write, and loses in a power cut what was not fsynced."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from chaos import Chaos
from killing import Killed

from tradewind_api.ledger import LedgerEvent
from tradewind_runner.outbox import Outbox, OutboxFullError


class Journal(Outbox):
    """`die` ends the process that writes; `durable` is how many bytes of the file outlive the machine."""

    def __init__(self, path: Path, chaos: Chaos, die: Callable[[], None]) -> None:
        super().__init__(path)
        self.path, self.durable, self.open = path, 0, True
        self._chaos, self._die, self._full_until = chaos, die, -1.0

    def append(self, group: list[LedgerEvent]) -> None:
        """Write a group, as far as the disk takes it and the process lives."""
        now = asyncio.get_running_loop().time()
        if self._chaos.happens("disk-full", 0.005):
            self._full_until = now + 300 * self._chaos.draw("full") ** 3
        if now <= self._full_until and not self._chaos.quiet:
            raise OutboxFullError("events cannot be written down: the disk is full")
        end = self._file.tell()
        super().append(group)
        if self._chaos.happens("torn-write", 0.002):
            self._file.truncate(end + int((self._file.tell() - end) * self._chaos.draw("torn")))
            self.durable = min(self.durable, end)
            self._die()
            raise Killed

    def acknowledge(self, seq: int) -> None:
        """Forget what the portal has."""
        super().acknowledge(seq)
        self.durable = min(self.durable, self._file.tell())

    def close(self) -> None:
        """Let go of the file."""
        self.open = False
        super().close()

    def synced(self) -> None:
        """Take note that the file has been fsynced as it is."""
        self.durable = self._file.tell()

    @property
    def number(self) -> int:
        """The file's number in its process."""
        return self._file.fileno()

    def keeps(self, cid: str) -> bool:
        """Return whether an order's id is on the disk to stay."""
        return cid.encode() in self.path.read_bytes()[: self.durable]

    def holds(self, cid: str) -> bool:
        """Return whether it is in memory alone, because the disk was full."""
        return any(cid.encode() in line for line in self._unwritten)

    def lose_power(self) -> None:
        """Lose what was written and not fsynced, or a part of it."""
        size = self.path.stat().st_size
        if size > self.durable:
            with self.path.open("r+b") as file:
                file.truncate(self.durable + int((size - self.durable) * self._chaos.draw("kept")))
