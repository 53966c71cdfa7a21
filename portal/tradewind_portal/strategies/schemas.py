"""Messages about strategies. A document comes in as plain JSON, so that its checker tells all its faults at once."""

from typing import Any

from pydantic import Field

from tradewind_api.contract import Contract
from tradewind_portal.bots.schemas import Metadata, NewMetadata


class StrategySpecRequest(Contract):
    """What a strategy is made of."""

    document: dict[str, Any] = Field(description="The strategy document, see docs/reference/operations.md.")


class StrategyRequest(Contract):
    """A strategy as a person writes it."""

    metadata: NewMetadata
    spec: StrategySpecRequest


class Strategy(Contract):
    """A strategy: its document, and what the operator made of it."""

    metadata: Metadata
    spec: dict[str, Any]
    status: dict[str, Any] = {}


class ValidateRequest(Contract):
    """A document to look at; nothing is stored."""

    document: Any = Field(description="The strategy document, or whatever somebody takes for one.")


class DocumentFault(Contract):
    """One fault; `node` is empty where none is to blame, `field` is a path inside the node or the document."""

    node: str
    field: str
    code: str
    message: str


class Validation(Contract):
    """What a document means, or all that is wrong with it."""

    valid: bool
    errors: list[DocumentFault] = []
    digest: str = ""
    sentence: str = ""
    lookback: dict[str, int] = Field(default={}, description="Candles that one decision reads, by timeframe.")
