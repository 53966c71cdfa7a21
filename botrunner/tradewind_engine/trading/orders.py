"""The life of one order, as a total function: any report in any state gives a defined result and never an exception.

An order begins as a durable intent. From then on it may or may not be on the exchange: a lost answer is the state `Unknown`,
which only the exchange can end, by showing the order or by not knowing it often and long enough. Fills count by trade id, in
any order and any number of times; an order closes only when every fill that the exchange speaks of has been booked.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from tradewind_api.ledger import Acknowledged, Closed, EventData, Filled, Intended, Unknown

Outcome = Literal["Filled", "Canceled", "Rejected", "Expired", "NotPlaced"]
Status = Literal["Intended", "Unknown", "Open", "Filled", "Canceled", "Rejected", "Expired", "NotPlaced"]
EndStatus = Literal["Filled", "Canceled", "Rejected", "Expired"]
ReportStatus = EndStatus | Literal["Open"]
OUTCOMES: frozenset[str] = frozenset({"Filled", "Canceled", "Rejected", "Expired", "NotPlaced"})
REVIVABLE: frozenset[str] = frozenset({"NotPlaced", "Rejected"})
ZERO, MOST = Decimal(0), Decimal(10) ** 18  # no amount, price or fee of any market comes near


@dataclass(frozen=True, slots=True)
class Trade:
    """One trade of an order: base `amount`, quote per base, fee in `fee_currency`. The id is the exchange's own."""

    trade_id: str
    amount: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str


@dataclass(frozen=True, slots=True)
class Report:
    """The exchange's view of an order; `trades` may be some, all or none of those that `filled` (base) adds up."""

    exchange_order_id: str
    status: ReportStatus
    filled: Decimal
    trades: tuple[Trade, ...] = ()


@dataclass(frozen=True, slots=True)
class Lost:
    """The answer to the order never came, or could not be understood."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The exchange said, in its own words, that it did not take the order."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotFound:
    """Looked up at `at_ms`, the exchange did not know the order."""

    at_ms: int


Input = Report | Lost | Refused | NotFound


@dataclass(frozen=True, slots=True)
class Patience:
    """How often, and for how long since it may have been sent, an order must be unknown to count as never placed."""

    tries: int = 6
    window_ms: int = 60_000


@dataclass(frozen=True, slots=True)
class Order:
    """An order of ours. `filled` is what was booked, `reported` the most that the exchange has ever said, both base."""

    intent: Intended
    sent_ms: int
    status: Status = "Intended"
    exchange_order_id: str = ""
    trade_ids: frozenset[str] = frozenset()
    filled: Decimal = ZERO
    reported: Decimal = ZERO
    ended: EndStatus | None = None
    not_found: int = 0

    @property
    def closed(self) -> bool:
        """Whether it will not change any more, as far as is known."""
        return self.status in OUTCOMES

    @property
    def in_doubt(self) -> bool:
        """Whether nobody knows if the exchange has it."""
        return self.status in {"Intended", "Unknown"}

    @property
    def misses_trades(self) -> bool:
        """Whether the exchange speaks of fills that are not booked."""
        return self.reported > self.filled


@dataclass(frozen=True, slots=True)
class Step:
    """What came of an input: the order now, what to book, and what cannot be and a person should see."""

    order: Order
    events: tuple[EventData, ...] = ()
    anomalies: tuple[str, ...] = ()  # each begins with a word for its kind


def apply(order: Order, data: Input, patience: Patience = Patience()) -> Step:
    """Return what follows when `data` is learnt about `order`."""
    match data:
        case Lost():
            return _lost(order, data)
        case Refused():
            return _refused(order, data)
        case NotFound():
            return _not_found(order, data, patience)
        case Report():
            return _reported(order, data)


def resume(intent: Intended, *, sent_ms: int, trade_ids: Iterable[str] = (), filled: Decimal = ZERO) -> Order:
    """Return the order of an intent that an earlier pod left open: it may be anywhere, with these fills booked."""
    return Order(intent, sent_ms, status="Unknown", trade_ids=frozenset(trade_ids), filled=filled, reported=filled)


def possible(value: Decimal) -> bool:
    """Return whether a number can be an amount, a price or a step."""
    return value.is_finite() and 0 <= value < MOST


def _lost(order: Order, data: Lost) -> Step:
    if order.status != "Intended":
        return Step(order)
    event = Unknown(client_order_id=order.intent.client_order_id, reason=data.reason)
    return Step(replace(order, status="Unknown"), (event,))


def _refused(order: Order, data: Refused) -> Step:
    if order.in_doubt:
        return _close(order, "Rejected", data.reason)
    if order.closed:
        return Step(order)
    return Step(
        order, (), (f"Contradiction: {order.intent.client_order_id} was refused after it was acknowledged: {data.reason}",)
    )


def _not_found(order: Order, data: NotFound, patience: Patience) -> Step:
    if not order.in_doubt:
        return Step(order)  # look-ups may lag behind an acknowledgement
    asked = _lost(order, Lost("not found at first look"))
    order = replace(asked.order, not_found=order.not_found + 1)
    if order.not_found >= patience.tries and data.at_ms - order.sent_ms >= patience.window_ms:
        if order.filled:  # it was there once, so this is no order that never was
            expired = _close(order, "Expired", f"no longer shown by the exchange, looked up {order.not_found} times")
            return Step(expired.order, asked.events + expired.events)
        closed = _close(order, "NotPlaced", f"unknown to the exchange {order.not_found} times")
        return Step(closed.order, asked.events + closed.events)
    return Step(order, asked.events)


def _reported(order: Order, data: Report) -> Step:
    cid = order.intent.client_order_id
    if order.exchange_order_id and data.exchange_order_id != order.exchange_order_id:
        return Step(order, (), (f"Twin: {cid} is {data.exchange_order_id} beside {order.exchange_order_id}",))
    if not data.exchange_order_id or not possible(data.filled) or data.filled > order.intent.amount:
        return Step(order, (), (f"Impossible: {cid} reported as {data.exchange_order_id!r} filled {data.filled}",))
    events: list[EventData] = []
    anomalies: list[str] = []
    revivable = order.status in REVIVABLE and not order.filled  # with fills it was there: only fills can still come
    if order.closed and revivable and (data.status != "Rejected" or data.filled):
        anomalies.append(f"Late: the exchange has {cid} although it was {order.status}")
        order = replace(order, status="Unknown", ended=None)
        events.append(order.intent)  # it stands in the ledger as open again
    if not order.exchange_order_id:
        order = replace(order, exchange_order_id=data.exchange_order_id)
        events.append(Acknowledged(client_order_id=cid, exchange_order_id=data.exchange_order_id))
    if order.in_doubt:
        order = replace(order, status="Open")
    order, booked, wrong = _book(order, data.trades)
    events += booked
    anomalies += wrong
    ended = order.ended
    if ended is None and data.status != "Open":
        ended = data.status
    order = replace(order, reported=max(order.reported, data.filled, order.filled), ended=ended)
    if order.closed and booked:
        anomalies.append(f"Late: {cid} was filled after it was {order.status}")
    whole = order.filled == order.intent.amount
    if not order.closed and (whole or (ended is not None and not order.misses_trades)):
        closed = _close(order, "Filled" if whole or ended is None else ended, "")
        return Step(closed.order, (*events, *closed.events), tuple(anomalies))
    return Step(order, tuple(events), tuple(anomalies))


def _book(order: Order, trades: tuple[Trade, ...]) -> tuple[Order, list[EventData], list[str]]:
    intent = order.intent
    booked: list[EventData] = []
    anomalies: list[str] = []
    for trade in trades:
        if trade.trade_id in order.trade_ids:
            continue
        sane = trade.trade_id and possible(trade.amount) and possible(trade.price) and possible(abs(trade.fee))
        if not sane or not trade.amount or not trade.price or order.filled + trade.amount > intent.amount:
            anomalies.append(f"Impossible: {intent.client_order_id} with {trade}")
            continue
        booked.append(
            Filled(
                client_order_id=intent.client_order_id,
                trade_id=trade.trade_id,
                symbol=intent.symbol,
                side=intent.side,
                amount=trade.amount,
                price=trade.price,
                fee=trade.fee,
                fee_currency=trade.fee_currency,
            )
        )
        order = replace(order, trade_ids=order.trade_ids | {trade.trade_id}, filled=order.filled + trade.amount)
    return order, booked, anomalies


def _close(order: Order, outcome: Outcome, reason: str) -> Step:
    event = Closed(client_order_id=order.intent.client_order_id, outcome=outcome, reason=reason)
    return Step(replace(order, status=outcome), (event,))
