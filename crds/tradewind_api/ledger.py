"""Ledger events: what a bot did, in the order it did it, and the form of the state that follows from them.

One envelope for paper and live. The key of an event is (bot uid, epoch, seq), seq counting from 1 in each epoch without
gaps, so that a resend is recognised and a loss is noticed. What follows from events, `fold` tells. It knows nothing about
exchanges, storage or the network.
"""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from tradewind_api.contract import Contract
from tradewind_api.decimals import DecimalAmount

Side = Literal["buy", "sell"]
OrderType = Literal["market", "limit", "stop"]
ClientOrderId = Annotated[str, Field(min_length=1, max_length=36, pattern=r"^[0-9A-Za-z_-]+$")]
Symbol = Annotated[str, Field(min_length=3, max_length=31, pattern=r"^[0-9A-Z]+/[0-9A-Z]+$")]
Milliseconds = Annotated[int, Field(ge=0, le=253_402_300_799_999)]
NodeValue = bool | float | None
DAY_MS = 86_400_000
DOUBTFUL_KEPT = 16


class Started(Contract):
    """A pod took over under a new epoch. The first one of a bot's life sets its capital."""

    generation: int = Field(ge=0)
    strategy_digest: str
    runner_version: str
    mode: Literal["Paper", "Live"]
    currency: str
    capital: DecimalAmount


class Decision(Contract):
    """What the strategy said at the close of one candle, the candle's high, and the value of each node then (None is NaN)."""

    symbol: Symbol
    candle_open_ms: Milliseconds
    action: Literal["Enter", "Exit", "None"]
    blocked: str | None = None
    high: DecimalAmount | None = None
    nodes: dict[str, NodeValue] = {}


class Intended(Contract):
    """An order that may reach the wire from now on; written down before it does.

    A limit order has its `price`; with one a market order takes what is offered up to it, and ends at once. A stop becomes an
    order once the price reaches `stop_price`: a limit order at `price`, or a market order without one.
    """

    client_order_id: ClientOrderId
    symbol: Symbol
    side: Side
    order_type: OrderType = "market"
    amount: DecimalAmount
    price: DecimalAmount | None = None
    stop_price: DecimalAmount | None = None
    candle_open_ms: Milliseconds
    reason: str


class Acknowledged(Contract):
    """The exchange has the order."""

    client_order_id: ClientOrderId
    exchange_order_id: str


class Unknown(Contract):
    """The answer to an order was lost; it is looked up before anything else happens to its symbol."""

    client_order_id: ClientOrderId
    reason: str


class Filled(Contract):
    """One trade of one order. `amount` is base, `price` quote per base; the fee is in `fee_currency`."""

    client_order_id: ClientOrderId
    trade_id: str
    symbol: Symbol
    side: Side
    amount: DecimalAmount
    price: DecimalAmount
    fee: DecimalAmount
    fee_currency: str


class Closed(Contract):
    """An order that will not change any more."""

    client_order_id: ClientOrderId
    outcome: Literal["Filled", "Canceled", "Rejected", "Expired", "NotPlaced"]
    reason: str = ""


class Equity(Contract):
    """The account at a candle's close: cash plus positions at the last close, in quote currency."""

    equity: DecimalAmount
    cash: DecimalAmount
    prices: dict[str, DecimalAmount]


class Adjusted(Contract):
    """A difference between the exchange and the ledger, booked so that both agree again. Amounts are added."""

    symbol: Symbol
    amount: DecimalAmount = Decimal(0)
    cash: DecimalAmount = Decimal(0)
    reason: str


class Triggered(Contract):
    """A stop or target was reached that no order at an exchange guards: all that is held is sold, by whichever pod.

    `reason` names it, `level` is where it lay and `price` what was seen, in the candle that opened at `candle_open_ms`.
    """

    symbol: Symbol
    reason: str
    level: DecimalAmount
    price: DecimalAmount
    candle_open_ms: Milliseconds


class Halted(Contract):
    """No new risk until a person acts."""

    reason: str
    message: str


class Stopped(Contract):
    """The pod's last words."""

    reason: str
    message: str = ""


EVENT_TYPES: dict[str, type[Contract]] = {
    model.__name__: model
    for model in (
        Started,
        Decision,
        Intended,
        Acknowledged,
        Unknown,
        Filled,
        Closed,
        Equity,
        Adjusted,
        Triggered,
        Halted,
        Stopped,
    )
}
EventData = (
    Started | Decision | Intended | Acknowledged | Unknown | Filled | Closed | Equity | Adjusted | Triggered | Halted | Stopped
)
EventType = Literal[
    "Started",
    "Decision",
    "Intended",
    "Acknowledged",
    "Unknown",
    "Filled",
    "Closed",
    "Equity",
    "Adjusted",
    "Triggered",
    "Halted",
    "Stopped",
]


class LedgerEvent(Contract):
    """The envelope. `at_ms` is exchange time, which a simulated exchange may run faster than the wall's.

    `data` is kept as JSON so that the portal stores an event without knowing its type; `typed` gives the model.
    """

    bot_uid: str = Field(min_length=1, max_length=64)
    epoch: int = Field(ge=1)
    seq: int = Field(ge=1)
    at_ms: Milliseconds
    type: EventType
    data: dict[str, object]

    def typed(self) -> EventData:
        """Return `data` as the model that `type` names. Raises pydantic.ValidationError if it does not fit."""
        return EVENT_TYPES[self.type].model_validate(self.data)  # type: ignore[return-value]  # the table maps to EventData


def event(bot_uid: str, epoch: int, *, seq: int, at_ms: int, data: EventData) -> LedgerEvent:
    """Return the envelope around `data`, its type taken from the data's class."""
    return LedgerEvent(
        bot_uid=bot_uid,
        epoch=epoch,
        seq=seq,
        at_ms=at_ms,
        type=type(data).__name__,
        data=data.model_dump(mode="json", by_alias=True),
    )


class Position(Contract):
    """Base currency held, what it cost in quote with fees, and its notional without them.

    For the rules of a strategy: how many orders bought it, price and cost of the first, the highest price of the candles
    since, and how many closed.
    """

    amount: DecimalAmount = Decimal(0)
    cost: DecimalAmount = Decimal(0)
    notional: DecimalAmount = Decimal(0)
    opened_candle_ms: Milliseconds | None = None
    buys: int = 0
    first_price: DecimalAmount = Decimal(0)
    first_cost: DecimalAmount = Decimal(0)
    peak: DecimalAmount = Decimal(0)
    candles: int = 0


class LedgerState(Contract):
    """What follows from a bot's events: the start of its next pod. `day` counts UTC days, with the equity they began with.

    `open_trades` are the trades booked for open intents, `doubtful` the newest intents that the exchange did not know and that
    may yet appear, `last_intents` the highest client order id of each of the newest epochs, by its first eleven characters, and
    `unheard` the ids before it that the ledger has not heard of: most were never used, one may be at the exchange;
    `last_buy_ms` is the candle of the newest purchase: its decision may be lost with a pod, the purchase is not made again;
    `rested` counts the candles since a symbol was last sold; `leaving` is why all that is held of a symbol must be sold: a pod
    may die between the decision and the sale. `fees_elsewhere` are fees that were neither taken in base nor in quote, by
    currency: the account paid them, so they are in no figure of the bot.
    """

    currency: str = ""
    capital: DecimalAmount = Decimal(0)
    cash: DecimalAmount = Decimal(0)
    realized_pnl: DecimalAmount = Decimal(0)
    fees_paid: DecimalAmount = Decimal(0)
    fees_elsewhere: dict[str, DecimalAmount] = {}
    peak_equity: DecimalAmount = Decimal(0)
    equity: DecimalAmount = Decimal(0)
    day: int = 0
    day_start_equity: DecimalAmount = Decimal(0)
    positions: dict[str, Position] = {}
    last_candle_ms: dict[str, Milliseconds] = {}
    last_buy_ms: dict[str, Milliseconds] = {}
    rested: dict[str, int] = {}
    leaving: dict[str, str] = {}
    open_intents: dict[str, Intended] = {}
    open_trades: dict[str, dict[str, DecimalAmount]] = {}
    doubtful: dict[str, Intended] = {}
    last_intents: dict[str, str] = {}
    unheard: dict[str, tuple[str, ...]] = {}
    last_event_ms: Milliseconds = 0
    generation: int = 0
    halted: str | None = None
