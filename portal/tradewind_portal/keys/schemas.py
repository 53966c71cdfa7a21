"""Messages about exchange keys. Secrets come in and never go out."""

import re
from typing import Annotated

from fastapi import Path
from pydantic import AfterValidator, Field, SecretStr

from tradewind_api.contract import Contract
from tradewind_api.ledger import Milliseconds
from tradewind_portal.keys.queries import ExchangeKey
from tradewind_portal.keys.verifying import Secrets

NAME_PATTERN = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"
KeyName = Annotated[str, Path(min_length=1, max_length=63, pattern=NAME_PATTERN, description="Name of the exchange key.")]
ONE_WORD = re.compile(r"[!-~]+")
PEM = re.compile(r"-----BEGIN [A-Z ]+-----\n[0-9A-Za-z+/=\n]+\n-----END [A-Z ]+-----\n?")


def _one_word(value: SecretStr) -> SecretStr:
    if not ONE_WORD.fullmatch(value.get_secret_value()):
        raise ValueError("printable characters without spaces are wanted: was a space or a line break pasted along?")
    return value


def _word_or_pem(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not ONE_WORD.fullmatch(text) and not PEM.fullmatch(text):
        raise ValueError(
            "wanted is one word without spaces, or a private key as PEM: was a space or a line break pasted along?"
        )
    return value


class KeySecrets(Contract):
    """The parts of a key, as the exchange gave them."""

    api_key: Annotated[SecretStr, AfterValidator(_one_word)] = Field(
        min_length=8, max_length=512, description="The public part."
    )
    secret: Annotated[SecretStr, AfterValidator(_word_or_pem)] = Field(
        min_length=8, max_length=4096, description="The secret part, or a private key as PEM."
    )
    password: Annotated[SecretStr, AfterValidator(_one_word)] | None = Field(
        default=None, min_length=1, max_length=512, description="The third part that some exchanges want."
    )

    def secrets(self) -> Secrets:
        """Return the parts in clear."""
        password = self.password.get_secret_value() if self.password else None
        return Secrets(self.api_key.get_secret_value(), self.secret.get_secret_value(), password)


class KeyRequest(KeySecrets):
    """A key to keep. It must be able to trade and unable to withdraw: the exchange is asked."""

    name: str = Field(min_length=1, max_length=63, pattern=NAME_PATTERN, description="What bots call it.")
    exchange: str = Field(min_length=1, max_length=31, description="One of the platform's exchanges.")


class KeyInfo(Contract):
    """An exchange key without its secret, which nobody can read again."""

    id: str
    name: str
    exchange: str
    version: int = Field(description="Counts the rotations, from 1.")
    hint: str = Field(description="The last four characters of the public part, to tell keys apart.")
    warnings: list[str] = Field(description="What the exchange lets the key do beyond what bots need.")
    used_by: list[str] = Field(description="Live bots that name it.")
    created_ms: Milliseconds
    created_by: str
    checked_ms: Milliseconds = Field(description="When the exchange was last asked what it may do.")
    revoked_ms: Milliseconds | None = Field(
        default=None, description="When its secret was destroyed: rotate it to use it again."
    )


class RevokeRequest(Contract):
    """Which keys to destroy the secrets of; neither named means all of the platform."""

    tenant: str | None = Field(default=None, max_length=63, description="Name of a tenant.")
    exchange: str | None = Field(default=None, max_length=31, description="Name of an exchange.")
    reason: str = Field(min_length=1, max_length=200, description="Why, for the audit log.")


class KeysChanged(Contract):
    """How many keys an operation on many has changed."""

    changed: int


def key_info(key: ExchangeKey, used_by: list[str]) -> KeyInfo:
    """Return what may be shown of a key."""
    return KeyInfo(
        id=key.id,
        name=key.name,
        exchange=key.exchange,
        version=key.version,
        hint=key.hint,
        warnings=list(key.warnings),
        used_by=used_by,
        created_ms=key.created_ms,
        created_by=key.created_by,
        checked_ms=key.checked_ms,
        revoked_ms=key.revoked_ms,
    )
