"""Logging in and staying so.

A session is a family of refresh tokens, each used once. Using one a second time means that two hold it: the family ends.
The one before the newest is let through for GRACE_MS, because an answer may be lost on its way.
"""

import hashlib
import hmac
import secrets
import uuid
from dataclasses import dataclass, replace

from tradewind_portal import measures
from tradewind_portal.audit.queries import append
from tradewind_portal.audit.trail import Trail
from tradewind_portal.auth import queries
from tradewind_portal.auth.access_token import AccessTokens, TokenRefusedError
from tradewind_portal.auth.passwords import Passwords, new_password
from tradewind_portal.auth.queries import Session, User
from tradewind_portal.auth.subject import Subject
from tradewind_portal.clock import now_ms
from tradewind_portal.problems import Problem
from tradewind_portal.store import Cursor, Store

SESSION_MS = 14 * 86_400_000
GRACE_MS = 10_000


@dataclass(frozen=True, slots=True)
class Tickets:
    """What a browser is given: both go into cookies."""

    access: str
    refresh: str
    subject: Subject


class Auth:
    """Login, refresh, logout, and who a session is."""

    def __init__(self, store: Store, passwords: Passwords, tokens: AccessTokens) -> None:
        self._store = store
        self._tokens = tokens
        self.passwords = passwords

    async def login(self, name: str, password: str, trail: Trail) -> Tickets:
        """Return the tickets of a new session. Raises Problem 401 without saying what was wrong."""
        user = await self._store.read(lambda cursor: queries.user_named(cursor, name))
        if not await self.passwords.verify(user.password_hash if user else None, password) or user is None:
            measures.AUTH_EVENTS.labels("login", "refused").inc()
            trail.actor = name[:64]
            raise Problem(401, "LoginFailed", "user or password is wrong")
        fresh = await self.passwords.hash(password) if self.passwords.stale(user.password_hash) else None
        secret = secrets.token_urlsafe(32)
        now = now_ms()
        session = Session(uuid.uuid4().hex, user.id, user.epoch, _digest(secret), None, now, now + SESSION_MS, None)
        trail.actor, trail.actor_kind = user.name, "user"

        def store(cursor: Cursor) -> Subject:
            if fresh:
                queries.set_password(cursor, user.id, fresh)
            queries.delete_dead_sessions(cursor, now - 86_400_000)
            queries.insert_session(cursor, session)
            append(cursor, trail.entry("auth.login", f"user/{user.name}", "Succeeded"))
            return queries.subject_of(cursor, user)

        subject = await self._store.write(store)
        trail.recorded = True
        measures.AUTH_EVENTS.labels("login", "accepted").inc()
        return Tickets(self._tokens.issue(user.id, session.id), f"{session.id}.{secret}", subject)

    async def refresh(self, ticket: str) -> Tickets:
        """Return new tickets for a refresh token. Raises Problem 401, and ends the family if the token was used before."""
        session_id, _, secret = ticket.partition(".")
        now = now_ms()
        fresh = secrets.token_urlsafe(32)

        def rotate(cursor: Cursor) -> Subject | str:
            session = queries.session_by_id(cursor, session_id)
            user = queries.user_by_id(cursor, session.user_id) if session else None
            if session is None or user is None or session.user_epoch != user.epoch:
                return "unknown"
            if session.revoked_ms is not None or session.expires_ms <= now:
                return "ended"
            given = _digest(secret)
            late = session.previous_hash is not None and hmac.compare_digest(given, session.previous_hash)
            if not hmac.compare_digest(given, session.refresh_hash) and not (late and now - session.rotated_ms <= GRACE_MS):
                queries.revoke_session(cursor, session.id, now)
                return "reused" if late else "unknown"
            queries.rotate_session(cursor, session, _digest(fresh), now)
            return queries.subject_of(cursor, user)

        outcome = await self._store.write(rotate)
        if isinstance(outcome, str):
            measures.AUTH_EVENTS.labels("refresh", outcome).inc()
            if outcome == "reused":
                measures.REFRESH_REUSE.inc()
            raise Problem(401, "SessionEnded", "log in again")
        measures.AUTH_EVENTS.labels("refresh", "accepted").inc()
        return Tickets(self._tokens.issue(outcome.user_id, session_id), f"{session_id}.{fresh}", outcome)

    async def change_password(self, subject: Subject, current: str, new: str, trail: Trail) -> None:
        """Give a person another password and end all his sessions. Raises Problem 401 if `current` is not his."""
        user = await self._store.read(lambda cursor: queries.user_by_id(cursor, subject.user_id))
        if user is None or not await self.passwords.verify(user.password_hash, current):
            measures.AUTH_EVENTS.labels("password", "refused").inc()
            raise Problem(401, "LoginFailed", "the current password is wrong")
        hashed = await self.passwords.hash(new)

        def store(cursor: Cursor) -> None:
            queries.change_password(cursor, subject.user_id, hashed)
            append(cursor, trail.entry("auth.password", f"user/{subject.name}", "Succeeded"))

        await self._store.write(store)
        trail.recorded = True
        measures.AUTH_EVENTS.labels("password", "accepted").inc()

    async def logout(self, session_id: str) -> None:
        """End a session at once."""
        await self._store.write(lambda cursor: queries.revoke_session(cursor, session_id, now_ms()))

    async def session_subject(self, access: str) -> Subject:
        """Return who holds this access token. Raises Problem 401 if it or its session is over."""
        try:
            token = self._tokens.verify(access)
        except TokenRefusedError as exc:
            measures.AUTH_EVENTS.labels("session", "refused").inc()
            raise unauthenticated("the session's token is not valid; refresh it or log in") from exc

        def find(cursor: Cursor) -> Subject | None:
            session = queries.session_by_id(cursor, token.session_id)
            user = queries.user_by_id(cursor, token.user_id)
            if session is None or user is None or session.user_id != user.id or session.user_epoch != user.epoch:
                return None
            if session.revoked_ms is not None or session.expires_ms <= now_ms():
                return None
            return replace(queries.subject_of(cursor, user), credential=session.id)

        subject = await self._store.read(find)
        if subject is None:
            raise unauthenticated("the session has ended; log in")
        return subject

    async def ensure_admin(self, name: str, password: str | None) -> str | None:
        """Make the first administrator if there is none; return the password made for him if none was given."""
        if await self._store.read(queries.admins):
            return None
        chosen = password or new_password()
        user = User(uuid.uuid4().hex, name, await self.passwords.hash(chosen), "admin", 1)
        await self._store.write(lambda cursor: queries.insert_user(cursor, user, now_ms()))
        return None if password else chosen


def unauthenticated(detail: str) -> Problem:
    """Return the 401 of a request without a valid credential."""
    return Problem(401, "Unauthenticated", detail, headers={"WWW-Authenticate": 'Bearer realm="tradewind"'})


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
