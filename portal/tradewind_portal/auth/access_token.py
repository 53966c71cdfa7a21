"""Access tokens of browser sessions: JWT, HS256, ten minutes, checked as RFC 8725 asks.

The key is found by `kid` in a dictionary, never by anything else in the header; a header with any other member than alg, kid
and typ is refused, and so is an audience that is not exactly ours.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from tradewind_portal.clock import now_ms

ISSUER, AUDIENCE, TYPE, ALGORITHM = "tradewind", "tradewind-portal-api", "at+jwt", "HS256"
LIFETIME_S, LEEWAY_S, MIN_KEY_LENGTH = 600, 5, 32
HEADER = {"alg", "kid", "typ"}
REQUIRED = ["exp", "nbf", "iat", "iss", "aud", "sub", "jti", "sid"]


class TokenRefusedError(Exception):
    """The token is not one of ours, or no longer."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a valid token says."""

    user_id: str
    session_id: str


class AccessTokens:
    """Signs with the first key, verifies with any."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        for kid, key in keys.items():
            if len(key) < MIN_KEY_LENGTH:
                raise ValueError(f"JWT key {kid!r} has {len(key)} characters, {MIN_KEY_LENGTH} or more are wanted")
        self._keys = dict(keys) or {"start": secrets.token_urlsafe(48)}
        self._signing = next(iter(self._keys))

    def issue(self, user_id: str, session_id: str) -> str:
        """Return a new token for a session."""
        now = now_ms() // 1000
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user_id,
            "sid": session_id,
            "jti": secrets.token_hex(8),
            "iat": now,
            "nbf": now,
            "exp": now + LIFETIME_S,
        }
        headers = {"kid": self._signing, "typ": TYPE}
        return jwt.encode(claims, self._keys[self._signing], algorithm=ALGORITHM, headers=headers)

    def verify(self, token: str) -> AccessToken:
        """Return what `token` says. Raises TokenRefusedError."""
        try:
            header: dict[str, Any] = jwt.get_unverified_header(token)
            if set(header) != HEADER or header["alg"] != ALGORITHM or header["typ"] != TYPE:
                raise TokenRefusedError("header")
            claims = jwt.decode(
                token,
                self._keys[header["kid"]],
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                leeway=LEEWAY_S,
                options={"require": REQUIRED},
            )
        except (jwt.PyJWTError, KeyError, TypeError, ValueError, UnicodeError) as exc:
            raise TokenRefusedError(type(exc).__name__) from None
        if claims["aud"] != AUDIENCE:
            raise TokenRefusedError("audience")
        return AccessToken(str(claims["sub"]), str(claims["sid"]))
