"""Messages about candles."""

from typing import Annotated

from fastapi import Query
from pydantic import Field

from tradewind_api.contract import Contract
from tradewind_api.document.model import TIMEFRAMES
from tradewind_api.ledger import Milliseconds

ExchangeParameter = Annotated[
    str, Query(min_length=1, max_length=31, pattern="^[a-z0-9-]+$", description="One of the platform's exchanges.")
]
SymbolParameter = Annotated[
    str, Query(min_length=3, max_length=31, pattern="^[0-9A-Z]+/[0-9A-Z]+$", description="Such as BTC/USDT.")
]
TIMEFRAME_PATTERN = f"^({'|'.join(TIMEFRAMES)})$"
TimeframeParameter = Annotated[str, Query(pattern=TIMEFRAME_PATTERN, description="Such as 1m.")]


class Gap(Contract):
    """Candles that a file does not have between its first and its last: `from` inclusive, `to` exclusive."""

    from_: Milliseconds = Field(alias="from")
    to: Milliseconds


class Dataset(Contract):
    """One import."""

    data_digest: str
    exchange: str
    symbol: str
    timeframe: str
    candles: int
    from_: Milliseconds = Field(alias="from", description="Open time of the first candle.")
    to: Milliseconds = Field(description="Close time of the last candle.")
    gaps: list[Gap] = Field(default=[], description="At most 100; what is missing stays missing.")
    gap_count: int = 0
    imported_ms: Milliseconds
    imported_by: str
