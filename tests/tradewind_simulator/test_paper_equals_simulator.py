"""The same orders on the same recorded book: paper and the simulated exchange fill and charge alike, to the last digit."""

import asyncio
import random
from decimal import Decimal

import pytest

from tradewind_api.ledger import Intended, LedgerState, Position
from tradewind_engine.trading.commission import Fees
from tradewind_engine.trading.identity import client_order_id
from tradewind_engine.trading.rounding import MarketRules
from tradewind_runner.brokers.errors import OrderRejectedError
from tradewind_runner.brokers.paper import PaperBroker
from tradewind_simulator.calls import Calls
from tradewind_simulator.clock import VirtualClock
from tradewind_simulator.desk import Desk
from tradewind_simulator.errors import DialectError
from tradewind_simulator.exchange import SimulatedExchange
from tradewind_simulator.market.files import read_markets

LOOK_MS, STRETCH_MS, ORDERS = 100, 120_000, 300
CASH, COINS = Decimal(100_000_000), Decimal(1000)


def made_orders(seed, first_ms, middle):
    """Return moments and orders: all kinds, within a few dollars of the middle, up to what stands on several levels."""
    chance = random.Random(seed)
    moments = sorted(chance.randrange(first_ms, first_ms + STRETCH_MS) for _ in range(ORDERS))
    found = []
    for number, moment in enumerate(moments):
        side = chance.choice(["buy", "sell"])
        kind = chance.choice(["market", "limit", "limit", "limit", "stop"])
        away = Decimal(chance.randint(-1500, 2500)).scaleb(-2)
        sign = 1 if (side == "sell") != (kind == "stop") else -1
        price = (middle + sign * away).quantize(Decimal("0.01"))
        amount = Decimal(chance.choice([1, 10, 100, 500, 2000, 10_000])).scaleb(-3)
        found.append(
            (
                moment,
                Intended(
                    client_order_id=client_order_id("uid", 1, number),
                    symbol="BTC/USDT",
                    side=side,
                    order_type=kind,
                    amount=amount,
                    price=price if kind == "limit" else None,
                    stop_price=price if kind == "stop" else None,
                    candle_open_ms=0,
                    reason="Entry",
                ),
            )
        )
    return found


def on_simulator(tape, orders, begin, end):
    """Return fills by client order id, what became of each order, and what was refused."""
    now = [begin]
    exchange = SimulatedExchange(VirtualClock(0, 0, 1, wall=lambda: now[0]))
    exchange.list_tape("BTC/USDT", tape)
    exchange.change_filters(
        "BTCUSDT", {"MAX_NUM_ORDERS": {"maxNumOrders": 9999}, "MAX_NUM_ALGO_ORDERS": {"maxNumAlgoOrders": 9999}}
    )
    calls = Calls(Desk(exchange))
    account = exchange.accounts.put("bot", {"balances": {"USDT": str(CASH), "BTC": str(COINS)}})
    refused = set()
    for moment, intent in orders:
        now[0] = moment
        kind = {"market": "MARKET", "limit": "LIMIT", "stop": "STOP_LOSS"}[intent.order_type]
        params = {"symbol": "BTCUSDT", "side": intent.side.upper(), "type": kind, "quantity": str(intent.amount)}
        params |= {"price": str(intent.price), "timeInForce": "GTC"} if intent.price is not None else {}
        params |= {"stopPrice": str(intent.stop_price)} if intent.stop_price is not None else {}
        try:
            calls.place(account, params | {"newClientOrderId": intent.client_order_id})
        except DialectError:
            refused.add(intent.client_order_id)
    now[0] = end
    calls.open_orders(account, {})
    fills = {
        order.wanted.cid: [(trade.price, trade.amount, trade.fee, trade.fee_asset) for trade in order.trades]
        for order in account.orders["BTCUSDT"]
    }
    ends = {order.wanted.cid: order.status for order in account.orders["BTCUSDT"]}
    return fills, ends, refused


async def on_paper(tape, orders, begin, end):
    """Return the same of the paper broker, which is shown the book every 100 ms and told each trade."""
    rules = {"BTC/USDT": MarketRules("BTC/USDT", Decimal("0.00001"), Decimal("0.01"), Decimal(5))}
    state = LedgerState(currency="USDT", cash=CASH, positions={"BTC/USDT": Position(amount=COINS)})
    now = [begin]
    paper = PaperBroker(rules, Fees(), lambda: state, lambda: now[0], latency_s=0)
    waiting, refused = list(orders), set()
    told = begin // LOOK_MS * LOOK_MS - 1
    for look in range(begin // LOOK_MS * LOOK_MS, end + 1, LOOK_MS):
        for trade in tape.trades(told, look):
            paper.printed("BTC/USDT", trade)
        paper.show("BTC/USDT", tape.book(look))
        told = look
        while waiting and waiting[0][0] < look + LOOK_MS:
            moment, intent = waiting.pop(0)
            for trade in tape.trades(told, moment):
                paper.printed("BTC/USDT", trade)
            told = now[0] = moment
            try:
                await paper.place(intent)
            except OrderRejectedError:
                refused.add(intent.client_order_id)
    seen = await paper.orders("BTC/USDT", since_ms=0)
    found = {order.client_order_id: await paper.find("BTC/USDT", order.client_order_id) for order in seen}
    fills = {
        cid: [(trade.price, trade.amount, trade.fee, trade.fee_currency) for trade in report.trades]
        for cid, report in found.items()
    }
    return fills, {cid: report.status for cid, report in found.items()}, refused


@pytest.mark.slow
def test_paper_and_simulator_agree_to_the_last_digit(recorded):
    """300 orders in two minutes of Binance's own book of 2024: each order has the same fills at the same prices and fees."""
    [market] = read_markets([recorded / "l2/binance_spot_BTCUSDT_ws_20240808T2354_2400.jsonl.gz"])
    tape = market.market
    begin = tape.first_ms() + 2_000
    book = tape.book(begin)
    middle = (book.bids[0][0] + book.asks[0][0]) / 2
    orders = made_orders(7, begin + 1000, middle)
    end = begin + STRETCH_MS + 2000
    mine, ends, refused = on_simulator(tape, orders, begin, end)
    theirs, their_ends, their_refused = asyncio.run(on_paper(tape, orders, begin, end))
    assert refused == their_refused
    assert mine == theirs
    names = {"NEW": "Open", "PARTIALLY_FILLED": "Open", "FILLED": "Filled", "EXPIRED": "Expired", "EXPIRED_IN_MATCH": "Expired"}
    assert {cid: names[status] for cid, status in ends.items()} == their_ends
    lengths = [len(each) for each in mine.values()]
    assert sum(lengths) > 300  # many were filled on several levels, and in parts
    assert {"Open", "Filled", "Expired"} == set(their_ends.values())
