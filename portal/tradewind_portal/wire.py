"""The base of the public API's messages: camelCase, unknown fields refused, plus the page."""

from typing import Generic, TypeVar

from pydantic import Field

from tradewind_api.contract import Contract

Item = TypeVar("Item")


class Page(Contract, Generic[Item]):
    """Some of a list; ask again with `cursor=next` for more, until `next` is null."""

    items: list[Item] = Field(description="In the order of the list.")
    next: str | None = Field(default=None, description="Cursor of the next page, null at the end.")
