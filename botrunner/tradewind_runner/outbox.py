"""Events that the portal has not acknowledged yet, on disk. A group, the events of one candle, is kept and sent as a whole.

Written at once, so that a killed process has lost nothing; synced to the disk in a thread, so that the loop goes on meanwhile.
Who may not go on before that waits for `on_disk`. The file is filled with zeros when it is made, and written over from its
start whenever nothing waits: a sync then has only the few bytes to bring to the disk, and no length, block or journal of the
file system.
"""

import asyncio
import os
import zlib
from collections import deque
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import orjson

from tradewind_api.ledger import LedgerEvent
from tradewind_runner.syncing import Syncer

MOST_EVENTS, SPARE_EVENTS = 50_000, 1_000
ROOM = 1 << 18
SYNC_LATER_S, DISK_WAIT_S, DISK_WAITS = 0.05, 0.5, 4


class OutboxFullError(Exception):
    """No more can be kept, here or on the disk: no new risk may be taken."""


class _Group(NamedTuple):
    """Kept as bytes: a day without the portal must fit beside the bot."""

    last_seq: int
    events: int
    line: bytes


def outbox_path(folder: Path, epoch: int) -> Path:
    """Return where the outbox of an epoch lies."""
    return folder / f"outbox-{epoch}.jsonl"


class Outbox:
    """Written to before anything counts as having happened; emptied from the front."""

    def __init__(self, path: Path) -> None:
        self._groups: deque[_Group] = deque()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file, self._end = path.open("wb", buffering=0), 0
        _make_room(path, self._file.fileno())
        self._unwritten: deque[_Group] = deque()
        self.events = 0
        self._written = self._on_disk = 0  # counts of appends
        self._broken = ""
        self._syncer = Syncer(self._file.fileno())
        self._syncing: asyncio.Future[None] | None = None
        self._later: asyncio.TimerHandle | None = None

    def append(self, group: list[LedgerEvent]) -> None:
        """Keep a group, whatever becomes of this process. Raises OutboxFullError: too much waits, or the disk takes no more."""
        if self.events + len(group) > MOST_EVENTS:
            raise OutboxFullError(f"{self.events} events wait for the portal")
        if self._broken:
            raise OutboxFullError(self._broken)
        line = _line(group)
        written = b"".join([*(held.line for held in self._unwritten), line])
        try:
            if os.pwrite(self._file.fileno(), written, self._end) != len(written):
                raise OSError("the disk is full")
        except OSError as exc:  # half a line is none, and the next one is written over it
            raise OutboxFullError(f"events cannot be written down: {exc}") from exc
        self._end += len(written)
        self._written += 1
        self._unwritten.clear()
        self._groups.append(_Group(group[-1].seq, len(group), line))
        self.events += len(group)

    def sync_soon(self, *, now: bool) -> None:
        """Have what was appended brought to the disk, at once or together with what follows within a moment."""
        if now:
            self._sync()
        elif self._later is None:
            self._later = asyncio.get_running_loop().call_later(SYNC_LATER_S, self._sync_rest)

    async def on_disk(self) -> None:
        """Return when all that was appended until now is on the disk. Raises OutboxFullError where it does not get there.

        What a disk has once failed to sync nobody knows the state of: from then on it takes nothing more.
        """
        wanted, waits = self._written, 0
        await self._syncer.stay_awake(wanted)
        while self._syncer.reached < wanted and self._on_disk < wanted:
            if self._broken:
                raise OutboxFullError(self._broken)
            if waits == DISK_WAITS:
                raise OutboxFullError(f"the disk has not answered within {DISK_WAITS * DISK_WAIT_S:.0f} s")
            # Unlike an await this leaves it alone when whoever waits is cancelled. Several waits, because one that is over when
            # a frozen process goes on says nothing about the disk.
            done, _ = await asyncio.wait({self._sync()}, timeout=DISK_WAIT_S)
            waits += not done

    def hold(self, group: list[LedgerEvent]) -> bool:
        """Keep a group in memory alone, for what must go on without a disk; False where too many wait already.

        It is sent like any other, and written with the next group that the disk takes. A kill before either loses it, and what
        it told of is found again at the exchange.
        """
        if self.events + len(group) > MOST_EVENTS + SPARE_EVENTS:
            return False
        held = _Group(group[-1].seq, len(group), _line(group))
        self._unwritten.append(held)
        self._groups.append(held)
        self.events += len(group)
        return True

    def batch(self, most: int) -> list[LedgerEvent]:
        """Return the oldest groups that fit into `most` events together; at least one group."""
        found: list[LedgerEvent] = []
        for group in self._groups:
            if found and len(found) + group.events > most:
                break
            found.extend(_events(group.line))
        return found

    def acknowledge(self, seq: int) -> None:
        """Forget the groups up to `seq`; the file is written from its start again when nothing waits."""
        while self._groups and self._groups[0].last_seq <= seq:
            self.events -= self._groups.popleft().events
        while self._unwritten and self._unwritten[0].last_seq <= seq:
            self._unwritten.popleft()
        if not self._groups:
            if self._end > ROOM:
                self._file.truncate(ROOM)
            if self._end > ROOM // 2:
                self._end = 0

    def close(self) -> None:
        """Let go of the file; a disk that does not answer is not waited for."""
        if self._later is not None:
            self._later.cancel()
        self._syncer.close()
        self._file.close()

    def _sync(self) -> "asyncio.Future[None]":
        """Return the sync that is under way, or begin one."""
        if self._syncing is None:
            self._syncing = self._flush()
            self._syncing.add_done_callback(partial(self._synced, self._written))
        return self._syncing

    def _sync_rest(self) -> None:
        self._later = None
        if self._on_disk < self._written and not self._broken:
            self._sync()

    def _flush(self) -> "asyncio.Future[None]":
        return self._syncer.begin(self._written)

    def _synced(self, written: int, done: "asyncio.Future[None]") -> None:
        self._syncing = None
        if done.cancelled():
            return
        if (failure := done.exception()) is not None:
            self._broken = f"events cannot be written down: {failure}"
            return
        self._on_disk = written
        if written < self._written and not self._file.closed:
            self.sync_soon(now=False)


def _make_room(path: Path, file: int) -> None:
    """Have zeros on the disk where lines will be, and the file in its folder. A full disk is met again by the first line."""
    try:
        os.pwrite(file, bytes(ROOM), 0)
        os.fsync(file)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError:
        return


def outboxes(folder: Path) -> list[Path]:
    """Return the outboxes in a folder, the one of the newest epoch last."""
    return sorted(folder.glob("outbox-*.jsonl"), key=lambda path: int(path.stem.partition("-")[2]))


def read_groups(path: Path) -> Iterator[list[LedgerEvent]]:
    """Yield the groups of a file that a killed process left, up to the first line that is none.

    That is room not yet used, a torn line, which never counted, or the rest of lines that were there before: those are
    acknowledged, and no newer line has a lower number.
    """
    last = 0
    with path.open("rb") as file:
        for line in file:
            mark, _, content = line.partition(b" ")
            if not line.endswith(b"\n") or mark != _mark(content):
                return
            group = _events(line)
            if group[0].seq <= last:
                return
            last = group[-1].seq
            yield group


def _line(group: list[LedgerEvent]) -> bytes:
    content = orjson.dumps([event.model_dump(mode="json", by_alias=True) for event in group]) + b"\n"
    return _mark(content) + b" " + content


def _mark(content: bytes) -> bytes:
    return b"%08x" % zlib.crc32(content)


def _events(line: bytes) -> list[LedgerEvent]:
    return [LedgerEvent.model_validate(item) for item in orjson.loads(line.partition(b" ")[2])]
