"""What a search has scored already, as bytes that outlive the process: a killed search goes on, and shards can be put together.

A search with a record asks it before it scores. So one that is run again after a kill takes the same way and repeats only what
had not been written; and one that is given the records of all shards scores nothing, and finds what a single process finds, to
the last bit. Knows neither files nor the portal: whoever makes a record says where its blocks go.
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
from tradewind_engine.candles import Candles, Floats
from tradewind_engine.optimise.scores import WIDTH, Scores
from tradewind_engine.optimise.space import Space
from tradewind_engine.optimise.sweep import SweepSettings

BLOCK = struct.Struct("<4sIIII")  # magic, part, rows, candles, crc32 of what follows
MAGIC = b"TWs1"
Sink = Callable[[bytes], None]
Place = tuple[int, ...]


def rows_in(block: bytes) -> int:
    """Return how many points a whole block holds."""
    return int(BLOCK.unpack_from(block)[2])


class Record:
    """Rows by part and place: part 0 is the search over all history, part k the training of walk-forward step k."""

    def __init__(self, space: Space, sink: Sink = lambda _: None) -> None:
        self._axes, self._sink = len(space.axes), sink
        self._row_bytes = 8 * (self._axes + WIDTH)
        self._rows: dict[int, dict[Place, Floats]] = {}
        self._candles: dict[int, int] = {}

    def __len__(self) -> int:
        """Return how many points are known, all parts together."""
        return sum(map(len, self._rows.values()))

    def load(self, data: bytes) -> int:
        """Take over the blocks in `data`; return the bytes of whole ones: what follows was cut off, or never was a block."""
        start = 0
        while start + BLOCK.size <= len(data):
            magic, part, rows, candles, check = BLOCK.unpack_from(data, start)
            body = data[start + BLOCK.size : start + BLOCK.size + rows * self._row_bytes]
            if magic != MAGIC or len(body) != rows * self._row_bytes or zlib.crc32(body) != check:
                break
            table = np.frombuffer(body, "<f8").reshape(rows, self._axes + WIDTH)
            places = [tuple(place) for place in table[:, : self._axes].astype(np.int64).tolist()]
            self._take(part, places, table[:, self._axes :], candles)
            start += BLOCK.size + len(body)
        return start

    def known(self, part: int, places: Sequence[Place]) -> tuple[list[int], Scores | None]:
        """Return which of `places` (by number) are known in a part, and their scores, None for none."""
        rows = self._rows.get(part, {})
        found = [number for number, place in enumerate(places) if place in rows]
        if not found:
            return [], None
        return found, Scores.from_table(np.array([rows[places[number]] for number in found]), self._candles[part])

    def keep(self, part: int, places: Sequence[Place], scores: Scores) -> None:
        """Remember scores and hand them to the sink as one block."""
        table = scores.table()
        self._take(part, places, table, scores.candles)
        body = np.column_stack([np.array(places, dtype=np.float64), table]).astype("<f8").tobytes()
        self._sink(BLOCK.pack(MAGIC, part, len(places), scores.candles, zlib.crc32(body)) + body)

    def _take(self, part: int, places: Sequence[Place], table: Floats, candles: int) -> None:
        self._candles[part] = candles
        self._rows.setdefault(part, {}).update(zip(places, table, strict=True))


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
