"""What follows from a bot's events. The only place that turns history into a position: runner and portal cannot disagree."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tradewind_api.heard import hear
from tradewind_api.ledger import (
    DAY_MS,
    DOUBTFUL_KEPT,
    Acknowledged,
    Adjusted,
    Closed,
    Decision,
    Equity,
    EventData,
    Filled,
    Halted,
    Intended,
    LedgerEvent,
    LedgerState,
    Position,
    Started,
    Stopped,
    Triggered,
    Unknown,
)


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
    leaving: dict[str, str] = field(default_factory=dict)
    open_intents: dict[str, Intended] = field(default_factory=dict)
    open_trades: dict[str, dict[str, Decimal]] = field(default_factory=dict)
    doubtful: dict[str, Intended] = field(default_factory=dict)
    last_intents: dict[str, str] = field(default_factory=dict)
    unheard: dict[str, tuple[str, ...]] = field(default_factory=dict)
    last_event_ms: int = 0
    generation: int = 0
    halted: str | None = None

    def start(self, data: Started) -> None:
        if not self.currency:
            self.currency, self.capital = data.currency, data.capital
            self.cash += data.capital  # a pod may have taken over what one bought of which no start was ever told
            self.equity = self.peak_equity = data.capital
        if data.generation > self.generation:
            self.halted = None
        self.generation = data.generation

    def intend(self, data: Intended) -> None:
        cid = data.client_order_id
        self.open_intents[cid] = data
        if data.side == "buy":
            self.last_buy_ms[data.symbol] = max(self.last_buy_ms.get(data.symbol, 0), data.candle_open_ms)
        self.doubtful.pop(cid, None)
        hear(self.last_intents, self.unheard, cid)

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
            self.leaving.pop(data.symbol, None)
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
            if data.action == "Exit":
                self.leaving.setdefault(data.symbol, "Exit")
        if data.symbol in self.rested:
            self.rested[data.symbol] += 1

    def trigger(self, data: Triggered) -> None:
        """A guard has gone off: its position goes, unless it has gone already."""
        if data.symbol in self.positions:
            self.leaving.setdefault(data.symbol, data.reason)

    def adjust(self, data: Adjusted) -> None:
        held = self.positions.get(data.symbol, Position())
        kept = min(Decimal(1), max(Decimal(0), 1 + data.amount / held.amount)) if held.amount > 0 else Decimal(1)
        self.cash += data.cash
        self.realized_pnl += data.cash - held.cost * (1 - kept)  # what is gone was paid for: cash = capital + gains - cost
        position = held.model_copy(
            update={"amount": held.amount + data.amount, "cost": held.cost * kept, "notional": held.notional * kept}
        )
        if position.amount != 0:
            self.positions[data.symbol] = position
        elif self.positions.pop(data.symbol, None) is not None:
            self.leaving.pop(data.symbol, None)
            self.rested[data.symbol] = 0  # what a sale left was too little to be sold: the trade is over

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
            case Triggered():
                self.trigger(data)
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
    return follow(((entry.typed(), entry.at_ms) for entry in events), start or LedgerState())


def follow(events: Iterable[tuple[EventData, int]], start: LedgerState) -> LedgerState:
    """Return what `fold` returns, of events that are at hand as what their envelopes hold, each with its time."""
    book = _Book()
    for name in _Book.__slots__:
        value = getattr(start, name)
        setattr(book, name, dict(value) if isinstance(value, dict) else value)
    for data, at_ms in events:
        book.apply(data, at_ms)
        book.last_event_ms = max(book.last_event_ms, at_ms)
    return start.model_copy(update={name: getattr(book, name) for name in _Book.__slots__})  # all of it was checked before
