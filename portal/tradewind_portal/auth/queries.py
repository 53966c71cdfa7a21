"""Users, memberships and sessions in the database."""

from dataclasses import dataclass

from tradewind_portal.auth.subject import Membership, PlatformRole, Subject, TenantRole
from tradewind_portal.store import Cursor, Row, all_rows, one_row


@dataclass(frozen=True, slots=True)
class User:
    """A row of `users`."""

    id: str
    name: str
    password_hash: str
    platform_role: PlatformRole | None
    epoch: int


@dataclass(frozen=True, slots=True)
class Session:
    """A row of `sessions`: one family of refresh tokens."""

    id: str
    user_id: str
    user_epoch: int
    refresh_hash: str
    previous_hash: str | None
    rotated_ms: int
    expires_ms: int
    revoked_ms: int | None


def user_named(cursor: Cursor, name: str) -> User | None:
    """Return the user with this name."""
    row = one_row(cursor, "SELECT id, name, password_hash, platform_role, epoch FROM users WHERE name = ?", [name])
    return User(**row) if row else None


def user_by_id(cursor: Cursor, user_id: str) -> User | None:
    """Return the user with this id."""
    row = one_row(cursor, "SELECT id, name, password_hash, platform_role, epoch FROM users WHERE id = ?", [user_id])
    return User(**row) if row else None


def admins(cursor: Cursor) -> int:
    """Return how many platform administrators there are."""
    row = one_row(cursor, "SELECT count(*) AS n FROM users WHERE platform_role = 'admin'")
    return int(row["n"]) if row else 0


def insert_user(cursor: Cursor, user: User, created_ms: int) -> None:
    """Store a new user. The name must be free."""
    cursor.execute(
        "INSERT INTO users VALUES (?, ?, ?, ?, ?, ?)",
        [user.id, user.name, user.password_hash, user.platform_role, user.epoch, created_ms],
    )


def set_password(cursor: Cursor, user_id: str, password_hash: str) -> None:
    """Store another hash of the same password."""
    cursor.execute("UPDATE users SET password_hash = ? WHERE id = ?", [password_hash, user_id])


def change_password(cursor: Cursor, user_id: str, password_hash: str) -> None:
    """Store another password; sessions made with the one before end by the epoch."""
    cursor.execute("UPDATE users SET password_hash = ?, epoch = epoch + 1 WHERE id = ?", [password_hash, user_id])


def insert_membership(cursor: Cursor, user_id: str, membership: Membership, created_ms: int) -> None:
    """Give a user a role in a tenant; the role replaces an older one."""
    cursor.execute(
        "INSERT INTO memberships VALUES (?, ?, ?, ?, ?) ON CONFLICT (user_id, tenant_uid) DO UPDATE SET role = excluded.role",
        [user_id, membership.tenant_uid, membership.tenant, membership.role, created_ms],
    )


def members(cursor: Cursor, tenant_uid: str) -> list[tuple[str, TenantRole]]:
    """Return names and roles of a tenant's users."""
    rows = all_rows(
        cursor,
        "SELECT name, role FROM memberships JOIN users ON users.id = user_id WHERE tenant_uid = ? ORDER BY name",
        [tenant_uid],
    )
    return [(row["name"], row["role"]) for row in rows]


def delete_membership(cursor: Cursor, user_name: str, tenant_uid: str) -> bool:
    """Take a user out of a tenant; return whether he was in it."""
    sql = "DELETE FROM memberships WHERE tenant_uid = ? AND user_id IN (SELECT id FROM users WHERE name = ?) RETURNING user_id"
    return one_row(cursor, sql, [tenant_uid, user_name]) is not None


def subject_of(cursor: Cursor, user: User) -> Subject:
    """Return the user with all memberships."""
    rows = all_rows(cursor, "SELECT tenant_uid, tenant, role FROM memberships WHERE user_id = ? ORDER BY tenant", [user.id])
    return Subject(
        user_id=user.id,
        name=user.name,
        epoch=user.epoch,
        platform_role=user.platform_role,
        memberships=tuple(_membership(row) for row in rows),
    )


def _membership(row: Row) -> Membership:
    return Membership(row["tenant_uid"], row["tenant"], row["role"])


def insert_session(cursor: Cursor, session: Session) -> None:
    """Store a new family."""
    cursor.execute(
        "INSERT INTO sessions VALUES (?, ?, ?, ?, NULL, ?, ?, NULL)",
        [session.id, session.user_id, session.user_epoch, session.refresh_hash, session.rotated_ms, session.expires_ms],
    )


def session_by_id(cursor: Cursor, session_id: str) -> Session | None:
    """Return one family."""
    row = one_row(cursor, "SELECT * FROM sessions WHERE id = ?", [session_id])
    return Session(**row) if row else None


def rotate_session(cursor: Cursor, session: Session, refresh_hash: str, now_ms: int) -> None:
    """Replace the refresh token; the one before is remembered."""
    cursor.execute(
        "UPDATE sessions SET previous_hash = refresh_hash, refresh_hash = ?, rotated_ms = ? WHERE id = ?",
        [refresh_hash, now_ms, session.id],
    )


def revoke_session(cursor: Cursor, session_id: str, now_ms: int) -> None:
    """End a family."""
    cursor.execute("UPDATE sessions SET revoked_ms = ? WHERE id = ? AND revoked_ms IS NULL", [now_ms, session_id])


def delete_dead_sessions(cursor: Cursor, before_ms: int) -> None:
    """Forget families that ended before `before_ms`."""
    cursor.execute("DELETE FROM sessions WHERE expires_ms < ? OR revoked_ms < ?", [before_ms, before_ms])
