"""The tokens table."""

from dataclasses import dataclass

from tradewind_portal.auth.subject import Scope
from tradewind_portal.store import Cursor, Row, all_rows, one_row


@dataclass(frozen=True, slots=True)
class Token:
    """A row of `tokens`; the secret itself is nowhere."""

    id: str
    user_id: str
    name: str
    secret_hash: str
    scopes: frozenset[Scope]
    created_ms: int
    expires_ms: int
    last_used_ms: int | None = None
    revoked_ms: int | None = None


def insert(cursor: Cursor, token: Token) -> None:
    """Store a new token."""
    cursor.execute(
        "INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL)",
        [
            token.id,
            token.user_id,
            token.name,
            token.secret_hash,
            " ".join(sorted(token.scopes)),
            token.created_ms,
            token.expires_ms,
        ],
    )


def by_id(cursor: Cursor, token_id: str) -> Token | None:
    """Return one token."""
    row = one_row(cursor, "SELECT * FROM tokens WHERE id = ?", [token_id])
    return _token(row) if row else None


def of_user(cursor: Cursor, user_id: str) -> list[Token]:
    """Return a user's tokens that are not revoked, newest first."""
    sql = "SELECT * FROM tokens WHERE user_id = ? AND revoked_ms IS NULL ORDER BY created_ms DESC, id"
    return [_token(row) for row in all_rows(cursor, sql, [user_id])]


def revoke(cursor: Cursor, token_id: str, user_id: str, now_ms: int) -> bool:
    """End a token of this user; return whether there was one."""
    row = one_row(
        cursor,
        "UPDATE tokens SET revoked_ms = ? WHERE id = ? AND user_id = ? AND revoked_ms IS NULL RETURNING id",
        [now_ms, token_id, user_id],
    )
    return row is not None


def mark_used(cursor: Cursor, token_id: str, now_ms: int) -> None:
    """Remember when a token was last used."""
    cursor.execute("UPDATE tokens SET last_used_ms = ? WHERE id = ?", [now_ms, token_id])


def _token(row: Row) -> Token:
    return Token(**{**row, "scopes": frozenset(row["scopes"].split())})
