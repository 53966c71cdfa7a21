"""Ledger tables: events as they came, equity for curves, and one kept row a bot with epoch, high-water mark and state.

Rows go in by list parameters and unnest: thirty times as fast as one statement a row.
"""

from dataclasses import dataclass

import orjson
from pydantic import ValidationError

from tradewind_api.document.digest import canonical_json
from tradewind_api.fold import fold
from tradewind_api.ledger import LedgerEvent, LedgerState
from tradewind_portal.store import Cursor, Row, all_rows, one_row


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose ledger it is."""

    bot_uid: str
    tenant_uid: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Book:
    """The kept row: everything up to `seq` of `epoch` is stored and folded into `state`."""

    owner: Owner
    epoch: int
    seq: int
    state: LedgerState
    updated_ms: int


def book_of(cursor: Cursor, bot_uid: str) -> Book | None:
    """Return a bot's kept row."""
    row = one_row(cursor, "SELECT * FROM bot_ledgers WHERE bot_uid = ?", [bot_uid])
    return _book(cursor, row) if row else None


def books_of(cursor: Cursor, bot_uids: list[str]) -> list[Book]:
    """Return the kept rows of some bots."""
    rows = all_rows(cursor, "SELECT * FROM bot_ledgers WHERE bot_uid IN (SELECT unnest(?))", [bot_uids])
    return [_book(cursor, row) for row in rows]


def begin_epoch(cursor: Cursor, owner: Owner, now_ms: int) -> tuple[int, LedgerState]:
    """Return a new epoch, one above the highest given before, and the state so far."""
    book = book_of(cursor, owner.bot_uid)
    if book is None:
        cursor.execute(
            "INSERT INTO bot_ledgers VALUES (?, ?, ?, ?, 1, 0, ?, ?, ?)",
            [owner.bot_uid, owner.tenant_uid, owner.namespace, owner.name, LedgerState().model_dump_json(), now_ms, now_ms],
        )
        return 1, LedgerState()
    cursor.execute(
        "UPDATE bot_ledgers SET epoch = ?, seq = 0, started_ms = ?, updated_ms = ? WHERE bot_uid = ?",
        [book.epoch + 1, now_ms, now_ms, owner.bot_uid],
    )
    return book.epoch + 1, book.state


def append_events(cursor: Cursor, events: list[LedgerEvent], state: LedgerState, now_ms: int) -> None:
    """Store events of one epoch, which follow the high-water mark, and the state after them."""
    bot_uid, epoch = events[0].bot_uid, events[0].epoch
    cursor.execute(
        "INSERT INTO ledger_events SELECT ?, ?, unnest(?), unnest(?), unnest(?), unnest(?), ?",
        [
            bot_uid,
            epoch,
            [event.seq for event in events],
            [event.at_ms for event in events],
            [event.type for event in events],
            [canonical_json(event.data).decode() for event in events],
            now_ms,
        ],
    )
    marks = [event for event in events if event.type == "Equity"]
    if marks:
        cursor.execute(
            "INSERT INTO equity_points SELECT ?, unnest(?), unnest(?), unnest(?)",
            [
                bot_uid,
                [event.at_ms for event in marks],
                [str(event.data["equity"]) for event in marks],
                [str(event.data["cash"]) for event in marks],
            ],
        )
    cursor.execute(
        "UPDATE bot_ledgers SET seq = ?, state = ?, updated_ms = ? WHERE bot_uid = ?",
        [events[-1].seq, state.model_dump_json(), now_ms, bot_uid],
    )


def page_of_events(
    cursor: Cursor, bot_uid: str, *, types: list[str] | None, before: tuple[int, int] | None, limit: int
) -> list[Row]:
    """Return events, newest first; `before` is the (epoch, seq) to go on from."""
    epoch, seq = before or (2**31 - 1, 0)
    return all_rows(
        cursor,
        "SELECT epoch, seq, at_ms, type, data, received_ms FROM ledger_events WHERE bot_uid = ?"
        " AND (?::VARCHAR[] IS NULL OR list_contains(?::VARCHAR[], type)) AND (epoch < ? OR (epoch = ? AND seq < ?))"
        " ORDER BY epoch DESC, seq DESC LIMIT ?",
        [bot_uid, types, types, epoch, epoch, seq, limit],
    )


def newest_halt(cursor: Cursor, bot_uid: str) -> str | None:
    """Return the sentence of a bot's last halt."""
    rows = page_of_events(cursor, bot_uid, types=["Halted"], before=None, limit=1)
    return str(orjson.loads(rows[0]["data"])["message"]) if rows else None


def equity_curve(cursor: Cursor, bot_uid: str, points: int) -> list[Row]:
    """Return at most `points` equity points, oldest first: the last one of each of equal stretches of time."""
    return all_rows(
        cursor,
        "WITH mine AS (SELECT at_ms, equity, cash FROM equity_points WHERE bot_uid = ?),"
        " span AS (SELECT min(at_ms) AS first, greatest(max(at_ms) - min(at_ms), 1) AS length FROM mine)"
        " SELECT max(at_ms) AS at_ms, arg_max(equity, at_ms) AS equity, arg_max(cash, at_ms) AS cash FROM mine, span"
        " GROUP BY least((at_ms - first) * ? // length, ? - 1) ORDER BY 1",
        [bot_uid, points, points],
    )


def _book(cursor: Cursor, row: Row) -> Book:
    owner = Owner(row["bot_uid"], row["tenant_uid"], row["namespace"], row["name"])
    state = _kept(row["state"]) or fold(_all_events(cursor, owner.bot_uid))
    return Book(owner, row["epoch"], row["seq"], state, row["updated_ms"])


def _kept(stored: str) -> LedgerState | None:
    """Return a kept state, None where an older version wrote it: the events are the truth, the state is a copy.

    What a newer version knew beyond ours is passed over: it was folded from events that may be unknown here.
    """
    try:
        state = LedgerState.model_validate_json(stored, extra="ignore")
    except ValidationError:
        return None
    parts = (state, *state.positions.values())
    return state if all(part.model_fields_set == type(part).model_fields.keys() for part in parts) else None


def _all_events(cursor: Cursor, bot_uid: str) -> list[LedgerEvent]:
    sql = "SELECT bot_uid, epoch, seq, at_ms, type, data FROM ledger_events WHERE bot_uid = ? ORDER BY epoch, seq"
    return [LedgerEvent(**{**row, "data": orjson.loads(row["data"])}) for row in all_rows(cursor, sql, [bot_uid])]
