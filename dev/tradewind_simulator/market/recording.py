"""Reads recordings of the exchange's own streams: frames as they came, and the depth snapshots that REST answered.

One line is one frame, after the moment at which it came: `<ns> {json}`, `<seconds>: {json}` or `<url> -> <seconds>: {json}`.
Refused with file and line, never mended: what is no JSON, levels that are no numbers, books without a snapshot, gaps.
"""

import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeAlias

import orjson

from tradewind_engine.trading.book import Book, Level, Print
from tradewind_simulator.market.depth import DepthChange
from tradewind_simulator.market.l2 import BookTape

LINE = re.compile(r"^(?:https?://\S*?symbol=([A-Z0-9]+)\S* -> )?(\d+(?:\.\d+)?):? (\{.*\})$")
HEADER = re.compile(r"^(?:wss?://.*)?$")


class FeedError(ValueError):
    """A recording that cannot be replayed. The message names file and line, and what to do."""


Snapshot: TypeAlias = tuple[int, Book, int]
"""Number, levels, and when it came (UTC ms by the recorder's clock)."""


@dataclass(slots=True)
class Recorded:
    """What was recorded of one symbol."""

    snapshot: Snapshot | None = None
    diffs: list[DepthChange] = field(default_factory=list)
    trades: list[Print] = field(default_factory=list)
    aggregates: list[Print] = field(default_factory=list)


def read_recordings(files: Iterable[Path]) -> dict[str, BookTape]:
    """Return the markets in recordings, by the exchange's symbol. Raises FeedError."""
    found: dict[str, Recorded] = {}
    for file in files:
        _read(file, found)
    if not found:
        raise FeedError("no depth, trade or snapshot was found: is it a recording of the exchange's streams?")
    return {symbol_id: _market(symbol_id, recorded) for symbol_id, recorded in found.items()}


def _read(file: Path, found: dict[str, Recorded]) -> None:
    symbols: set[str] = set()
    nameless: list[Snapshot] = []
    for number, line in enumerate(_lines(file), start=1):
        try:
            _take(line, found, symbols, nameless)
        except (KeyError, TypeError, ValueError, InvalidOperation) as exc:
            raise FeedError(f"{file.name}, line {number}: {_words(exc)}") from None
    if not nameless:
        return
    if len(symbols) != 1:
        raise FeedError(
            f"{file.name}: a snapshot without a symbol fits only a file of one; it has {', '.join(symbols) or 'none'}"
        )
    recorded = found[symbols.pop()]
    recorded.snapshot = recorded.snapshot or nameless[0]


def _lines(file: Path) -> Iterator[str]:
    try:
        with file.open("rb") as opened:
            packed = opened.read(2) == b"\x1f\x8b"
        with gzip.open(file, "rt", encoding="utf-8") if packed else file.open(encoding="utf-8") as lines:
            for line in lines:
                yield line.rstrip("\n")
    except (EOFError, zlib.error, gzip.BadGzipFile) as exc:
        raise FeedError(f"{file.name} is a damaged gzip file ({exc}): fetch it again") from None
    except UnicodeDecodeError:
        raise FeedError(f"{file.name} is no text in UTF-8: wanted is a recording, one frame a line") from None
    except OSError as exc:
        raise FeedError(f"cannot read {file}: {exc.strerror}") from None


def _take(line: str, found: dict[str, Recorded], symbols: set[str], nameless: list[Snapshot]) -> None:
    """Put one line where it belongs; frames of other kinds are passed over."""
    parts = LINE.match(line)
    if parts is None:
        if HEADER.match(line):
            return
        raise ValueError("wanted is `<time> {json}`, one frame a line")
    symbol_id, moment, content = parts.groups()
    frame = orjson.loads(content)
    data = frame.get("data", frame)
    if "lastUpdateId" in data:
        snapshot = (int(data["lastUpdateId"]), Book(_levels(data["bids"]), _levels(data["asks"])), _milliseconds(moment))
        if symbol_id is None:
            nameless.append(snapshot)
        else:
            recorded = found.setdefault(symbol_id, Recorded())
            recorded.snapshot = recorded.snapshot or snapshot
        return
    kind = data.get("e")
    if kind not in {"depthUpdate", "trade", "aggTrade"}:
        return
    recorded = found.setdefault(data["s"], Recorded())
    symbols.add(data["s"])
    match kind:
        case "depthUpdate":
            _add_diff(recorded, data)
        case "trade":
            recorded.trades.append(_print(data, "t"))
        case _:
            recorded.aggregates.append(_print(data, "a"))


def _add_diff(recorded: Recorded, data: dict[str, Any]) -> None:
    change = DepthChange(int(data["U"]), int(data["u"]), dict(_levels(data["b"])), dict(_levels(data["a"])), int(data["E"]))
    if recorded.diffs:
        last = recorded.diffs[-1]
        if change.first_id != last.last_id + 1:
            told = f"{data['s']}: update {change.first_id} follows {last.last_id}"
            raise ValueError(f"{told}: diffs are missing or out of order; split the recording here")
        if change.time_ms < last.time_ms:
            raise ValueError(f"{data['s']}: update {change.first_id} is older than the one before")
    recorded.diffs.append(change)


def _market(symbol_id: str, recorded: Recorded) -> BookTape:
    if recorded.snapshot is None:
        raise FeedError(f"{symbol_id}: no depth snapshot: record GET /api/v3/depth?limit=1000 after the stream has begun")
    number, book, came_ms = recorded.snapshot
    usable = [change for change in recorded.diffs if change.last_id > number]
    if usable and usable[0].first_id > number + 1:
        raise FeedError(
            f"{symbol_id}: the snapshot {number} is older than the first diff {usable[0].first_id}: record it later"
        )
    first_ms = usable[0].time_ms - 100 if usable else came_ms
    prints = sorted(recorded.trades or recorded.aggregates, key=lambda item: (item.time_ms, item.trade_id))
    return BookTape(book, number, usable, [item for item in prints if item.time_ms > first_ms], first_ms=first_ms)


def _levels(found: Any) -> tuple[Level, ...]:
    levels = tuple((Decimal(price), Decimal(amount)) for price, amount in found)
    for price, amount in levels:
        if not (price.is_finite() and amount.is_finite() and price > 0 and amount >= 0):
            raise ValueError(f"a level of price {price} and amount {amount} cannot be")
    return levels


def _print(data: dict[str, Any], key: str) -> Print:
    ((price, amount),) = _levels([(data["p"], data["q"])])
    return Print(int(data[key]), int(data["T"]), price, amount, "sell" if data["m"] else "buy")


def _milliseconds(moment: str) -> int:
    """Nanoseconds, or seconds with a fraction."""
    return int(float(moment) * 1000) if "." in moment else int(moment) // 1_000_000


def _words(exc: Exception) -> str:
    if isinstance(exc, KeyError):
        return f"the field {exc} is missing"
    return str(exc) if isinstance(exc, ValueError) else f"a field is not what it should be ({type(exc).__name__}: {exc})"
