"""The ground of the fault matrix: real ccxt and the order desk on the real simulated exchange, and what must hold in the end.

Each fault has one test with its number in its name. After each the promises of the matrix are checked against the
exchange's own orders and its journal of requests, and never against what the bot believes of itself.
"""

import asyncio
import itertools
import time
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Self

from asked_order import asked
from simulator_process import Server

from tradewind_api.fold import fold
from tradewind_api.ledger import Adjusted, Closed, EventData, Filled, Intended, LedgerEvent, LedgerState, event
from tradewind_api.runner import ExchangeConfig, ExchangeCredential
from tradewind_engine.trading.identity import client_order_id, epoch_of
from tradewind_engine.trading.orders import Patience
from tradewind_runner.brokers.ccxt import CcxtBroker
from tradewind_runner.brokers.limiter import Limiter
from tradewind_runner.exchange_clock import ExchangeClock
from tradewind_runner.gate import Gate, Passage
from tradewind_runner.order_desk import OrderDesk, Pace
from tradewind_runner.outbox import OutboxFullError

UID, BTC, CAPITAL = "uid", "BTC/USDT", Decimal(100_000)
PACE, PATIENCE = Pace(first_s=0.05), Patience(tries=5, window_ms=1_000)
MOST_S = 20.0
"""Within which everything that the exchange can decide has been decided; the faults themselves last two seconds at most."""
ORDER_PATHS = ("/api/v3/order", "order.place")
PRICE, MINUTE = "50000", 60_000
_names = itertools.count(1)


def stand_still(server: Server, symbol: str, price: str) -> None:
    """Have a market of one price, whole again and without prints, from an hour ago until three hours from now."""
    first = int(time.time() * 1000) // MINUTE * MINUTE - 60 * MINUTE
    rows = [f"{first + number * MINUTE},{price},{price},{price},{price},0" for number in range(240)]
    server.put(f"candles?symbol={symbol}", "\n".join(["ts,open,high,low,close,volume", *rows]).encode())


class World:
    """An account of its own on a simulator, with broker, desk and a ledger that is a list.

    `full` makes the ledger take nothing. Times are the wall's: the simulator runs at speed 1.
    """

    def __init__(self, server: Server, *, balances: dict[str, str] | None = None) -> None:
        self.server, self.name, self.epoch, self.full = server, f"trader{next(_names)}", 1, False
        self.start_balances = {"USDT": str(CAPITAL)} | (balances or {})
        self.start = LedgerState(currency="USDT", capital=CAPITAL, cash=CAPITAL, equity=CAPITAL)
        self.events: list[EventData] = []
        self.written_ms: dict[str, int] = {}
        self.anomalies: list[str] = []
        self.key = f"key-{self.name}"
        self.credential = ExchangeCredential(id=self.name, version=1, api_key=self.key, secret="secret")
        self._numbers = itertools.count(1)
        keys = [{"key": self.key, "secret": "secret"}]
        self.control("PUT", f"accounts/{self.name}", {"balances": self.start_balances, "keys": keys})

    async def __aenter__(self) -> Self:
        self.clock = ExchangeClock()
        rest, ws = f"http://127.0.0.1:{self.server.rest}", f"ws://127.0.0.1:{self.server.rest}"
        self.config = ExchangeConfig(name="s", ccxt_id="binance", endpoint={"rest": rest, "ws": ws})
        self.limiter = Limiter()
        self.broker = CcxtBroker(self.config, self.credential, [BTC], clock=self.clock, limiter=self.limiter)
        self.rules = (await self.broker.connect())[BTC]
        self.price = Decimal(self.server.get("depth?symbol=BTCUSDT&limit=5")["asks"][0][0])
        self.desk = self._desk()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.faults()
        await self.broker.close()

    def _desk(self) -> OrderDesk:
        return OrderDesk(
            self.broker,
            self.book,
            self.clock.now_ms,
            bot_uid=UID,
            epoch=self.epoch,
            pace=PACE,
            patience=PATIENCE,
            on_anomaly=self.anomalies.append,
        )

    def restart(self) -> None:
        """Be the next pod: a desk that knows nothing but the ledger."""
        self.epoch += 1
        self.desk = self._desk()
        self.desk.resume(self.state)

    async def gate(self) -> Passage:
        """Pass through the gate, as a bot does before it trades."""
        gate = Gate(self.broker, self.desk, self.book, lambda: self.state, self.clock.now_ms)
        return await gate.pass_through([BTC], {BTC: self.rules}, {BTC: self.price})

    # The ledger

    def book(self, group: list[EventData]) -> None:
        if self.full:
            raise OutboxFullError("the disk is full")
        for item in group:
            if isinstance(item, Intended):
                self.written_ms.setdefault(item.client_order_id, int(time.time() * 1000))
        self.events += group

    @property
    def state(self) -> LedgerState:
        now = int(time.time() * 1000)
        numbered = enumerate(self.events, start=1)
        return fold([event(UID, self.epoch, seq=seq, at_ms=now, data=item) for seq, item in numbered], self.start)

    def of_type(self, kind: type) -> list[Any]:
        return [item for item in self.events if isinstance(item, kind)]

    def intent(
        self, *, side: str = "buy", amount: str = "0.01", times: str | None = None, stop_times: str | None = None
    ) -> Intended:
        """Return an order at the market, or at so many times the price."""
        tick = self.rules.price_tick
        price, stop = (None if each is None else self.price * Decimal(each) // tick * tick for each in (times, stop_times))
        return asked(
            client_order_id(UID, self.epoch, next(self._numbers)), BTC, side=side, amount=amount, price=price, stop=stop
        )

    # The exchange

    def control(self, method: str, path: str, body: Any = None) -> Any:
        return self.server.ask_control(method, path, body)

    def faults(self, *rules: dict[str, Any]) -> None:
        """Put a script in place of the one before; without rules set everything right."""
        self.control("DELETE", "faults")
        answer = self.control("PUT", "faults", list(rules))
        assert isinstance(answer, list), answer

    def orders(self) -> list[dict[str, Any]]:
        """Return all orders of the account with their trades, oldest first."""
        return self.control("GET", f"accounts/{self.name}/orders")

    def requests(self) -> list[dict[str, Any]]:
        """Return what this account's key has asked for, oldest first."""
        return [entry for entry in self.control("GET", "journal") if entry["apiKey"] == self.key]

    def posts(self) -> list[dict[str, Any]]:
        return [entry for entry in self.requests() if entry["method"] == "POST" and entry["path"] in ORDER_PATHS]

    def held(self) -> Decimal:
        """Return how much more of the base currency the account has than in the beginning."""
        row = self.control("GET", f"accounts/{self.name}")["balances"].get("BTC", {"free": "0", "locked": "0"})
        return Decimal(row["free"]) + Decimal(row["locked"]) - Decimal(self.start_balances.get("BTC", "0"))


async def settled(world: World) -> None:
    """Have everything decided that can be, within bounded time."""
    async with asyncio.timeout(MOST_S):
        await world.desk.settle()


def check_promises(world: World) -> None:
    """Check what the matrix promises after every fault."""
    ours = [order for order in world.orders() if epoch_of(order["clientOrderId"], UID) is not None]
    check_ledger(ours, world.events, world.state, BTC)
    check_requests(world.requests(), world.events)
    late = [
        post["params"]["newClientOrderId"]
        for post in world.posts()
        if post["atMs"] < world.written_ms.get(post["params"]["newClientOrderId"], post["atMs"] + 1)
    ]
    assert [] == late, "sent before it was written down"


def check_ledger(orders: Sequence[dict[str, Any]], events: Sequence[EventData], state: LedgerState, symbol: str) -> None:
    """Own fills are the ledger's by trade id, position and cash are their sums, what is open there is open here and no more."""
    base, quote = symbol.split("/")
    there = sorted(
        (str(trade["id"]), order["clientOrderId"], Decimal(trade["qty"]), Decimal(trade["price"]), Decimal(trade["commission"]))
        for order in orders
        for trade in order["trades"]
    )
    fills = [item for item in events if isinstance(item, Filled)]
    assert there == sorted((f.trade_id, f.client_order_id, f.amount, f.price, f.fee) for f in fills)
    bought = sum((f.amount if f.side == "buy" else -f.amount) - (f.fee if f.fee_currency == base else 0) for f in fills)
    adjusted = sum(item.amount for item in events if isinstance(item, Adjusted) and item.symbol == symbol)
    held = state.positions.get(symbol)
    assert bought + adjusted == (held.amount if held else 0)
    earned = sum(
        Decimal(trade["qty"]) * Decimal(trade["price"]) * (1 if order["side"] == "SELL" else -1)
        - (Decimal(trade["commission"]) if trade["commissionAsset"] == quote else 0)
        for order in orders
        for trade in order["trades"]
    )
    assert state.cash == state.capital + earned, "cash by the exchange's own trades"
    costs = sum((position.cost for position in state.positions.values()), Decimal(0))
    assert round(state.cash, 8) == round(state.capital + state.realized_pnl - costs, 8), "cash by what was gained and is held"
    check_money(events, state.capital, quote)
    still = {order["clientOrderId"] for order in orders if order["status"] in {"NEW", "PARTIALLY_FILLED"}}
    assert still == set(state.open_intents)
    named = [order["clientOrderId"] for order in orders]
    assert len(set(named)) == len(named), "one id, two orders"
    assert set(named) <= {item.client_order_id for item in events if isinstance(item, Intended)}


def check_money(events: Sequence[EventData], cash: Decimal, quote: str) -> None:
    """No order is filled for more than it asks, and at no time is there less cash than resting purchases hold."""
    wanted: dict[str, Intended] = {}
    filled: dict[str, Decimal] = defaultdict(Decimal)
    open_: set[str] = set()
    for item in events:
        match item:
            case Intended():
                wanted[item.client_order_id] = item
                open_.add(item.client_order_id)
            case Closed():
                open_.discard(item.client_order_id)
            case Filled():
                filled[item.client_order_id] += item.amount
                assert filled[item.client_order_id] <= wanted[item.client_order_id].amount
                worth = item.amount * item.price
                cash += (worth if item.side == "sell" else -worth) - (item.fee if item.fee_currency == quote else 0)
        resting = [wanted[cid] for cid in open_ if wanted[cid].side == "buy" and wanted[cid].price is not None]
        held_back = sum((ask.price * (ask.amount - filled[ask.client_order_id]) for ask in resting), Decimal(0))
        assert cash >= held_back, f"{cash} are there, {held_back} are needed by what rests"


def check_envelopes(events: Sequence[LedgerEvent]) -> None:
    """In the order in which they were stored: one epoch after the other, each counted from 1 without a gap."""
    assert [item.epoch for item in events] == sorted(item.epoch for item in events)
    for epoch in {item.epoch for item in events}:
        numbers = [item.seq for item in events if item.epoch == epoch]
        assert list(range(1, len(numbers) + 1)) == numbers


def check_requests(requests: Sequence[dict[str, Any]], events: Sequence[EventData]) -> None:
    """Each order went out once, or again after a look-up that did not find it; none without an intent."""
    intents = {item.client_order_id for item in events if isinstance(item, Intended)}
    sent: dict[str, int] = defaultdict(int)
    may_send: dict[str, bool] = defaultdict(lambda: True)
    for entry in sorted(requests, key=lambda item: item["seq"]):
        params = entry["params"]
        if entry["method"] == "POST" and entry["path"] in ORDER_PATHS:
            cid = params["newClientOrderId"]
            assert cid in intents, f"{cid} was never written down"
            assert may_send[cid], f"{cid} went out again and nothing proved that it was not there"
            may_send[cid] = False
            sent[cid] += entry["executed"]
        elif entry["method"] == "GET" and entry["path"] == "/api/v3/order" and entry["code"] == -2013:
            may_send[params["origClientOrderId"]] = True
    assert {} == {cid: times for cid, times in sent.items() if times > 1}, "carried out more than once"


def after_post(action: str | dict[str, Any], *, when: str = "after", nth: int = 1) -> dict[str, Any]:
    """Return a rule for the n-th order: done by the exchange or (`before`) not, and then this."""
    fault = action if isinstance(action, dict) else {"type": action}
    return {"match": {"method": "POST", "path": "/api/v3/order", "nth": nth}, "when": when, "action": fault}


def said(status: int, code: int, message: str, **headers: str) -> dict[str, Any]:
    """Return the action of an answer in the exchange's own words."""
    return {"type": "answer", "status": status, "body": {"code": code, "msg": message}, "headers": headers}
