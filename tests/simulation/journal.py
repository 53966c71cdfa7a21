"""The real journal on a disk that is full, slow or broken at times, is cut off in mid-write, and loses power before a sync."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from chaos import Chaos
from killing import Killed

from tradewind_api.ledger import LedgerEvent
from tradewind_runner.outbox import Outbox, OutboxFullError

BLOCK = 4096


class Journal(Outbox):
    """`die` ends the process that writes; `safe` is what of the file outlives the machine; `trouble`: the disk has failed."""

    def __init__(self, path: Path, chaos: Chaos, die: Callable[[], None]) -> None:
        super().__init__(path)
        self.path, self.safe, self.trouble = path, path.read_bytes(), False
        self._chaos, self._die, self._full_until = chaos, die, -1.0

    def append(self, group: list[LedgerEvent]) -> None:
        """Write a group, as far as the disk takes it and the process lives."""
        now = asyncio.get_running_loop().time()
        if self._chaos.happens("disk-full", 0.005):
            self._full_until = now + 300 * self._chaos.draw("full") ** 3
        if now <= self._full_until and not self._chaos.quiet:
            self.trouble = True
            raise OutboxFullError("events cannot be written down: the disk is full")
        if not self._chaos.happens("torn-write", 0.002):
            super().append(group)
            return
        before, begin = self.path.read_bytes(), self._end
        super().append(group)
        torn = begin + int((self._end - begin) * self._chaos.draw("torn"))
        self.path.write_bytes(self.path.read_bytes()[:torn] + before[torn:])
        self._die()
        raise Killed

    def keeps(self, cid: str) -> bool:
        """Return whether an order's id is on the disk to stay."""
        return cid.encode() in self.safe

    def holds(self, cid: str) -> bool:
        """Return whether it is in memory, and the disk has failed."""
        return self.trouble and any(cid.encode() in group.line for group in self._groups)

    def lose_power(self) -> None:
        """Lose what was written and not synced, or some blocks of it."""
        if self.path.exists():
            now, kept = self.path.read_bytes(), self._chaos.draw("kept")
            starts = range(0, max(len(now), len(self.safe)), BLOCK)
            pairs = [(now[start : start + BLOCK], self.safe[start : start + BLOCK]) for start in starts]
            blocks = [new if new == old or self._chaos.draw("block") < kept else old for new, old in pairs]
            self.path.write_bytes(b"".join(blocks))

    def _flush(self) -> asyncio.Future[None]:
        return asyncio.ensure_future(self._bring())

    async def _bring(self) -> None:
        content, seconds = self.path.read_bytes(), 0.001 + 0.009 * self._chaos.draw("disk")
        if self._chaos.happens("disk-slow", 0.01):
            self.trouble, seconds = True, 5 * self._chaos.draw("disk")
        await asyncio.sleep(seconds)
        if self._chaos.happens("disk-broken", 0.0005):
            self.trouble = True
            raise OSError(5, "Input/output error")
        self.safe = content
