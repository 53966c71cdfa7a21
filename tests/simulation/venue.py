"""An exchange of one symbol on virtual time: it keeps what really happened, whatever it answered.

As on the real one a client order id may be used again once its order has ended, so that sending twice buys twice.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import numpy as np
from chaos import Chaos
from resting_order import Resting

from tradewind_api.ledger import Intended
from tradewind_engine.candles import Candles
from tradewind_engine.trading.orders import Trade
from tradewind_runner.brokers import errors
from tradewind_runner.brokers.port import Balances, SeenOrder, at_once
from tradewind_runner.exchange import Market
from tradewind_runner.exchange_clock import ExchangeClock

SYMBOL, MINUTE = "BTC/USDT", 60_000
T0 = 1_750_000_020_000 // MINUTE * MINUTE
HISTORY = 200
STEP, TICK, FEE = Decimal("0.00001"), Decimal("0.01"), Decimal("0.001")
PLACE = {
    "lost-before": 0.06,
    "lost-after": 0.06,
    "late": 0.05,
    "slow": 0.05,
    "away": 0.05,
    "skew": 0.03,
    "limited": 0.02,
    "rejected": 0.03,
    "garbled": 0.03,
    "no-trades": 0.05,
    "twin": 0.03,
}
FIND = {"away": 0.06, "lost": 0.05, "limited": 0.01, "lag": 0.05, "no-trades": 0.05}
CANCEL = {"lost-before": 0.05, "lost-after": 0.05, "filled": 0.05, "away": 0.05}
ASK = {"away": 0.04, "lost": 0.03}
STREAM = {"dropped": 0.10, "twice": 0.10, "late": 0.05}


class Venue:
    """The truth: prices of all minutes, all orders, the account. `posts` counts what was sent under each client order id."""

    def __init__(self, chaos: Chaos, minutes: int) -> None:
        self.chaos = chaos
        rng = np.random.default_rng(chaos.seed)
        steps = rng.normal(0, 0.002, (minutes + HISTORY + 200, 4)).cumsum(axis=None).reshape(-1, 4)
        self.paths = np.round(60_000 * np.exp(steps - steps.mean()), 2)
        self.orders: list[Resting] = []
        self.resting: list[Resting] = []  # those that may be open
        self.posts: Counter[str] = Counter()
        self.absent: set[str] = set()
        self.sent_without_absence: list[str] = []
        self.wire: list[tuple[float, Intended]] = []
        self.listeners: dict[object, asyncio.Queue[SeenOrder]] = {}
        self.cash, self.base = Decimal(10_000), Decimal(0)
        self.largest = Decimal(0)  # of what was held right after a trade, as a part of the equity then
        self._trades, self._checked_ms = 0, T0

    # Prices

    def price_at(self, ms: float) -> Decimal:
        minute, part = divmod(int(ms) - T0 + HISTORY * MINUTE, MINUTE)
        return Decimal(str(self.paths[minute][part * 4 // MINUTE]))

    def candles(self, since_ms: int, count: int, now_ms: float) -> Candles:
        first = max(0, (since_ms - T0) // MINUTE + HISTORY)
        last = int(now_ms - T0) // MINUTE + HISTORY
        rows = self.paths[first : min(last, first + count)]
        ts = (np.arange(first, first + len(rows)) - HISTORY) * MINUTE + T0
        columns = [rows[:, 0], rows.max(axis=1), rows.min(axis=1), rows[:, 3], np.ones(len(rows))]
        if first + len(rows) == last and len(rows) < count:  # the candle in progress, as far as it is
            path = self.paths[last][: int((now_ms - T0) % MINUTE * 4 // MINUTE) + 1]
            begun = [path[0], path.max(), path.min(), path[-1], 1.0]
            ts = np.append(ts, (last - HISTORY) * MINUTE + T0)
            columns = [np.append(column, value) for column, value in zip(columns, begun, strict=True)]
        return Candles(ts.astype(np.int64), *(np.ascontiguousarray(column, dtype=np.float64) for column in columns))

    # Orders

    def go_on(self, now_ms: float) -> None:
        """Let everything happen that is due: orders on the wire arrive, stops are met."""
        for item in [item for item in self.wire if T0 + item[0] * 1000 <= now_ms]:
            self.wire.remove(item)
            if item[1].side == "buy" or item[1].amount <= self.free_base():
                self.take(item[1], T0 + item[0] * 1000)
        self.resting = [order for order in self.resting if order.status == "Open"]
        for ms in range(self._checked_ms, int(now_ms), MINUTE // 4):
            for order in self.resting:
                price, stop, limit = self.price_at(ms), order.intent.stop_price, order.intent.price
                if order.status == "Open" and order.at_ms <= ms and stop is not None and price <= stop:
                    self.fill(order, max(price, limit or price), now_ms)
                elif order.status == "Open" and order.at_ms <= ms and stop is None and limit is not None and price <= limit:
                    self.fill(order, limit, now_ms)
            self._checked_ms = ms + MINUTE // 4

    def take(self, intent: Intended, now_ms: float, *, hidden: int = 0) -> Resting:
        order = Resting(intent, len(self.orders) + 1, int(now_ms), hidden=hidden)
        self.orders.append(order)
        if intent.order_type == "market":
            price = self.price_at(now_ms)
            if intent.price is None or price <= intent.price:
                self.fill(order, price, now_ms)
            else:
                order.status = "Expired"
        else:
            self.resting.append(order)
        self.tell(order)
        return order

    def fill(self, order: Resting, price: Decimal, now_ms: float) -> None:
        """Fill the rest of an order in one to three trades."""
        left = order.intent.amount - order.filled
        parts = 1 + int(self.chaos.draw("parts") * 3)
        for part in range(parts):
            amount = left if part == parts - 1 else (left / 3 // STEP) * STEP
            if amount <= 0:
                continue
            left -= amount
            self._trades += 1
            trade = Trade(f"t{self._trades}", amount, price, amount * price * FEE, "USDT")
            order.trades.append(trade)
            sign = 1 if order.intent.side == "buy" else -1
            self.base += sign * amount
            self.cash -= sign * amount * price + trade.fee
            if left == 0:
                order.status = "Filled"
            self.tell(order, (trade,))
        self.largest = max(self.largest, self.base * price / (self.cash + self.base * price))

    def free_base(self) -> Decimal:
        """Return what of the base no open sale holds."""
        selling = (order for order in self.resting if order.status == "Open" and order.intent.side == "sell")
        return self.base - sum((order.intent.amount - order.filled for order in selling), Decimal(0))

    def by_cid(self, cid: str) -> Resting | None:
        return next((order for order in reversed(self.orders) if order.intent.client_order_id == cid), None)

    def tell(self, order: Resting, trades: tuple[Trade, ...] = ()) -> None:
        fault = self.chaos.one_of("stream", STREAM) if self.listeners else ""
        for queue in self.listeners.values():
            for _ in range({"dropped": 0, "twice": 2}.get(fault, 1)):
                told = order.seen(replace(order.report(trades=False), trades=trades))
                queue.put_nowait(replace(told, ended_by=order.ended_by))


class VenueMarket:
    """The market side, as `tradewind_runner.exchange.Exchange`. `seconds` is the loop's time."""

    def __init__(self, venue: Venue, seconds) -> None:
        self.venue, self._seconds = venue, seconds
        self.clock = ExchangeClock(1.0, seconds)

    async def connect(self, symbols, *, held=()):
        await self._call("connect")
        await self.sync_clock()
        return {SYMBOL: Market(SYMBOL, STEP, Decimal(5), True, TICK)}

    async def sync_clock(self):
        asked = self._seconds()
        await self._call("time")
        self.clock.sync(T0 + (asked + self._seconds()) / 2 * 1000, asked=asked, answered=self._seconds())

    async def candles(self, symbol, timeframe, *, since_ms, count):
        await self._call("candles")
        return self.venue.candles(since_ms, count, T0 + self._seconds() * 1000)

    async def _call(self, what):
        await asyncio.sleep(0.01 + 0.05 * self.venue.chaos.draw("latency"))
        self.venue.go_on(T0 + self._seconds() * 1000)
        if self.venue.chaos.happens(f"{what}-away", 0.03):
            raise errors.ExchangeUnavailableError("timeout")


class VenueBroker:
    """The trading side for one pod. `sending(pod, intent)` looks at each order that goes out."""

    def __init__(self, venue: Venue, seconds, pod, sending) -> None:
        self.venue, self._seconds, self._pod, self._sending = venue, seconds, pod, sending

    @property
    def _now(self) -> float:
        return T0 + self._seconds() * 1000

    async def connect(self):
        await self._ask("connect")

    async def place(self, intent, leave=at_once):
        self._pod.placing += 1
        try:
            await leave()
            return await self._place(intent)
        finally:
            self._pod.placing -= 1

    async def _place(self, intent):  # noqa: C901, PLR0912 - one case a fault
        venue, cid = self.venue, intent.client_order_id
        self._sending(self._pod, intent)
        if venue.posts[cid] and cid not in venue.absent:
            venue.sent_without_absence.append(cid)
        venue.posts[cid] += 1
        venue.absent.discard(cid)
        fault = venue.chaos.one_of("place", PLACE)
        if fault == "lost-before":
            await asyncio.sleep(10)
            raise errors.OutcomeUnknownError("timeout")
        if fault == "slow":  # on the wire for longer than we wait, though not longer than the exchange accepts
            venue.wire.append((self._seconds() + 5 * venue.chaos.draw("wire"), intent))
            await asyncio.sleep(2)
            raise errors.OutcomeUnknownError("timeout")
        on_wire = (self._seconds() + 0.02, intent)
        venue.wire.append(on_wire)  # a process that dies now has sent it
        await asyncio.sleep(0.02)
        if on_wire in venue.wire:
            venue.wire.remove(on_wire)
        elif not any(order.intent is intent for order in venue.orders):
            raise errors.OrderRejectedError("-2010 insufficient balance", code="InsufficientFunds")
        else:
            return venue.by_cid(cid).report()
        match fault:
            case "away":
                raise errors.ExchangeUnavailableError("503 overloaded")
            case "skew":
                raise errors.ClockSkewError("-1021")
            case "limited":
                raise errors.RateLimitedError("429", retry_after_s=7)
            case "rejected":
                raise errors.OrderRejectedError("-2010", code="InsufficientFunds")
        there = venue.by_cid(cid)
        if there is not None and there.status == "Open":
            raise errors.OrderRejectedError("-2010 Duplicate order sent.", code="Duplicate")
        if intent.side == "sell" and intent.amount > venue.free_base():
            raise errors.OrderRejectedError("-2010 insufficient balance", code="InsufficientFunds")
        order = venue.take(intent, self._now, hidden=3 if fault == "late" else 0)
        await asyncio.sleep(0.02)
        match fault:
            case "lost-after" | "late":
                raise errors.OutcomeUnknownError("reset")
            case "twin":
                raise errors.OrderRejectedError("-2010 Duplicate order sent.", code="Duplicate")
            case "garbled":
                return replace(order.report(), filled=Decimal("NaN"))
        return order.report(trades=fault != "no-trades")

    async def find(self, symbol, client_order_id):
        fault = await self._ask("find", FIND)
        order = self.venue.by_cid(client_order_id)
        if order is not None and (order.hidden or (fault == "lag" and self._now - order.at_ms < 20_000)):
            order.hidden = max(0, order.hidden - 1)
            order = None
        if order is None:
            self.venue.absent.add(client_order_id)
            return None
        return order.report(trades=fault != "no-trades")

    async def cancel(self, symbol, client_order_id, *, by=""):
        fault = self.venue.chaos.one_of("cancel", CANCEL)
        await asyncio.sleep(0.02)
        self.venue.go_on(self._now)
        order = self.venue.by_cid(client_order_id)
        if fault == "away":
            raise errors.ExchangeUnavailableError("503")
        if fault == "lost-before":
            raise errors.OutcomeUnknownError("timeout")
        if order is not None and order.status == "Open":
            if fault == "filled":
                self.venue.fill(order, self.venue.price_at(self._now), self._now)
            else:
                order.status, order.ended_by = "Canceled", by
                self.venue.tell(order)
        if fault == "lost-after":
            raise errors.OutcomeUnknownError("reset")

    async def orders(self, symbol, *, since_ms):
        await self._ask("orders")
        return [order.seen(order.report(trades=False)) for order in self.venue.orders if order.at_ms >= since_ms]

    async def open_orders(self, symbol):
        await self._ask("open")
        return [order.seen(order.report(trades=False)) for order in self.venue.resting if order.status == "Open"]

    async def balances(self):
        await self._ask("balances")
        total = {"USDT": self.venue.cash, "BTC": self.venue.base}
        return Balances(total, total | {"BTC": self.venue.free_base()})

    async def warm(self, orders):
        await self._ask("time")

    async def key_trouble(self):
        await self._ask("key")
        return ""

    async def updates(self) -> AsyncIterator[SeenOrder | None]:
        queue: asyncio.Queue[SeenOrder] = asyncio.Queue()
        self.venue.listeners[self._pod] = queue
        try:
            yield None
            while True:
                seen = await queue.get()
                if self.venue.chaos.happens("stream-broken", 0.02):
                    raise errors.ExchangeUnavailableError("1006")
                yield seen
        finally:
            self.venue.listeners.pop(self._pod, None)

    async def _ask(self, what, faults=ASK):
        fault = self.venue.chaos.one_of(what, faults)
        await asyncio.sleep(0.02)
        self.venue.go_on(self._now)
        match fault:
            case "away":
                raise errors.ExchangeUnavailableError("502")
            case "lost":
                raise errors.OutcomeUnknownError("200 with HTML")
            case "limited":
                raise errors.RateLimitedError("429", retry_after_s=7)
        return fault
