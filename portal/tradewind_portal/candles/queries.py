"""The datasets table: which tenant imported what."""

from dataclasses import dataclass

import orjson

from tradewind_portal.store import Cursor, Row, all_rows, one_row


@dataclass(frozen=True, slots=True)
class Stored:
    """A row of `datasets`."""

    tenant_uid: str
    digest: str
    exchange: str
    symbol: str
    timeframe: str
    candles: int
    from_ms: int
    to_ms: int
    gaps: tuple[tuple[int, int], ...]
    gap_count: int
    imported_ms: int
    imported_by: str


def upsert(cursor: Cursor, stored: Stored) -> None:
    """Store an import; the same candles again become the newest import."""
    gaps = orjson.dumps({"count": stored.gap_count, "first": stored.gaps}).decode()
    cursor.execute(
        "INSERT INTO datasets VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant_uid, digest)"
        " DO UPDATE SET imported_ms = excluded.imported_ms, imported_by = excluded.imported_by",
        [
            stored.tenant_uid,
            stored.digest,
            stored.exchange,
            stored.symbol,
            stored.timeframe,
            stored.candles,
            stored.from_ms,
            stored.to_ms,
            gaps,
            stored.imported_ms,
            stored.imported_by,
        ],
    )


def of_tenant(cursor: Cursor, tenant_uid: str) -> list[Stored]:
    """Return a tenant's imports, newest first."""
    sql = "SELECT * FROM datasets WHERE tenant_uid = ? ORDER BY imported_ms DESC, digest"
    return [_stored(row) for row in all_rows(cursor, sql, [tenant_uid])]


def of_symbol(cursor: Cursor, tenant_uid: str, exchange: str, symbol: str) -> list[Stored]:
    """Return a tenant's imports of one symbol."""
    sql = "SELECT * FROM datasets WHERE tenant_uid = ? AND exchange = ? AND symbol = ?"
    return [_stored(row) for row in all_rows(cursor, sql, [tenant_uid, exchange, symbol])]


def by_digest(cursor: Cursor, tenant_uid: str, digest: str) -> Stored | None:
    """Return one of a tenant's imports."""
    row = one_row(cursor, "SELECT * FROM datasets WHERE tenant_uid = ? AND digest = ?", [tenant_uid, digest])
    return _stored(row) if row else None


def _stored(row: Row) -> Stored:
    gaps = orjson.loads(row.pop("gaps"))
    return Stored(**row, gaps=tuple((start, end) for start, end in gaps["first"]), gap_count=gaps["count"])
