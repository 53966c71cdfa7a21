"""A fake exchange with a book of its own, and a broker to it that loses, delays and garbles as told. No sockets, no clock.

It is the reference of the desk's tests: what it has is what happened, whatever was answered.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

from resting_order import Resting

from tradewind_api.ledger import Intended
from tradewind_engine.trading.orders import Report, Trade
from tradewind_runner.brokers import errors
from tradewind_runner.brokers.port import Balances, Leave, SeenOrder, at_once

PRICE = Decimal(100)


class FakeExchange:
    """Fills market orders at once, whole; limit orders when told. `posts` counts what was sent under each client id."""

    def __init__(self) -> None:
        self.book: dict[str, Resting] = {}
        self.posts: Counter[str] = Counter()
        self.absent: Counter[str] = Counter()
        self.on_its_way: list[tuple[float, Intended]] = []
        self.now_ms = 1_000_000
        self._trades = 0

    def arrive(self) -> None:
        """Take the orders that were on their way for longer than anybody waited."""
        loop = asyncio.get_running_loop()
        for item in [item for item in self.on_its_way if item[0] <= loop.time()]:
            self.on_its_way.remove(item)
            self.take(item[1])

    def take(self, intent: Intended, *, hidden: int = 0) -> Resting:
        assert intent.client_order_id not in self.book, "an order was taken twice"
        order = Resting(intent, len(self.book) + 1, self.now_ms, hidden=hidden)
        self.book[intent.client_order_id] = order
        if intent.order_type == "market":
            self.fill(order, intent.amount)
        return order

    def fill(self, order: Resting, amount: Decimal) -> Trade:
        amount = min(amount, order.intent.amount - order.filled)
        self._trades += 1
        trade = Trade(f"t{self._trades}", amount, PRICE, amount * PRICE / 1000, "USDT")
        order.trades.append(trade)
        if order.filled == order.intent.amount:
            order.status = "Filled"
        return trade


class FakeBroker:
    """`faults` holds what becomes of the next calls of place, find and cancel; nothing there means that all goes well."""

    def __init__(self, exchange: FakeExchange) -> None:
        self.exchange = exchange
        self.faults: dict[str, list[str]] = {"place": [], "find": [], "cancel": []}
        self.calls: list[str] = []
        self.ended_by: list[str] = []
        self.delay_s = 30.0

    async def place(self, intent: Intended, leave: Leave = at_once) -> Report:  # noqa: C901 - one case a fault
        await leave()
        fault = self._next("place")
        self.exchange.posts[intent.client_order_id] += 1
        await asyncio.sleep(0.005)
        match fault:
            case "lost before":
                raise errors.OutcomeUnknownError("timeout")
            case "lost after" | "late":
                self.exchange.take(intent, hidden=3 if fault == "late" else 0)
                raise errors.OutcomeUnknownError("reset")
            case "on its way":
                self.exchange.on_its_way.append((asyncio.get_running_loop().time() + self.delay_s, intent))
                raise errors.OutcomeUnknownError("timeout")
            case "garbled":
                report = self.exchange.take(intent).report()
                return replace(report, filled=Decimal("NaN"))
            case "no trades":
                return self.exchange.take(intent).report(trades=False)
            case "away":
                raise errors.ExchangeUnavailableError("maintenance")
            case "skew":
                raise errors.ClockSkewError("-1021")
            case "limited":
                raise errors.RateLimitedError("429", retry_after_s=7)
            case "rejected":
                raise errors.OrderRejectedError("no money", code="InsufficientFunds")
            case "duplicate":
                self.exchange.take(intent)
                raise errors.OrderRejectedError("-2010 Duplicate order sent.", code="Duplicate")
            case "key":
                raise errors.CredentialsRefusedError("-2015")
            case "forbidden":
                raise errors.ForbiddenError("451")
        report = self.exchange.take(intent).report()
        await asyncio.sleep(0.005)
        return report

    async def find(self, symbol: str, client_order_id: str) -> Report | None:
        fault = self._next("find")
        await asyncio.sleep(0.005)
        match fault:
            case "away":
                raise errors.ExchangeUnavailableError("502")
            case "lost":
                raise errors.OutcomeUnknownError("200 with HTML")
            case "limited":
                raise errors.RateLimitedError("429", retry_after_s=7)
            case "key":
                raise errors.CredentialsRefusedError("-2015")
        self.exchange.arrive()
        order = self.exchange.book.get(client_order_id)
        if order is None or order.hidden:
            if order is not None:
                order.hidden -= 1
            self.exchange.absent[client_order_id] += 1
            return None
        return order.report(trades=fault != "no trades")

    async def cancel(self, symbol: str, client_order_id: str, *, by: str = "") -> None:
        self.ended_by.append(by)
        fault = self._next("cancel")
        await asyncio.sleep(0.005)
        self.exchange.arrive()
        order = self.exchange.book.get(client_order_id)
        if fault == "lost before":
            raise errors.OutcomeUnknownError("timeout")
        if fault == "away":
            raise errors.ExchangeUnavailableError("502")
        if fault == "filled" and order is not None and order.status == "Open":
            self.exchange.fill(order, order.intent.amount)
        if order is not None and order.status == "Open":
            order.status = "Canceled"
        if fault == "lost after":
            raise errors.OutcomeUnknownError("reset")

    async def orders(self, symbol: str, *, since_ms: int) -> list[SeenOrder]:
        await asyncio.sleep(0.005)
        self.exchange.arrive()
        listed = [order for order in self.exchange.book.values() if order.intent.symbol == symbol and order.at_ms >= since_ms]
        return [order.seen(order.report(trades=False)) for order in listed]

    async def open_orders(self, symbol: str) -> list[SeenOrder]:
        return [order for order in await self.orders(symbol, since_ms=0) if order.report.status == "Open"]

    async def balances(self) -> Balances:
        total: dict[str, Decimal] = {"USDT": Decimal(10) ** 12}
        for order in self.exchange.book.values():
            base = order.intent.symbol.split("/")[0]
            sign = 1 if order.intent.side == "buy" else -1
            total[base] = total.get(base, Decimal(0)) + sign * order.filled
        return Balances(total, total)

    async def warm(self, orders: int) -> None:
        """There is no way to go."""

    async def key_trouble(self) -> str:
        return ""

    async def updates(self) -> AsyncIterator[SeenOrder]:
        raise errors.ExchangeUnavailableError("not offered")
        yield  # a generator

    def _next(self, call: str) -> str:
        self.calls.append(call)
        return self.faults[call].pop(0) if self.faults[call] else ""
