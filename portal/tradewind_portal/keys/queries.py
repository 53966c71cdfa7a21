"""The table of exchange keys. No query returns a secret: what is stored opens only with a key from elsewhere."""

from dataclasses import dataclass

import orjson

from tradewind_portal.keys.envelope import Place, Sealed
from tradewind_portal.store import Cursor, Row, all_rows, one_row


@dataclass(frozen=True, slots=True)
class ExchangeKey:
    """A row of `exchange_keys`. `sealed` is None once the key was revoked."""

    id: str
    tenant_uid: str
    name: str
    exchange: str
    version: int
    fingerprint: str
    hint: str
    warnings: tuple[str, ...]
    sealed: Sealed | None
    created_ms: int
    created_by: str
    checked_ms: int
    revoked_ms: int | None = None

    @property
    def place(self) -> Place:
        """Return what the secret is bound to."""
        return Place(self.tenant_uid, self.id, self.version)


def insert(cursor: Cursor, key: ExchangeKey) -> None:
    """Store a new key."""
    assert key.sealed is not None
    cursor.execute(
        "INSERT INTO exchange_keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
        [
            *(key.id, key.tenant_uid, key.name, key.exchange, key.version, key.fingerprint, key.hint),
            orjson.dumps(key.warnings).decode(),
            *(key.sealed.kek_id, key.sealed.wrapped_key, key.sealed.content),
            *(key.created_ms, key.created_by, key.checked_ms),
        ],
    )


def replace_secret(cursor: Cursor, key: ExchangeKey) -> None:
    """Store another version of a key; the one before is gone."""
    assert key.sealed is not None
    cursor.execute(
        "UPDATE exchange_keys SET version = ?, fingerprint = ?, hint = ?, warnings = ?, kek_id = ?, wrapped_key = ?,"
        " content = ?, checked_ms = ?, revoked_ms = NULL WHERE id = ?",
        [
            *(key.version, key.fingerprint, key.hint, orjson.dumps(key.warnings).decode()),
            *(key.sealed.kek_id, key.sealed.wrapped_key, key.sealed.content),
            *(key.checked_ms, key.id),
        ],
    )


def note_check(cursor: Cursor, key: ExchangeKey) -> None:
    """Store what the exchange said of a key's version, unless another is there by now."""
    cursor.execute(
        "UPDATE exchange_keys SET warnings = ?, checked_ms = ? WHERE id = ? AND version = ?",
        [orjson.dumps(key.warnings).decode(), key.checked_ms, key.id, key.version],
    )


def wrap_anew(cursor: Cursor, key: ExchangeKey, sealed: Sealed) -> None:
    """Store a data key under another outer key."""
    cursor.execute(
        "UPDATE exchange_keys SET kek_id = ?, wrapped_key = ? WHERE id = ?", [sealed.kek_id, sealed.wrapped_key, key.id]
    )


def revoke(cursor: Cursor, key_id: str, now_ms: int) -> None:
    """Destroy a key's secret; the row stays and says when."""
    cursor.execute(
        "UPDATE exchange_keys SET kek_id = NULL, wrapped_key = NULL, content = NULL, revoked_ms = ? WHERE id = ?",
        [now_ms, key_id],
    )


def delete(cursor: Cursor, key_id: str) -> None:
    """Take a key's row away."""
    cursor.execute("DELETE FROM exchange_keys WHERE id = ?", [key_id])


def by_name(cursor: Cursor, tenant_uid: str, name: str) -> ExchangeKey | None:
    """Return a tenant's key."""
    row = one_row(cursor, "SELECT * FROM exchange_keys WHERE tenant_uid = ? AND name = ?", [tenant_uid, name])
    return _key(row) if row else None


def of_tenant(cursor: Cursor, tenant_uid: str) -> list[ExchangeKey]:
    """Return a tenant's keys by name."""
    sql = "SELECT * FROM exchange_keys WHERE tenant_uid = ? ORDER BY name"
    return [_key(row) for row in all_rows(cursor, sql, [tenant_uid])]


def matching(cursor: Cursor, *, tenant_uid: str | None = None, exchange: str | None = None) -> list[ExchangeKey]:
    """Return the keys that are not revoked, of one tenant, of one exchange, or (None) of all."""
    sql = (
        "SELECT * FROM exchange_keys WHERE revoked_ms IS NULL AND (?::VARCHAR IS NULL OR tenant_uid = ?)"
        " AND (?::VARCHAR IS NULL OR exchange = ?) ORDER BY id"
    )
    return [_key(row) for row in all_rows(cursor, sql, [tenant_uid, tenant_uid, exchange, exchange])]


def _key(row: Row) -> ExchangeKey:
    kek_id, wrapped, content = (row.pop(name) for name in ("kek_id", "wrapped_key", "content"))
    sealed = Sealed(kek_id, wrapped, content) if kek_id and wrapped and content else None
    return ExchangeKey(**{**row, "warnings": tuple(orjson.loads(row["warnings"])), "sealed": sealed})
