"""What every broker promises: the same tests on paper and on real ccxt against the real simulated exchange, over sockets."""

import asyncio
import itertools
import json
import urllib.request
from decimal import Decimal

import pytest
from simulator_process import Server

from tradewind_api.fold import fold
from tradewind_api.ledger import Intended, LedgerState, event
from tradewind_api.runner import ExchangeConfig, ExchangeCredential
from tradewind_engine.trading.book import Book
from tradewind_engine.trading.commission import Fees
from tradewind_engine.trading.identity import client_order_id
from tradewind_engine.trading.rounding import MarketRules
from tradewind_runner.brokers import ccxt_client
from tradewind_runner.brokers.ccxt import CcxtBroker
from tradewind_runner.brokers.errors import CredentialsRefusedError, OrderRejectedError
from tradewind_runner.brokers.paper import PaperBroker
from tradewind_runner.exchange_clock import ExchangeClock
from tradewind_runner.gate import Gate
from tradewind_runner.order_desk import HeldBackError, OrderDesk, Pace

pytestmark = pytest.mark.slow

BTC, START = "BTC/USDT", Decimal(1_000_000)
EPOCHS = itertools.count(1)  # the simulator lives longer than one test


class World:
    """A broker with desk and ledger; `price` is about what the market asks."""

    def __init__(self, broker, rules, price, clock):
        self.broker, self.rules, self.price, self.epoch = broker, rules, price, next(EPOCHS)
        self.state, self.events = LedgerState(currency="USDT", capital=START, cash=START, equity=START), []
        self.desk = OrderDesk(broker, self.book, clock, bot_uid="uid", epoch=self.epoch, pace=Pace(first_s=0.02))
        self._numbers = itertools.count(1)

    def book(self, group):
        self.events += group
        self.state = fold([event("uid", self.epoch, seq=1, at_ms=0, data=item) for item in group], self.state)

    def intent(self, *, side="buy", amount="0.01", times=None, stop_times=None):
        tick = self.rules.price_tick
        priced = [None if each is None else (self.price * Decimal(each) // tick) * tick for each in (times, stop_times)]
        return Intended(
            client_order_id=client_order_id("uid", self.epoch, next(self._numbers)),
            symbol=BTC,
            side=side,
            order_type="stop" if stop_times else "limit" if times else "market",
            amount=amount,
            price=priced[0],
            stop_price=priced[1],
            candle_open_ms=0,
            reason="Entry",
        )


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    found = Server(tmp_path_factory.mktemp("state"), "--order-limit-10s", "0")
    yield found
    assert 0 == found.stop()


def account(server, name):
    body = {"balances": {"USDT": str(START)}, "keys": [{"key": f"key-{name}", "secret": "secret"}]}
    server.put(f"accounts/{name}", json.dumps(body).encode())
    return ExchangeCredential(id=name, version=1, api_key=f"key-{name}", secret="secret")


async def live(server, credential):
    clock = ExchangeClock()
    rest, ws = f"http://127.0.0.1:{server.rest}", f"ws://127.0.0.1:{server.rest}"
    config = ExchangeConfig(name="s", ccxt_id="binance", endpoint={"rest": rest, "ws": ws})
    broker = CcxtBroker(config, credential, [BTC], clock=clock)
    rules = await broker.connect()
    price = Decimal(server.get("depth?symbol=BTCUSDT&limit=5")["asks"][0][0])
    return World(broker, rules[BTC], price, clock.now_ms)


async def paper():
    rules = MarketRules(BTC, Decimal("0.00001"), Decimal("0.01"), min_notional=Decimal(5), min_amount=Decimal("0.00001"))
    levels = [(Decimal(n), Decimal("0.5")) for n in range(1, 6)]
    found = Book(tuple((60_000 - n, a) for n, a in levels), tuple((60_000 + n, a) for n, a in levels))
    world: list[World] = []
    loop = asyncio.get_running_loop()
    clock = lambda: 1_800_000_000_000 + loop.time() * 1000  # noqa: E731
    broker = PaperBroker({BTC: rules}, Fees(), lambda: world[0].state, clock, latency_s=0.001)
    broker.show(BTC, found)
    world.append(World(broker, rules, Decimal(60_001), clock))
    return world[0]


@pytest.fixture(params=["paper", "ccxt"])
async def world(request, server):
    if request.param == "paper":
        yield await paper()
        return
    found = await live(server, account(server, f"contract{next(EPOCHS)}"))
    yield found
    await found.broker.close()


class TestContract:
    async def test_a_market_order_is_filled_and_found_again_with_its_trades(self, world):
        """The fee of a purchase is taken in what was bought: a thousandth."""
        intent = world.intent()
        order = await world.desk.submit(intent)
        assert ("Filled", Decimal("0.01")) == (order.status, order.filled)
        assert Decimal("0.00999") == world.state.positions[BTC].amount
        report = await world.broker.find(BTC, intent.client_order_id)
        assert (order.trade_ids, "Filled") == ({trade.trade_id for trade in report.trades}, report.status)

    @pytest.mark.parametrize(("times", "bought"), [("0.99", False), ("1.01", True)])
    async def test_a_purchase_at_the_market_goes_no_further_than_its_limit_and_never_rests(self, world, times, bought):
        """Where nothing is offered up to it, it has ended with nothing, and its money is free."""
        intent = world.intent(times=times).model_copy(update={"order_type": "market"})
        order = await world.desk.submit(intent)
        assert (("Filled", Decimal("0.01")) if bought else ("Expired", Decimal(0))) == (order.status, order.filled)
        assert [] == await world.broker.open_orders(BTC)
        balances = await world.broker.balances()
        assert balances.total == balances.free
        assert bought or START == balances.free["USDT"]

    async def test_an_order_that_never_was_is_not_found(self, world):
        assert None is await world.broker.find(BTC, world.intent().client_order_id)

    async def test_a_limit_order_rests_holds_money_and_ends_by_cancel(self, world):
        """Cancelling again, or what never was, is no error."""
        intent = world.intent(times="0.9")
        assert "Open" == (await world.desk.submit(intent)).status
        assert [intent.client_order_id] == [item.client_order_id for item in await world.broker.open_orders(BTC)]
        balances = await world.broker.balances()
        assert intent.amount * intent.price == balances.total["USDT"] - balances.free["USDT"]
        assert "Canceled" == (await world.desk.cancel(intent.client_order_id)).status
        await world.broker.cancel(BTC, intent.client_order_id)
        await world.broker.cancel(BTC, world.intent().client_order_id)
        assert [] == await world.broker.open_orders(BTC)
        listed = await world.broker.orders(
            BTC, since_ms=0 if isinstance(world.broker, PaperBroker) else int(world.broker._clock.now_ms()) - 60_000
        )
        assert [("Canceled", intent.amount, intent.price, "buy")] == [
            (item.report.status, item.amount, item.price, item.side) for item in listed
        ]

    async def test_nothing_leaves_before_it_may(self, world):
        """The request waits, and goes out when it is told to; where it is told not to, whatever was told comes out of it."""
        told = []

        async def look():
            told.append(await world.broker.find(BTC, first.client_order_id))

        async def never():
            raise HeldBackError("no")

        first, second = world.intent(times="0.9"), world.intent(times="0.9")
        assert "Open" == (await world.broker.place(first, look)).status
        assert [None] == told
        with pytest.raises(HeldBackError):
            await world.broker.place(second, never)
        assert [first.client_order_id] == [item.client_order_id for item in await world.broker.open_orders(BTC)]

    async def test_an_id_that_is_open_is_a_duplicate(self, world):
        intent = world.intent(times="0.9")
        await world.broker.place(intent)
        with pytest.raises(OrderRejectedError) as refused:
            await world.broker.place(intent)
        assert "Duplicate" == refused.value.code

    @pytest.mark.parametrize(
        ("amount", "times", "code"), [("100", "0.9", "InsufficientFunds"), ("0.00001", "0.9", "Filter"), ("0", None, "Filter")]
    )
    async def test_what_cannot_be_is_refused_for_good(self, world, amount, times, code):
        order = await world.desk.submit(world.intent(amount=amount, times=times))
        assert ("Rejected", code) == (order.status, world.events[-1].reason.partition(":")[0])

    async def test_what_is_not_held_is_not_sold(self, world):
        order = await world.desk.submit(world.intent(side="sell"))
        assert ("Rejected", "InsufficientFunds") == (order.status, world.events[-1].reason.partition(":")[0])

    async def test_a_stop_waits_and_holds_what_it_would_sell(self, world):
        await world.desk.submit(world.intent())
        stop = world.intent(side="sell", amount="0.009", times="0.8", stop_times="0.81")
        assert "Open" == (await world.desk.submit(stop)).status
        balances = await world.broker.balances()
        assert (Decimal("0.00999"), Decimal("0.00099")) == (balances.total["BTC"], balances.free["BTC"])

    async def test_the_ledger_agrees_with_the_balances_to_the_last_digit(self, world):
        await world.desk.submit(world.intent())
        await world.desk.submit(world.intent(side="sell", amount="0.005"))
        total = (await world.broker.balances()).total
        assert (total["BTC"], total["USDT"]) == (world.state.positions[BTC].amount, world.state.cash)

    async def test_orders_that_change_are_told(self, world):
        """Listen first; the trade comes with the order that it filled."""
        updates = aiter(world.broker.updates())
        first = asyncio.ensure_future(anext(updates))
        await asyncio.sleep(0.3)
        intent = world.intent()
        await world.broker.place(intent)
        seen = await asyncio.wait_for(first, 5)
        while seen is None or seen.report.status != "Filled":  # None: the stream is open
            seen = await asyncio.wait_for(anext(updates), 5)
        assert (intent.client_order_id, intent.amount) == (seen.client_order_id, seen.report.filled)
        await updates.aclose()

    async def test_a_pod_that_lost_its_ledger_finds_its_orders_and_a_second_look_changes_nothing(self, world):
        """The gate adopts by our prefix; the fill stands in the ledger afterwards, once."""
        lost = await world.broker.place(world.intent())
        gate = Gate(world.broker, world.desk, world.book, lambda: world.state, world.desk._now)
        world.desk._epoch += 1
        passage = await gate.pass_through([BTC], {BTC: world.rules}, {BTC: world.price})
        assert (None, lost.filled) == (passage.blocked, sum(i.amount for i in world.events if type(i).__name__ == "Filled"))
        before = len(world.events)
        await gate.pass_through([BTC], {BTC: world.rules}, {BTC: world.price})
        assert before == len(world.events)


LOST = {
    "F01 timeout": {"type": "drop"},
    "F02 reset": {"type": "reset"},
    "F03 502": {"type": "answer", "status": 502, "body": "<html>Bad Gateway</html>"},
    "F04 cut": {"type": "close"},
    "F05 200 with HTML": {"type": "html200"},
    "F06 200 and nothing": {"type": "empty200"},
    "F06 200 cut": {"type": "truncated200"},
    "F07 -1001": {"type": "answer", "status": 503, "body": {"code": -1001, "msg": "Internal error; unable to process"}},
    "F07 -1006": {"type": "answer", "status": 400, "body": {"code": -1006, "msg": "An unexpected response was received"}},
    "F07 -1007": {"type": "answer", "status": 408, "body": {"code": -1007, "msg": "Timeout waiting for response"}},
}


@pytest.fixture
async def on_exchange(server, monkeypatch):
    monkeypatch.setattr(ccxt_client, "TIMEOUT_MS", 700)
    name = f"lost{next(EPOCHS)}"
    found = await live(server, account(server, name))
    found.name = name
    yield found
    server.delete("faults")
    await found.broker.close()


def booked(server, name):
    """Return the exchange's own orders of an account."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.control}/v1/accounts/{name}/orders") as answer:
        return json.loads(answer.read())


def by_hand(server, name, order):
    """Have the owner place an order on the exchange's own page."""
    url = f"http://127.0.0.1:{server.control}/v1/accounts/{name}/orders"
    urllib.request.urlopen(urllib.request.Request(url, json.dumps(order).encode(), method="POST")).close()


def put_faults(server, *rules):
    server.put("faults", json.dumps(rules).encode())


@pytest.mark.parametrize("action", LOST.values(), ids=LOST.keys())
async def test_an_answer_lost_in_any_way_buys_once(server, on_exchange, action):
    """The exchange has one order, the ledger its trades, the POST went out once."""
    world, intent = on_exchange, on_exchange.intent()
    match = {"method": "POST", "path": "/api/v3/order", "cid": intent.client_order_id}
    put_faults(server, {"match": match, "when": "after", "action": action})
    assert (await world.desk.submit(intent)).in_doubt
    await world.desk.settle()
    [order] = booked(server, world.name)
    assert {str(trade["id"]) for trade in order["trades"]} == world.desk.order(intent.client_order_id).trade_ids
    assert (await world.broker.balances()).total["BTC"] == world.state.positions[BTC].amount


async def test_look_ups_that_lag_adopt_the_order_when_it_appears(server, on_exchange):
    """F09: not found three times, then filled; no second order."""
    world, intent = on_exchange, on_exchange.intent()
    rules = [
        {"match": {"method": "POST", "cid": intent.client_order_id}, "when": "after", "action": {"type": "reset"}},
        {"match": {"method": "POST", "cid": intent.client_order_id}, "when": "after", "action": {"type": "lag", "times": 3}},
    ]
    put_faults(server, *rules)
    await world.desk.submit(intent)
    await world.desk.settle()
    assert (1, "Filled") == (len(booked(server, world.name)), world.desk.order(intent.client_order_id).status)


async def test_a_revoked_key_halts(server, on_exchange):
    """F19: and what is said bears no key."""
    put_faults(server, {"action": {"type": "revoke", "key": f"key-{on_exchange.name}"}})
    order = await on_exchange.desk.submit(on_exchange.intent())
    assert ("Rejected", "CredentialsRefused") == (order.status, on_exchange.desk.halted.partition(":")[0])
    with pytest.raises(CredentialsRefusedError):
        await on_exchange.broker.balances()


async def test_a_cancel_that_meets_a_filled_order_books_the_fill(server, on_exchange):
    """F30, F48: the cancel's answer is lost as well."""
    world = on_exchange
    limit = world.intent(times="1.01", amount="0.01")
    put_faults(
        server, {"match": {"method": "POST", "cid": limit.client_order_id}, "when": "after", "action": {"type": "reset"}}
    )
    await world.desk.submit(limit)
    put_faults(server, {"match": {"method": "DELETE"}, "when": "after", "action": {"type": "html200"}})
    order = await world.desk.cancel(limit.client_order_id)
    assert ("Filled", Decimal("0.01")) == (order.status, order.filled)


async def test_what_was_sold_by_hand_is_taken_out_of_the_ledger_and_halts(server, on_exchange):
    """F32, F45: 0.00999 held, all sold elsewhere: that is more than 1 % of a small bot's equity."""
    world = on_exchange
    await world.desk.submit(world.intent())
    by_hand(server, world.name, {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.00999"})
    world.state = world.state.model_copy(update={"equity": Decimal(1_000)})
    gate = Gate(world.broker, world.desk, world.book, lambda: world.state, world.desk._now)
    passage = await gate.pass_through([BTC], {BTC: world.rules}, {BTC: world.price})
    assert 1 == len(passage.differences)
    assert ("BalanceDifference", {}, "BalanceDifference") == (
        passage.blocked.partition(":")[0],
        world.state.positions,
        world.state.halted,
    )
