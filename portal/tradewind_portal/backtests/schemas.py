"""Messages about backtests."""

from typing import Any

from pydantic import Field

from tradewind_api.backtest import BacktestSpec
from tradewind_api.contract import Contract
from tradewind_api.runner import Progress
from tradewind_portal.bots.schemas import Metadata, NewMetadata


class BacktestRequest(Contract):
    """A backtest as a person writes it."""

    metadata: NewMetadata
    spec: BacktestSpec

    def written_spec(self) -> dict[str, Any]:
        """Return the spec with only what was written: defaults are the API server's."""
        return self.spec.model_dump(mode="json", by_alias=True, exclude_unset=True)


class Backtest(Contract):
    """A backtest: intent and state from its resource."""

    metadata: Metadata
    spec: dict[str, Any]
    status: dict[str, Any] = {}
    progress: Progress | None = Field(default=None, description="Null before the worker reported any.")
    has_report: bool = Field(description="Whether /report answers.")


class Trade(Contract):
    """One closed round trip; times are open times of candles, money is quote currency."""

    symbol: str
    entry_ms: int
    exit_ms: int
    entry_price: float
    exit_price: float
    amount: float
    profit: float
    fees: float
    reason: str


class CurvePoint(Contract):
    """The account at the close of one candle, quote currency."""

    at_ms: int
    equity: float
