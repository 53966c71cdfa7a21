"""The envelope of an exchange key: AES-256-GCM with a data key of its own, which is wrapped by a key from outside the database.

Both layers are bound to tenant, credential and version, so a row that was moved to another place does not open. The outer
keys are in a file of the platform: `{"id": "base64 of 32 bytes", ...}`; the first wraps, the others only unwrap, which is how
one is replaced by the next: add it in front, wrap anew (no secret is touched), take the old one away.
"""

import base64
import binascii
import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tradewind_api.document.digest import canonical_json

KEY_BYTES, NONCE_BYTES = 32, 12


class EnvelopeError(Exception):
    """A secret cannot be sealed or opened now. An administrator must act; nothing of the secret is in the message."""


class NoOuterKeyError(EnvelopeError):
    """The file of outer keys is not set, missing or malformed."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a secret belongs to; it opens nowhere else."""

    tenant_uid: str
    key_id: str
    version: int

    def bound(self, layer: str) -> bytes:
        """Return the associated data of one layer."""
        return canonical_json([layer, self.tenant_uid, self.key_id, self.version])


@dataclass(frozen=True, slots=True)
class Sealed:
    """What the database holds of a secret, base64."""

    kek_id: str
    wrapped_key: str
    content: str


class Envelopes:
    """Seals and opens with the keys of a file, which is read anew each time: a mounted Secret changes under us."""

    def __init__(self, file: Path | None) -> None:
        self._file = file

    def seal(self, content: bytes, place: Place) -> Sealed:
        """Return `content` sealed with a new data key. Raises NoOuterKeyError."""
        kek_id, outer = next(iter(self.keys().items()))
        inner = secrets.token_bytes(KEY_BYTES)
        return Sealed(kek_id, _lock(outer, inner, place.bound("key")), _lock(inner, content, place.bound("content")))

    def open(self, sealed: Sealed, place: Place) -> bytes:
        """Return what was sealed for `place`. Raises EnvelopeError if a key is missing or anything was changed."""
        return _unlock(self._unwrap(sealed, place), sealed.content, place.bound("content"))

    def rewrap(self, sealed: Sealed, place: Place) -> Sealed:
        """Return the same secret with its data key under the first outer key. The secret itself stays closed."""
        inner = self._unwrap(sealed, place)
        kek_id, outer = next(iter(self.keys().items()))
        return Sealed(kek_id, _lock(outer, inner, place.bound("key")), sealed.content)

    def keys(self) -> dict[str, bytes]:
        """Return the outer keys, the one that wraps first. Raises NoOuterKeyError."""
        if self._file is None:
            raise NoOuterKeyError("no file of key-encryption keys is set (TRADEWIND_PORTAL_KEK_FILE)")
        try:
            found = json.loads(self._file.read_text())
        except OSError as exc:
            raise NoOuterKeyError(f"cannot read the key-encryption keys in {self._file}: {exc.strerror}") from exc
        except ValueError:
            raise NoOuterKeyError(f"{self._file} is not JSON") from None
        if not isinstance(found, dict) or not found:
            raise NoOuterKeyError(f'{self._file}: wanted is {{"id": "base64 of {KEY_BYTES} bytes"}}')
        return {str(name): self._key(str(name), text) for name, text in found.items()}

    def _key(self, name: str, text: object) -> bytes:
        try:
            key = base64.b64decode(str(text), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != KEY_BYTES:
            raise NoOuterKeyError(f"{self._file}: key {name!r} is not base64 of {KEY_BYTES} bytes (openssl rand -base64 32)")
        return key

    def _unwrap(self, sealed: Sealed, place: Place) -> bytes:
        outer = self.keys().get(sealed.kek_id)
        if outer is None:
            raise EnvelopeError(f"key-encryption key {sealed.kek_id!r} is not in {self._file}: put it back")
        return _unlock(outer, sealed.wrapped_key, place.bound("key"))


def _lock(key: bytes, content: bytes, bound: bytes) -> str:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return base64.b64encode(nonce + AESGCM(key).encrypt(nonce, content, bound)).decode()


def _unlock(key: bytes, text: str, bound: bytes) -> bytes:
    try:
        content = base64.b64decode(text, validate=True)
        return AESGCM(key).decrypt(content[:NONCE_BYTES], content[NONCE_BYTES:], bound)
    except (InvalidTag, binascii.Error, ValueError):
        raise EnvelopeError("a sealed exchange key does not open: the row or the key-encryption key was changed") from None
