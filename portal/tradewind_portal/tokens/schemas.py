"""Messages about personal access tokens."""

from pydantic import Field

from tradewind_api.contract import Contract
from tradewind_api.ledger import Milliseconds
from tradewind_portal.auth.subject import Scope
from tradewind_portal.tokens.queries import Token


class TokenRequest(Contract):
    """A token to make."""

    name: str = Field(min_length=1, max_length=64, description="What it is for.")
    scopes: list[Scope] = Field(default=["read", "trade"], min_length=1, max_length=3, description="What it may do.")
    expires_in_days: int = Field(default=90, ge=1, le=366, description="Days until it ends.")


class TokenInfo(Contract):
    """A token without its secret."""

    id: str
    name: str
    scopes: list[Scope]
    created_ms: Milliseconds
    expires_ms: Milliseconds
    last_used_ms: Milliseconds | None = None


class NewToken(TokenInfo):
    """A token that was just made."""

    token: str = Field(description="The token itself. It is shown this once.")


def token_info(token: Token) -> TokenInfo:
    """Return what may be shown of a token."""
    return TokenInfo(
        id=token.id,
        name=token.name,
        scopes=sorted(token.scopes),
        created_ms=token.created_ms,
        expires_ms=token.expires_ms,
        last_used_ms=token.last_used_ms,
    )
