"""Forged, altered and stale access tokens: each is refused."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tradewind_portal.auth.access_token import AccessToken, AccessTokens, TokenRefusedError

KEY, OLD_KEY = "k" * 48, "o" * 48
HEADER = {"alg": "HS256", "kid": "now", "typ": "at+jwt"}


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    found = {
        "iss": "tradewind",
        "aud": "tradewind-portal-api",
        "sub": "user-1",
        "sid": "session-1",
        "jti": "1",
        "iat": now,
        "nbf": now,
        "exp": now + 600,
    } | changes
    return {name: value for name, value in found.items() if value is not None}


def b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def sign(header: dict[str, Any], body: dict[str, Any], key: str = KEY) -> str:
    """Return a token made by hand, since libraries refuse to make bad ones."""
    text = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(body).encode())}"
    return f"{text}.{b64(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest())}"


def unsigned(algorithm: str) -> str:
    return f"{b64(json.dumps({**HEADER, 'alg': algorithm}).encode())}.{b64(json.dumps(claims()).encode())}."


def keyed_with_a_public_key() -> str:
    pem = (
        rsa.generate_private_key(65537, 2048)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return sign(HEADER, claims(), pem.decode())


def swapped_payload() -> str:
    head, _, tail = sign(HEADER, claims()).split(".")
    return f"{head}.{b64(json.dumps(claims(sub='admin')).encode())}.{tail}"


ATTACKS: dict[str, Callable[[], str]] = {
    "empty": lambda: "",
    "not a token": lambda: "a.b.c",
    "algorithm none": lambda: unsigned("none"),
    "algorithm None": lambda: unsigned("None"),
    "no signature": lambda: sign(HEADER, claims()).rsplit(".", 1)[0] + ".",
    "other key": lambda: sign(HEADER, claims(), "x" * 48),
    "a public key as secret": keyed_with_a_public_key,
    "other algorithm of the family": lambda: jwt.encode(
        claims(), "k" * 64, algorithm="HS512", headers={"kid": "now", "typ": "at+jwt"}
    ),
    "unknown key id": lambda: sign({**HEADER, "kid": "other"}, claims()),
    "key id as path": lambda: sign({**HEADER, "kid": "../../dev/null"}, claims(), ""),
    "key id as SQL": lambda: sign({**HEADER, "kid": "x' UNION SELECT 'k"}, claims()),
    "key id as list": lambda: sign({**HEADER, "kid": ["now"]}, claims()),
    "no key id": lambda: sign({"alg": "HS256", "typ": "at+jwt"}, claims()),
    "own key in the header": lambda: sign({**HEADER, "jwk": {"kty": "oct", "k": b64(b"x" * 48)}}, claims(), "x" * 48),
    "key by address": lambda: sign({**HEADER, "jku": "https://example.com/keys"}, claims()),
    "certificate by address": lambda: sign({**HEADER, "x5u": "https://example.com/cert"}, claims()),
    "critical extension": lambda: sign({**HEADER, "crit": ["exp"]}, claims()),
    "unencoded payload": lambda: sign({**HEADER, "b64": False}, claims()),
    "identity token type": lambda: sign({**HEADER, "typ": "JWT"}, claims()),
    "expired": lambda: sign(HEADER, claims(exp=int(time.time()) - 60)),
    "not yet valid": lambda: sign(HEADER, claims(nbf=int(time.time()) + 60)),
    "other audience": lambda: sign(HEADER, claims(aud="other")),
    "audience list with ours": lambda: sign(HEADER, claims(aud=["tradewind-portal-api", "other"])),
    "other issuer": lambda: sign(HEADER, claims(iss="other")),
    "no expiry": lambda: sign(HEADER, claims(exp=None)),
    "no subject": lambda: sign(HEADER, claims(sub=None)),
    "no session": lambda: sign(HEADER, claims(sid=None)),
    "payload swapped": swapped_payload,
    "one byte more": lambda: sign(HEADER, claims()) + "A",
}


@pytest.fixture
def tokens() -> AccessTokens:
    return AccessTokens({"now": KEY, "before": OLD_KEY})


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused(tokens: AccessTokens, name: str):
    """Every row of the table ends in one refusal."""
    with pytest.raises(TokenRefusedError):
        tokens.verify(ATTACKS[name]())


def test_a_token_of_ours_is_accepted(tokens: AccessTokens):
    """What we sign with the first key, we take back."""
    assert AccessToken("user-1", "session-1") == tokens.verify(tokens.issue("user-1", "session-1"))
    assert AccessToken("user-1", "session-1") == tokens.verify(sign(HEADER, claims()))


def test_a_token_of_the_key_before_is_accepted_until_it_ends(tokens: AccessTokens):
    """Rotation logs nobody out."""
    assert "user-1" == tokens.verify(sign({**HEADER, "kid": "before"}, claims(), OLD_KEY)).user_id


def test_a_short_key_is_refused_at_start():
    """HS256 with a guessable key is no signature."""
    with pytest.raises(ValueError, match="32 or more"):
        AccessTokens({"short": "secret"})
