"""Personal access tokens: `tw_pat_<id>_<secret>`.

The secret has 256 random bits, so a plain sha256 of it is enough; the prefix is for secret scanners. A token never
may more than the credential that made it, nor live longer.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import replace

from tradewind_portal.audit.queries import append
from tradewind_portal.audit.trail import Trail
from tradewind_portal.auth import queries as users
from tradewind_portal.auth.service import unauthenticated
from tradewind_portal.auth.subject import Scope, Subject
from tradewind_portal.clock import now_ms
from tradewind_portal.problems import FieldError, Problem, not_found
from tradewind_portal.store import Cursor, Store
from tradewind_portal.tokens import queries
from tradewind_portal.tokens.queries import Token

PATTERN = re.compile(r"^tw_pat_([0-9a-f]{16})_([0-9A-Za-z_-]{43})$")
DAY_MS = 86_400_000
MARK_EVERY_MS = 60_000
MAX_TOKENS = 50


class Tokens:
    """Makes, lists, ends and recognises tokens."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._marked: dict[str, int] = {}

    async def create(self, subject: Subject, name: str, scopes: frozenset[Scope], days: int, trail: Trail) -> tuple[Token, str]:
        """Return a new token and its text, which cannot be read again. Raises Problem if it would exceed its maker."""
        missing = sorted(scopes - subject.scopes)
        if missing:
            error = FieldError("/scopes", "scope", f"the token that asks lacks {', '.join(missing)}")
            raise Problem(403, "ScopeMissing", "a token cannot give more than it has", errors=[error])
        now = now_ms()
        expires = min(now + days * DAY_MS, subject.expires_ms or now + days * DAY_MS)
        token_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        token = Token(token_id, subject.user_id, name, _digest(secret), scopes, now, expires)

        def store(cursor: Cursor) -> bool:
            if len(queries.of_user(cursor, subject.user_id)) >= MAX_TOKENS:
                return False
            queries.insert(cursor, token)
            append(cursor, trail.entry("tokens.create", f"token/{token_id}", "Succeeded"))
            return True

        if not await self._store.write(store):
            raise Problem(409, "TooManyTokens", f"{MAX_TOKENS} tokens are the limit; delete one first")
        trail.recorded = True
        return token, f"tw_pat_{token_id}_{secret}"

    async def list(self, subject: Subject) -> list[Token]:
        """Return the subject's tokens, newest first."""
        return await self._store.read(lambda cursor: queries.of_user(cursor, subject.user_id))

    async def revoke(self, subject: Subject, token_id: str, trail: Trail) -> None:
        """End one of the subject's tokens at once. Raises Problem 404."""

        def store(cursor: Cursor) -> bool:
            done = queries.revoke(cursor, token_id, subject.user_id, now_ms())
            if done:
                append(cursor, trail.entry("tokens.revoke", f"token/{token_id}", "Succeeded"))
            return done

        if not await self._store.write(store):
            raise not_found("such token")
        trail.recorded = True

    async def subject(self, text: str) -> Subject:
        """Return who holds this token. Raises Problem 401."""
        match = PATTERN.match(text)
        if match is None:
            raise unauthenticated("this is not a personal access token (tw_pat_...)")
        token_id, secret = match.groups()

        def find(cursor: Cursor) -> tuple[Token, Subject] | None:
            token = queries.by_id(cursor, token_id)
            user = users.user_by_id(cursor, token.user_id) if token else None
            if token is None or user is None or not hmac.compare_digest(token.secret_hash, _digest(secret)):
                return None
            return token, users.subject_of(cursor, user)

        found = await self._store.read(find)
        if found is None or found[0].revoked_ms is not None:
            raise unauthenticated("this personal access token is not valid")
        token, subject = found
        now = now_ms()
        if token.expires_ms <= now:
            raise unauthenticated("this personal access token has expired; make a new one")
        if now - self._marked.get(token.id, 0) >= MARK_EVERY_MS:
            self._marked[token.id] = now
            await self._store.write(lambda cursor: queries.mark_used(cursor, token.id, now))
        return replace(subject, via="token", scopes=token.scopes, credential=token.id, expires_ms=token.expires_ms)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
