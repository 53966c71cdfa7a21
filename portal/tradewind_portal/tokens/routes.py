"""Personal access tokens of whoever asks."""

from typing import Annotated

from fastapi import APIRouter, Path

from tradewind_portal.auth.request import ServicesIn, SubjectIn, TrailIn
from tradewind_portal.tokens.schemas import NewToken, TokenInfo, TokenRequest, token_info
from tradewind_portal.wire import Page

router = APIRouter(prefix="/api/v1/tokens", tags=["tokens"])
TokenId = Annotated[str, Path(pattern="^[0-9a-f]{16}$", description="Id of the token.")]


@router.post("", status_code=201)
async def create_token(body: TokenRequest, services: ServicesIn, subject: SubjectIn, trail: TrailIn) -> NewToken:
    """Make a token; its text is in this answer only."""
    token, text = await services.tokens.create(subject, body.name, frozenset(body.scopes), body.expires_in_days, trail)
    return NewToken(**token_info(token).model_dump(), token=text)


@router.get("")
async def list_tokens(services: ServicesIn, subject: SubjectIn) -> Page[TokenInfo]:
    """List tokens, newest first."""
    return Page(items=[token_info(token) for token in await services.tokens.list(subject)])


@router.delete("/{token_id}", status_code=204)
async def delete_token(token_id: TokenId, services: ServicesIn, subject: SubjectIn, trail: TrailIn) -> None:
    """End a token at once."""
    await services.tokens.revoke(subject, token_id, trail)
