"""The tables of live bots' leases, and of the symbols that each has claimed of an exchange key."""

from dataclasses import dataclass

import orjson

from tradewind_portal.store import Cursor, Row, all_rows, one_row

MARGIN_MS = 30_000  # a pod counts from when it hears of its lease, and may finish what it has begun


@dataclass(frozen=True, slots=True)
class Lease:
    """Which key and symbols a live bot's newest epoch trades, and until when; 0 once it has said that it stopped."""

    bot_uid: str
    tenant_uid: str
    name: str
    key_id: str
    epoch: int
    until_ms: int
    symbols: tuple[str, ...]


def lease_of(cursor: Cursor, bot_uid: str) -> Lease | None:
    """Return a bot's lease, run out or not."""
    row = one_row(cursor, "SELECT * FROM live_leases WHERE bot_uid = ?", [bot_uid])
    return _lease(row) if row else None


def leases_of(cursor: Cursor, bot_uids: list[str]) -> list[Lease]:
    """Return the leases of those bots that have one."""
    rows = all_rows(cursor, "SELECT * FROM live_leases WHERE bot_uid IN (SELECT unnest(?))", [bot_uids])
    return [_lease(row) for row in rows]


def grant(cursor: Cursor, lease: Lease) -> None:
    """Store a bot's lease in place of the one before."""
    cursor.execute(
        "INSERT INTO live_leases VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (bot_uid) DO UPDATE SET name = excluded.name,"
        " key_id = excluded.key_id, epoch = excluded.epoch, until_ms = excluded.until_ms, symbols = excluded.symbols",
        [
            *(lease.bot_uid, lease.tenant_uid, lease.name, lease.key_id, lease.epoch, lease.until_ms),
            orjson.dumps(lease.symbols).decode(),
        ],
    )


def holder(cursor: Cursor, lease: Lease, now_ms: int) -> tuple[str, str] | None:
    """Return (symbol, bot) of another bot's claim on one of the lease's symbols with its key, None if all are free."""
    row = one_row(
        cursor,
        "SELECT symbol, bot FROM live_claims WHERE key_id = ? AND bot_uid <> ? AND until_ms > ?"
        " AND symbol IN (SELECT unnest(?)) ORDER BY symbol LIMIT 1",
        [lease.key_id, lease.bot_uid, now_ms, list(lease.symbols)],
    )
    return (row["symbol"], row["bot"]) if row else None


def claim(cursor: Cursor, lease: Lease, now_ms: int) -> None:
    """Claim the lease's symbols until it has ended for its pod too, in place of its claims before and of ended ones."""
    cursor.execute("DELETE FROM live_claims WHERE bot_uid = ? OR until_ms <= ?", [lease.bot_uid, now_ms])
    cursor.execute(
        "INSERT INTO live_claims SELECT ?, unnest(?), ?, ?, ?",
        [lease.key_id, list(lease.symbols), lease.bot_uid, lease.name, lease.until_ms + MARGIN_MS],
    )


def release(cursor: Cursor, bot_uid: str, epoch: int) -> None:
    """End the lease of one epoch for good; a younger one stays."""
    done = one_row(
        cursor,
        "UPDATE live_leases SET until_ms = 0 WHERE bot_uid = ? AND epoch = ? RETURNING bot_uid",
        [bot_uid, epoch],
    )
    if done is not None:
        cursor.execute("DELETE FROM live_claims WHERE bot_uid = ?", [bot_uid])


def key_works(cursor: Cursor, key_id: str) -> bool:
    """Return whether an exchange key is there and not revoked."""
    return one_row(cursor, "SELECT id FROM exchange_keys WHERE id = ? AND revoked_ms IS NULL", [key_id]) is not None


def _lease(row: Row) -> Lease:
    return Lease(**{**row, "symbols": tuple(orjson.loads(row["symbols"]))})
