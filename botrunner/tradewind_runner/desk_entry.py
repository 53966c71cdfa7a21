"""What the order desk remembers of an order besides its state, and how often it looks at it. Knows no exchange."""

from dataclasses import dataclass

from tradewind_api.ledger import Intended, OrderType
from tradewind_engine.trading.orders import Order
from tradewind_runner.brokers.port import SeenOrder


@dataclass(frozen=True, slots=True)
class Pace:
    """When an order is looked at again; seconds are the loop's, `resend_ms` exchange time.

    In doubt: after `first_s`, twice as long each time, `most_s` at most. Open: each `open_s`. Given up: each `given_up_s`
    until `watch_ms` after it was sent. What was not taken is sent again `resends` times at most, until `resend_ms` after it was
    written down.
    """

    first_s: float = 0.2
    most_s: float = 15.0
    open_s: float = 30.0
    given_up_s: float = 60.0
    watch_ms: int = 1_800_000
    resends: int = 3
    resend_ms: int = 30_000


@dataclass(slots=True)
class Entry:
    """An order, when it is looked at next and was last (`due`, `looked`: loop times), and what is still to be done with it.

    `cancel`: it shall end. `not_taken`: why it may be sent again. `given_up`: never found, but still watched for.
    """

    order: Order
    due: float
    pause: float
    looked: float = -1.0
    in_flight: bool = False
    cancel: bool = False
    not_taken: str | None = None
    resends: int = 0
    given_up: bool = False

    @property
    def cid(self) -> str:
        """Its client order id."""
        return self.order.intent.client_order_id

    @property
    def symbol(self) -> str:
        """Its symbol."""
        return self.order.intent.symbol

    @property
    def undecided(self) -> bool:
        """Whether the ledger does not know what the exchange does: if it is there, or what was filled."""
        return self.order.in_doubt or (self.order.misses_trades and not self.order.closed)

    @property
    def active(self) -> bool:
        """Whether it is to be looked at now and then."""
        return not self.in_flight and (not self.order.closed or self.given_up)

    def unsettled(self, since: float) -> bool:
        """Return whether it is undecided, or open and not looked at since a moment."""
        return self.undecided or (not self.order.closed and self.looked < since)


def adopted_intent(seen: SeenOrder, candle_ms: int) -> Intended:
    """Return the intent that an order of ours must have had; its candle is the last that had closed when it was made."""
    return Intended(
        client_order_id=seen.client_order_id,
        symbol=seen.symbol,
        side=seen.side,
        order_type=_order_type(seen.order_type),
        amount=seen.amount,
        price=seen.price,
        candle_open_ms=max(0, seen.created_ms // candle_ms * candle_ms - candle_ms),
        reason="Adopted: the exchange has it and the ledger had not",
    )


def _order_type(word: str) -> OrderType:
    if "stop" in word:
        return "stop"
    return "market" if "market" in word else "limit"
