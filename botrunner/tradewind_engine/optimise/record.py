"""What a search has scored already, as bytes that outlive the process: a killed search goes on, and shards can be put together.

A search asks its record before it scores. So one that is run again after a kill takes the same way and repeats only what
had not been written; and one that is given the records of all shards scores nothing, and finds what a single process finds, to
the last bit. Rows stay in a store of bytes; held in memory is where each stands. Knows neither files nor the portal: whoever
makes a record says where its blocks go.
"""

import hashlib
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple
from typing import Any

import numpy as np

from tradewind_api.document.digest import canonical_json, data_digest, strategy_digest
from tradewind_api.document.model import StrategyDocument
from tradewind_engine import ENGINE_VERSION
from tradewind_engine.candles import Candles, Floats, Integers
from tradewind_engine.optimise.places import Place, PlaceIndex, Places
from tradewind_engine.optimise.scores import WIDTH, Scores
from tradewind_engine.optimise.scratch import Scratch, Store
from tradewind_engine.optimise.space import Space
from tradewind_engine.optimise.sweep import SweepSettings

BLOCK = struct.Struct("<4sIIII")  # magic, part, rows, candles, crc32 of what follows
MAGIC = b"TWs1"
AT_ONCE = 4096  # rows that are read from the store at a time
Sink = Callable[[bytes], None]


def rows_in(block: bytes) -> int:
    """Return how many points a whole block holds."""
    return int(BLOCK.unpack_from(block)[2])


class Record:
    """Rows by part and place: part 0 is the search over all history, part k the training of walk-forward step k."""

    def __init__(self, space: Space, sink: Sink = lambda _: None, store: Store | None = None) -> None:
        self._axes, self._sink = len(space.axes), sink
        self._store: Store = Scratch() if store is None else store
        self._row_bytes = 8 * (self._axes + WIDTH)
        self._parts: dict[int, PlaceIndex] = {}
        self._candles: dict[int, int] = {}

    def __len__(self) -> int:
        """Return how many points are known, all parts together."""
        return sum(map(len, self._parts.values()))

    def load(self, source: bytes | Store) -> int:
        """Take over the blocks in `source`; return the bytes of whole ones: what follows was cut off, or never was a block."""
        if isinstance(source, bytes):
            held, source = source, Scratch(in_memory=len(source))
            source.append(held)
        return self._scan(source, 0)

    def find_own(self, start: int) -> int:
        """Take over the blocks that stand in the record's own store from `start` on; return where the last whole one ends."""
        return start + self._scan(self._store, start)

    def known(self, part: int, places: Sequence[Place]) -> tuple[list[int], Scores | None]:
        """Return which of `places` (by number) are known in a part, and their scores, None for none."""
        offsets = self.find(part, np.array(places))
        found = np.flatnonzero(offsets >= 0)
        return found.tolist(), self.scores(part, offsets[found]) if found.size else None

    def find(self, part: int, places: Places) -> Integers:
        """Return where the rows of places, shape (n, axes), stand in the store, -1 where one is not known."""
        index = self._parts.get(part)
        return np.full(len(places), -1, dtype=np.int64) if index is None else index.find(places)

    def scores(self, part: int, offsets: Integers) -> Scores:
        """Return the scores of the rows at `offsets`, in their order."""
        return Scores.from_table(self.columns(offsets, 0, WIDTH), self._candles[part])

    def columns(self, offsets: Integers, first: int, last: int) -> Floats:
        """Return columns `first` to `last` (not included) of the tables of the rows at `offsets`, in their order."""
        found = np.empty((offsets.size, last - first))
        order = np.argsort(offsets)
        for start in range(0, offsets.size, AT_ONCE):
            rows = order[start : start + AT_ONCE]
            ends = np.flatnonzero(np.diff(offsets[rows]) != self._row_bytes) + 1
            for run in np.split(rows, ends):  # they stand one after the other
                data = self._store.read(int(offsets[run[0]]), run.size * self._row_bytes)
                table = np.frombuffer(data, "<f8").reshape(run.size, self._axes + WIDTH)
                found[run] = table[:, self._axes + first : self._axes + last]
        return found

    def keep(self, part: int, places: Places | Sequence[Place], scores: Scores) -> Integers:
        """Put scores down and hand them to the sink as one block; return where each row stands."""
        places = np.asarray(places)
        body = np.column_stack([places.astype(np.float64), scores.table()]).astype("<f8").tobytes()
        block = BLOCK.pack(MAGIC, part, len(places), scores.candles, zlib.crc32(body)) + body
        offsets = self._take(part, places, scores.candles, self._store.append(block))
        self._sink(block)
        return offsets

    def _scan(self, source: Store, start: int) -> int:
        """Take over blocks of a store, into the record's own if it is another one; return the bytes of whole ones."""
        at = start
        while len(head := source.read(at, BLOCK.size)) == BLOCK.size:
            magic, part, rows, candles, check = BLOCK.unpack(head)
            if magic != MAGIC:
                break
            body = source.read(at + BLOCK.size, rows * self._row_bytes)
            if len(body) != rows * self._row_bytes or zlib.crc32(body) != check:
                break
            table = np.frombuffer(body, "<f8").reshape(rows, self._axes + WIDTH)
            stands = at if source is self._store else self._store.append(head + body)
            self._take(part, table[:, : self._axes], candles, stands)
            at += BLOCK.size + len(body)
        return at - start

    def _take(self, part: int, places: Places, candles: int, stands: int) -> Integers:
        """Note where the rows of a block stand; of a place that comes twice the first one stays."""
        self._candles[part] = candles
        index = self._parts.setdefault(part, PlaceIndex(self._axes))
        offsets = stands + BLOCK.size + self._row_bytes * np.arange(len(places), dtype=np.int64)
        new = index.find(places) < 0
        index.add(places[new], offsets[new])
        return offsets


def fingerprint(
    document: StrategyDocument,
    space: Space,
    candles: Mapping[str, Candles],
    settings: SweepSettings,
    *,
    exchange: str = "",
    folds: int = 0,
    kind: str = "rolling",
) -> str:
    """Return the sha256 of all that scores depend on; objective and seed are not among it. A record is of one fingerprint."""
    meaning: list[Any] = [
        ENGINE_VERSION,
        strategy_digest(document),
        {address: list(values) for address, values in space.axes.items()},
        [data_digest(exchange, name, settings.timeframe, history.column_bytes()) for name, history in candles.items()],
        [settings.timeframe, float(settings.capital), *astuple(settings.costs)],
        [folds, kind] if folds else [],
        {name: list(astuple(settings.markets[name])) for name in candles if name in settings.markets},
        np.__version__,
    ]
    return hashlib.sha256(canonical_json(meaning)).hexdigest()
