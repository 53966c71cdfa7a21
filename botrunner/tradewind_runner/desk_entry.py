"""What the order desk remembers of its orders besides their state, and how often it looks at them. Knows no exchange."""

from collections.abc import Iterator
from dataclasses import dataclass

from tradewind_api.ledger import Intended, OrderType
from tradewind_engine.trading.orders import Order
from tradewind_runner.brokers.port import SeenOrder

ENDED_KEPT = 256


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

    def postpone(self, now: float, pace: Pace) -> None:
        """Set when it is looked at next."""
        if self.order.closed:
            self.due = now + pace.given_up_s
        elif self.undecided or self.cancel:
            self.due = now + self.pause
            self.pause = min(self.pause * 2, pace.most_s)
        else:
            self.due, self.pause = now + pace.open_s, pace.first_s


class Entries:
    """All orders of a desk in the order in which they were made; those that have not ended also by themselves.

    Those few are asked for several times while an order is on its way, the hundreds that ended lately are not.
    """

    def __init__(self) -> None:
        self._all: dict[str, Entry] = {}
        self._open: dict[str, Entry] = {}

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._all.values())

    def __contains__(self, cid: str) -> bool:
        return cid in self._all

    def __getitem__(self, cid: str) -> Entry:
        return self._all[cid]

    def get(self, cid: str) -> Entry | None:
        """Return an order that is open or ended lately."""
        return self._all.get(cid)

    def add(self, entry: Entry) -> None:
        """Take in an order, the newest."""
        self._all[entry.cid] = entry
        if not entry.order.closed:
            self._open[entry.cid] = entry

    def changed(self, entry: Entry) -> None:
        """Take note of what became of an order; one that had ended may be open again, in its old place."""
        if entry.order.closed:
            self._open.pop(entry.cid, None)
        elif entry.cid not in self._open:
            self._open = {cid: known for cid, known in self._all.items() if not known.order.closed}

    def open(self, symbol: str | None = None) -> list[Entry]:
        """Return what has not ended, as far as is known; only that can be undecided."""
        return [entry for entry in self._open.values() if symbol is None or entry.symbol == symbol]

    def hurry(self, now: float) -> None:
        """Have what has not ended looked at as soon as it can be."""
        for entry in self._open.values():
            entry.due = min(entry.due, now)

    def forget(self, now_ms: float, pace: Pace) -> None:
        """Let go of given up orders that nobody waits for any more, and of the oldest that ended."""
        for entry in self._all.values():
            if entry.given_up and now_ms - entry.order.sent_ms > pace.watch_ms:
                entry.given_up = False
        ended = [cid for cid, entry in self._all.items() if entry.order.closed and not entry.given_up]
        for cid in ended[: max(0, len(ended) - ENDED_KEPT)]:
            del self._all[cid]


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
