"""Epochs, events and heartbeats of bots, and what people read of them.

An epoch is stored before it is told. Events are stored once: whatever lies at or below the high-water mark is a resend, the
first above it must be the next. A bot whose epoch is not the newest is told to stop.
"""

from dataclasses import dataclass

import orjson

from tradewind_api.fold import fold
from tradewind_api.ledger import LedgerEvent
from tradewind_api.runner import EventBatch, LeaseRequest
from tradewind_portal import measures
from tradewind_portal.bots.schemas import LedgerFigures, RunnerContact
from tradewind_portal.clock import now_ms
from tradewind_portal.ledger import queries
from tradewind_portal.ledger.queries import Book, Owner
from tradewind_portal.ledger.schemas import Decision, EquityPoint, Event, Fill
from tradewind_portal.paging import decode_numbers, encode
from tradewind_portal.problems import Problem
from tradewind_portal.store import Cursor, Row, Store
from tradewind_portal.wire import Page


@dataclass(frozen=True, slots=True)
class Stored:
    """All up to `seq` is durable; `duplicates` of the batch were before."""

    seq: int
    duplicates: int
    halted: str | None


@dataclass(frozen=True, slots=True)
class Ahead:
    """A batch that does not follow on what is stored."""

    expected_seq: int


@dataclass(frozen=True, slots=True)
class OtherEpoch:
    """A batch or heartbeat of an epoch that is not the newest."""

    newest: int


class Ledgers:
    """All bots' ledgers."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._contacts: dict[str, RunnerContact] = {}

    async def ingest(self, owner: Owner, batch: EventBatch) -> Stored:
        """Return up to which seq everything is durable, and why the bot is halted.

        Raises:
            Problem: 409 Fenced, EpochUnknown or SequenceGap.
        """
        outcome = await self._store.write(lambda cursor: _store(cursor, owner.bot_uid, batch))
        match outcome:
            case Stored(_, duplicates, _):
                measures.INGEST_BATCHES.labels("stored").inc()
                measures.INGEST_ROWS.labels("ledger").inc(len(batch.events) - duplicates)
                measures.INGEST_DUPLICATES.inc(duplicates)
                return outcome
            case Ahead(expected):
                measures.INGEST_BATCHES.labels("gap").inc()
                raise Problem(409, "SequenceGap", f"event {expected} is next", more={"expectedSeq": expected})
            case OtherEpoch(newest):
                measures.INGEST_BATCHES.labels("fenced").inc()
                raise _other_epoch(batch.epoch, newest)

    async def beat(self, owner: Owner, lease: LeaseRequest) -> str | None:
        """Note a heartbeat and return why the bot is halted, None if it is not. Raises Problem 409 as `ingest` does."""
        book = await self._store.read(lambda cursor: queries.book_of(cursor, owner.bot_uid))
        newest = book.epoch if book else 0
        if lease.epoch != newest:
            raise _other_epoch(lease.epoch, newest)
        self._contacts[owner.bot_uid] = RunnerContact(
            last_contact_ms=now_ms(), trading=lease.trading, unacknowledged_events=lease.unacknowledged_events
        )
        return book.state.halted if book else None

    def contact(self, bot_uid: str) -> RunnerContact | None:
        """Return the bot's last heartbeat since this process started."""
        return self._contacts.get(bot_uid)

    async def owner_of(self, bot_uid: str) -> Owner | None:
        """Return whose ledger a bot's is, also after its resource is gone; None if it never started."""
        book = await self._store.read(lambda cursor: queries.book_of(cursor, bot_uid))
        return book.owner if book else None

    async def figures(self, bot_uids: list[str]) -> dict[str, LedgerFigures]:
        """Return the figures of those bots that have started."""
        books = await self._store.read(lambda cursor: queries.books_of(cursor, bot_uids)) if bot_uids else []
        return {book.owner.bot_uid: _figures(book) for book in books}

    async def events(self, bot_uid: str, limit: int, cursor: str | None) -> Page[Event]:
        """Return a page of all events, newest first."""
        rows, more = await self._page(bot_uid, None, limit, cursor)
        return Page(items=[Event(**{**row, "data": orjson.loads(row["data"])}) for row in rows], next=more)

    async def fills(self, bot_uid: str, limit: int, cursor: str | None) -> Page[Fill]:
        """Return a page of trades, newest first."""
        rows, more = await self._page(bot_uid, ["Filled"], limit, cursor)
        return Page(items=[Fill.model_validate(_flat(row)) for row in rows], next=more)

    async def decisions(self, bot_uid: str, limit: int, cursor: str | None) -> Page[Decision]:
        """Return a page of decisions, newest first."""
        rows, more = await self._page(bot_uid, ["Decision"], limit, cursor)
        return Page(items=[Decision.model_validate(_flat(row)) for row in rows], next=more)

    async def equity(self, bot_uid: str, points: int) -> list[EquityPoint]:
        """Return the equity curve, oldest first."""
        rows = await self._store.read(lambda cursor: queries.equity_curve(cursor, bot_uid, points))
        return [EquityPoint(**row) for row in rows]

    async def _page(
        self, bot_uid: str, types: list[str] | None, limit: int, cursor: str | None
    ) -> tuple[list[Row], str | None]:
        place = decode_numbers(cursor, 2)
        before = (place[0], place[1]) if place else None
        rows = await self._store.read(
            lambda at: queries.page_of_events(at, bot_uid, types=types, before=before, limit=limit + 1)
        )
        more = encode([rows[limit - 1]["epoch"], rows[limit - 1]["seq"]]) if len(rows) > limit else None
        return rows[:limit], more


def _store(cursor: Cursor, bot_uid: str, batch: EventBatch) -> Stored | Ahead | OtherEpoch:
    book = queries.book_of(cursor, bot_uid)
    if book is None or book.epoch != batch.epoch:
        return OtherEpoch(book.epoch if book else 0)
    fresh: list[LedgerEvent] = [event for event in batch.events if event.seq > book.seq]
    if not fresh:
        return Stored(book.seq, len(batch.events), book.state.halted)
    if fresh[0].seq != book.seq + 1:
        return Ahead(book.seq + 1)
    state = fold(fresh, book.state)
    queries.append_events(cursor, fresh, state, now_ms())
    return Stored(fresh[-1].seq, len(batch.events) - len(fresh), state.halted)


def _other_epoch(asked: int, newest: int) -> Problem:
    if asked < newest:
        return Problem(409, "Fenced", f"epoch {newest} has begun: this pod must stop at once", more={"newestEpoch": newest})
    return Problem(409, "EpochUnknown", f"epoch {asked} was never given, the newest is {newest}: start again")


def _figures(book: Book) -> LedgerFigures:
    return LedgerFigures(**dict(book.state), epoch=book.epoch, seq=book.seq, updated_ms=book.updated_ms)


def _flat(row: Row) -> dict[str, object]:
    return {"epoch": row["epoch"], "seq": row["seq"], "atMs": row["at_ms"], **orjson.loads(row["data"])}
