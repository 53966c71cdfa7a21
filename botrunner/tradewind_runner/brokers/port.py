"""The protocol of all brokers. Paper and live pass the same contract tests; whoever uses it cannot tell them apart.

Amounts are base currency, prices quote per base, fees as they were charged; all Decimal. Times are the exchange's, in UTC ms.
Symbols are "BTC/USDT". What a broker may raise stands in `errors`; it raises nothing else. A broker keeps no orders: what it
is asked about, it asks the exchange. It never sends an order a second time on its own, unless a look-up has shown that it
is not there.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from tradewind_api.ledger import Intended, Side
from tradewind_engine.trading.orders import Report

RECEIVE_WINDOW_MS, WIDEST_WINDOW_MS = 5_000, 60_000
Leave = Callable[[], Awaitable[None]]


async def at_once() -> None:
    """Let a request leave as soon as it is ready."""


def receive_window_ms(clock_speed: float) -> int:
    """Return for how long, in the exchange's time, it takes a request that we have sent; 60 s is the most that it allows."""
    return min(WIDEST_WINDOW_MS, int(RECEIVE_WINDOW_MS * max(1.0, clock_speed)))


@dataclass(frozen=True, slots=True)
class SeenOrder:
    """The exchange's view of any order of the account, ours or somebody else's.

    `order_type` is the exchange's own word in lower case; `amount` what was asked for (0 if it was asked for in quote), `price`
    the limit, None for a market order. `report.trades` may be empty although something is filled: then `find` gives them.
    `ended_by` is the id of the request that cancelled it, as far as the exchange tells.
    """

    symbol: str
    client_order_id: str
    side: Side
    order_type: str
    amount: Decimal
    price: Decimal | None
    created_ms: int
    report: Report
    ended_by: str = ""

    @classmethod
    def of(cls, intent: Intended, created_ms: int, report: Report) -> "SeenOrder":
        """Return an order as an exchange shows it that took just what was intended."""
        amount, price = intent.amount, intent.price
        return cls(intent.symbol, intent.client_order_id, intent.side, intent.order_type, amount, price, created_ms, report)


@dataclass(frozen=True, slots=True)
class Balances:
    """What the account has of each currency, and what of it no open order holds. A currency that is missing is zero."""

    total: Mapping[str, Decimal]
    free: Mapping[str, Decimal]


class Broker(Protocol):
    """Where orders go. A sale and a cancel go before everything else when requests are scarce."""

    async def place(self, intent: Intended, leave: Leave = at_once) -> Report:
        """Send an order under its client order id; the answer carries the trades that it met at once, as far as they are known.

        `leave` is awaited when the request is ready and before any byte of it is on the wire: that may have to wait for a disk.
        What it raises comes out as it is, and then nothing has left.

        Raises:
            ExchangeUnavailableError: It was not taken; look it up, then it may be sent again.
            OutcomeUnknownError: It may have been taken.
            OrderRejectedError: It was refused for good.
            CredentialsRefusedError: The key does not do.
            ForbiddenError: We are not served.
        """
        ...

    async def cancel(self, symbol: str, client_order_id: str, *, by: str = "") -> None:
        """Ask for an order's end, under an id of its own where the exchange has that: who listens is told it as `ended_by`.

        What became of it is read by `find`: it may have been filled meanwhile.

        Returning says only that the exchange understood; an order that it does not know, or that has ended, is no error.
        """
        ...

    async def find(self, symbol: str, client_order_id: str) -> Report | None:
        """Return an order with all of its trades that can be had; None: the exchange says that it has never seen it."""
        ...

    async def orders(self, symbol: str, *, since_ms: int) -> list[SeenOrder]:
        """Return the orders made at `since_ms` or later, in any state, ours and others', oldest first, without trades."""
        ...

    async def open_orders(self, symbol: str) -> list[SeenOrder]:
        """Return the orders that may still be filled, ours and others', without trades."""
        ...

    async def balances(self) -> Balances:
        """Return what the account has."""
        ...

    async def key_trouble(self) -> str:
        """Return why the key must not be traded with by what the exchange lets it do, an empty string if it may."""
        ...

    async def warm(self, orders: int) -> None:
        """Have the way open that so many orders at once will take, which may be several round trips. Best effort."""
        ...

    def updates(self) -> AsyncIterator[SeenOrder | None]:
        """Yield orders as they change, with the one trade that changed them; best effort: some may be missing or come twice.

        None says that the stream is open from now on: what happened before nobody will tell, so `find` what is open.

        Raises:
            ExchangeUnavailableError: The stream broke or is not offered.
        """
        ...
