"""Ledger events: what a bot did, in the order it did it, and the state that follows from them.

One envelope for paper and live. The key of an event is (bot uid, epoch, seq), seq counting from 1 in each epoch without
gaps, so that a resend is recognised and a loss is noticed. `fold` is the only place that turns history into a position;
runner and portal both use it, so they cannot disagree. It knows nothing about exchanges, storage or the network.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Literal

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
EPOCH_CHARACTERS, EPOCHS_KEPT, DOUBTFUL_KEPT = 11, 32, 16


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

    A limit order has its `price`. A stop becomes an order once the price reaches `stop_price`: a limit order at `price`, or a
    market order without one.
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
    for model in (Started, Decision, Intended, Acknowledged, Unknown, Filled, Closed, Equity, Adjusted, Halted, Stopped)
}
EventData = Started | Decision | Intended | Acknowledged | Unknown | Filled | Closed | Equity | Adjusted | Halted | Stopped
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
    may yet appear, `last_intents` the highest client order id of each of the newest epochs, by its first eleven characters;
    `last_buy_ms` is the candle of the newest purchase: its decision may be lost with a pod, the purchase is not made again;
    `rested` counts the candles since a symbol was last sold. `fees_elsewhere` are fees that were neither taken in base nor in
    quote, by currency: the account paid them, so they are in no figure of the bot.
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
    open_intents: dict[str, Intended] = {}
    open_trades: dict[str, dict[str, DecimalAmount]] = {}
    doubtful: dict[str, Intended] = {}
    last_intents: dict[str, str] = {}
    last_event_ms: Milliseconds = 0
    generation: int = 0
    halted: str | None = None


@dataclass(slots=True)
class _Book:
    """The mutable twin of LedgerState while events are folded in."""

    currency: str = ""
    capital: Decimal = Decimal(0)
    cash: Decimal = Decimal(0)
    realized_pnl: Decimal = Decimal(0)
    fees_paid: Decimal = Decimal(0)
    fees_elsewhere: dict[str, Decimal] = field(default_factory=dict)
    peak_equity: Decimal = Decimal(0)
    equity: Decimal = Decimal(0)
    day: int = 0
    day_start_equity: Decimal = Decimal(0)
    positions: dict[str, Position] = field(default_factory=dict)
    last_candle_ms: dict[str, int] = field(default_factory=dict)
    last_buy_ms: dict[str, int] = field(default_factory=dict)
    rested: dict[str, int] = field(default_factory=dict)
    open_intents: dict[str, Intended] = field(default_factory=dict)
    open_trades: dict[str, dict[str, Decimal]] = field(default_factory=dict)
    doubtful: dict[str, Intended] = field(default_factory=dict)
    last_intents: dict[str, str] = field(default_factory=dict)
    last_event_ms: int = 0
    generation: int = 0
    halted: str | None = None

    def start(self, data: Started) -> None:
        if not self.currency:
            self.currency, self.capital = data.currency, data.capital
            self.cash = self.equity = self.peak_equity = data.capital
        if data.generation > self.generation:
            self.halted = None
        self.generation = data.generation

    def intend(self, data: Intended) -> None:
        cid = data.client_order_id
        self.open_intents[cid] = data
        if data.side == "buy":
            self.last_buy_ms[data.symbol] = max(self.last_buy_ms.get(data.symbol, 0), data.candle_open_ms)
        self.doubtful.pop(cid, None)
        epoch = cid[:EPOCH_CHARACTERS]
        self.last_intents[epoch] = max(self.last_intents.get(epoch, ""), cid)
        _keep_newest(self.last_intents, EPOCHS_KEPT)

    def close(self, data: Closed) -> None:
        intent = self.open_intents.pop(data.client_order_id, None)
        self.open_trades.pop(data.client_order_id, None)
        if intent is not None and data.outcome == "NotPlaced":
            self.doubtful[data.client_order_id] = intent
            _keep_newest(self.doubtful, DOUBTFUL_KEPT)

    def fill(self, data: Filled) -> None:
        trades = self.open_trades.get(data.client_order_id, {})
        if data.trade_id in trades:
            return
        if data.client_order_id in self.open_intents:
            self.open_trades[data.client_order_id] = trades | {data.trade_id: data.amount}
        base, quote = data.symbol.split("/")
        held = self.positions.get(data.symbol, Position())
        notional = data.amount * data.price
        fee_cash = data.fee if data.fee_currency == quote else Decimal(0)
        fee_base = data.fee if data.fee_currency == base else Decimal(0)
        self.fees_paid += fee_cash + fee_base * data.price
        if data.fee and data.fee_currency not in {base, quote}:
            self.fees_elsewhere[data.fee_currency] = self.fees_elsewhere.get(data.fee_currency, Decimal(0)) + data.fee
        if data.side == "buy":
            self.cash -= notional + fee_cash
            intent = self.open_intents.get(data.client_order_id)
            opened = held.opened_candle_ms if held.amount > 0 else intent.candle_open_ms if intent else None
            first = held.buys == 0 or (held.buys == 1 and bool(trades))  # the first order, or more of it
            received = data.amount - fee_base
            position = Position(
                amount=held.amount + received,
                cost=held.cost * _uncovered(held, received) + self._cover(held, received, notional + fee_cash),
                notional=held.notional + notional,
                opened_candle_ms=opened,
                buys=held.buys + (not trades),
                first_price=held.first_price or data.price,
                first_cost=held.first_cost + (notional + fee_cash if first else 0),
                peak=held.peak or data.price,
                candles=held.candles,
            )
        else:
            share = min(data.amount / held.amount, Decimal(1)) if held.amount > 0 else Decimal(0)
            cost = held.cost * share
            early = (notional - fee_cash) * _oversold(held, data.amount)  # its purchase is booked later, with what it cost
            self.cash += notional - fee_cash
            self.realized_pnl += notional - fee_cash - early - cost
            position = held.model_copy(
                update={
                    "amount": held.amount - data.amount - fee_base,
                    "cost": held.cost - cost - early,
                    "notional": held.notional - held.notional * share,
                }
            )
        if position.amount == 0:
            self.positions.pop(data.symbol, None)
            self.rested[data.symbol] = 0
        else:
            self.positions[data.symbol] = position

    def _cover(self, held: Position, amount: Decimal, cost: Decimal) -> Decimal:
        """Count what a purchase gives to a sale that was booked before it; return the cost of the rest."""
        if held.amount >= 0 or amount <= 0:
            return cost
        covered = min(amount, -held.amount)
        self.realized_pnl += held.cost * covered / held.amount - cost * covered / amount
        return cost * (1 - covered / amount)

    def decide(self, data: Decision) -> None:
        """A candle closed: it counts for what is held and for the rest after a trade."""
        self.last_candle_ms[data.symbol] = max(self.last_candle_ms.get(data.symbol, 0), data.candle_open_ms)
        held = self.positions.get(data.symbol)
        if held is not None:
            peak = max(held.peak, data.high or Decimal(0))
            self.positions[data.symbol] = held.model_copy(update={"candles": held.candles + 1, "peak": peak})
        if data.symbol in self.rested:
            self.rested[data.symbol] += 1

    def adjust(self, data: Adjusted) -> None:
        held = self.positions.get(data.symbol, Position())
        self.cash += data.cash
        kept = min(Decimal(1), max(Decimal(0), 1 + data.amount / held.amount)) if held.amount > 0 else Decimal(1)
        position = held.model_copy(
            update={"amount": held.amount + data.amount, "cost": held.cost * kept, "notional": held.notional * kept}
        )
        if position.amount == 0:
            self.positions.pop(data.symbol, None)
        else:
            self.positions[data.symbol] = position

    def mark(self, data: Equity, at_ms: int) -> None:
        if at_ms // DAY_MS > self.day:  # a second symbol that catches up may still be at yesterday's candles
            self.day, self.day_start_equity = at_ms // DAY_MS, self.equity
        self.equity = data.equity
        self.peak_equity = max(self.peak_equity, data.equity)

    def order(self, data: Intended | Acknowledged | Unknown | Filled | Closed) -> None:
        match data:
            case Intended():
                self.intend(data)
            case Filled():
                self.fill(data)
            case Closed():
                self.close(data)
            case Acknowledged() | Unknown():
                pass

    def apply(self, data: EventData, at_ms: int) -> None:
        match data:
            case Started():
                self.start(data)
            case Decision():
                self.decide(data)
            case Intended() | Acknowledged() | Unknown() | Filled() | Closed():
                self.order(data)
            case Equity():
                self.mark(data, at_ms)
            case Adjusted():
                self.adjust(data)
            case Halted():
                self.halted = data.reason
            case Stopped():
                pass


def _oversold(held: Position, amount: Decimal) -> Decimal:
    """Return which part of a sale is of more than is held: reports of a dead pod's orders come in any order."""
    return 1 - min(Decimal(1), max(held.amount, Decimal(0)) / amount) if amount > 0 else Decimal(0)


def _uncovered(held: Position, amount: Decimal) -> Decimal:
    """Return which part of what is held stays as it is after a purchase: all of it, unless more was sold than was there."""
    return 1 - min(Decimal(1), amount / -held.amount) if held.amount < 0 else Decimal(1)


def _keep_newest(table: dict[str, Any], most: int) -> None:
    while len(table) > most:
        table.pop(next(iter(table)))


def fold(events: Iterable[LedgerEvent], start: LedgerState | None = None) -> LedgerState:
    """Return the state after `events`, which of one bot in the order of (epoch, seq), from `start` (default: nothing).

    A halt outlives its pod and ends with the first Started of a newer generation: a person who edits the bot has acted.
    """
    book = _Book()
    if start is not None:
        for name in _Book.__slots__:
            value = getattr(start, name)
            setattr(book, name, dict(value) if isinstance(value, dict) else value)
    for entry in events:
        book.apply(entry.typed(), entry.at_ms)
        book.last_event_ms = max(book.last_event_ms, entry.at_ms)
    return LedgerState(**{name: getattr(book, name) for name in _Book.__slots__})
