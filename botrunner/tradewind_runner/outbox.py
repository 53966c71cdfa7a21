"""Events that the portal has not acknowledged yet, on disk. A group, the events of one candle, is kept and sent as a whole."""

import os
from collections import deque
from pathlib import Path

import orjson

from tradewind_api.ledger import LedgerEvent

MOST_EVENTS = 50_000


class OutboxFullError(Exception):
    """The portal has been away for so long that no more is kept: no new risk may be taken."""


class Outbox:
    """Appended to and fsynced before anything counts as having happened; emptied from the front."""

    def __init__(self, path: Path) -> None:
        self._groups: deque[list[LedgerEvent]] = deque()
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb")  # of an older epoch: the ledger is what counts, its pod has been fenced
        self.events = 0

    def append(self, group: list[LedgerEvent]) -> None:
        """Keep a group, durably. Raises OutboxFullError instead where too much waits already."""
        if self.events + len(group) > MOST_EVENTS:
            raise OutboxFullError(f"{self.events} events wait for the portal")
        self._file.write(orjson.dumps([event.model_dump(mode="json", by_alias=True) for event in group]) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._groups.append(group)
        self.events += len(group)

    def batch(self, most: int) -> list[LedgerEvent]:
        """Return the oldest groups that fit into `most` events together; at least one group."""
        found: list[LedgerEvent] = []
        for group in self._groups:
            if found and len(found) + len(group) > most:
                break
            found.extend(group)
        return found

    def acknowledge(self, seq: int) -> None:
        """Forget the groups up to `seq`; the file starts anew when nothing waits."""
        while self._groups and self._groups[0][-1].seq <= seq:
            self.events -= len(self._groups.popleft())
        if not self._groups and self._file.tell() > 1_000_000:
            self._file.seek(0)
            self._file.truncate()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
