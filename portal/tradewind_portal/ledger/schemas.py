"""What people see of a ledger."""

from typing import Any

from pydantic import Field

from tradewind_api.contract import Contract
from tradewind_api.decimals import DecimalAmount
from tradewind_api.ledger import Milliseconds, NodeValue, Side


class Event(Contract):
    """One ledger event; (epoch, seq) is its place in the bot's life."""

    epoch: int
    seq: int
    at_ms: Milliseconds = Field(description="Time of the exchange.")
    received_ms: Milliseconds = Field(description="When the portal had it, by its own clock.")
    type: str
    data: dict[str, Any]


class Fill(Contract):
    """One trade."""

    epoch: int
    seq: int
    at_ms: Milliseconds
    client_order_id: str
    trade_id: str
    symbol: str
    side: Side
    amount: DecimalAmount
    price: DecimalAmount
    fee: DecimalAmount
    fee_currency: str


class Decision(Contract):
    """What the strategy said at the close of one candle."""

    epoch: int
    seq: int
    at_ms: Milliseconds
    symbol: str
    candle_open_ms: Milliseconds
    action: str
    blocked: str | None = None
    high: str | None = None
    nodes: dict[str, NodeValue] = {}


class EquityPoint(Contract):
    """The account at one moment, in quote currency."""

    at_ms: Milliseconds
    equity: DecimalAmount
    cash: DecimalAmount
