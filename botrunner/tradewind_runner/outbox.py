"""Events that the portal has not acknowledged yet, on disk. A group, the events of one candle, is kept and sent as a whole."""

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import orjson

from tradewind_api.ledger import LedgerEvent

MOST_EVENTS, SPARE_EVENTS = 50_000, 1_000
COMPACT_BYTES = 1_000_000


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
    """Appended to and fsynced before anything counts as having happened; emptied from the front."""

    def __init__(self, path: Path) -> None:
        self._groups: deque[_Group] = deque()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb", buffering=0)
        self._unwritten: list[bytes] = []
        self.events = 0

    def append(self, group: list[LedgerEvent]) -> None:
        """Keep a group, durably. Raises OutboxFullError instead where too much waits already, or the disk takes no more."""
        if self.events + len(group) > MOST_EVENTS:
            raise OutboxFullError(f"{self.events} events wait for the portal")
        line = _line(group)
        written = b"".join([*self._unwritten, line])
        end = self._file.tell()
        try:
            if self._file.write(written) != len(written):
                raise OSError("the disk is full")
            os.fsync(self._file.fileno())
        except OSError as exc:
            self._file.seek(end)
            self._file.truncate()
            raise OutboxFullError(f"events cannot be written down: {exc}") from exc
        self._unwritten.clear()
        self._groups.append(_Group(group[-1].seq, len(group), line))
        self.events += len(group)

    def hold(self, group: list[LedgerEvent]) -> bool:
        """Keep a group in memory alone, for what must go on without a disk; False where too many wait already.

        It is sent like any other, and written with the next group that the disk takes. A kill before either loses it, and what
        it told of is found again at the exchange.
        """
        if self.events + len(group) > MOST_EVENTS + SPARE_EVENTS:
            return False
        line = _line(group)
        self._unwritten.append(line)
        self._groups.append(_Group(group[-1].seq, len(group), line))
        self.events += len(group)
        return True

    def batch(self, most: int) -> list[LedgerEvent]:
        """Return the oldest groups that fit into `most` events together; at least one group."""
        found: list[LedgerEvent] = []
        for group in self._groups:
            if found and len(found) + group.events > most:
                break
            found.extend(_parse(group.line))
        return found

    def acknowledge(self, seq: int) -> None:
        """Forget the groups up to `seq`; the file starts anew when nothing waits."""
        while self._groups and self._groups[0].last_seq <= seq:
            self.events -= self._groups.popleft().events
        if not self._groups:
            self._unwritten.clear()
        if not self._groups and self._file.tell() > COMPACT_BYTES:
            self._file.seek(0)
            self._file.truncate()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def outboxes(folder: Path) -> list[Path]:
    """Return the outboxes in a folder, the one of the newest epoch last."""
    return sorted(folder.glob("outbox-*.jsonl"), key=lambda path: int(path.stem.partition("-")[2]))


def read_groups(path: Path) -> Iterator[list[LedgerEvent]]:
    """Yield the groups of a file that a killed process left. A torn last line never counted: append had not returned."""
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                return
            yield _parse(line)


def _line(group: list[LedgerEvent]) -> bytes:
    return orjson.dumps([event.model_dump(mode="json", by_alias=True) for event in group]) + b"\n"


def _parse(line: bytes) -> list[LedgerEvent]:
    return [LedgerEvent.model_validate(item) for item in orjson.loads(line)]
