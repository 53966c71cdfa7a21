"""Orders of accounts on a market of which every level and every trade is known: money to the last digit."""

import random
from decimal import Decimal

import numpy as np
import pytest

from tradewind_engine.candles import Candles
from tradewind_engine.trading.book import Book, Print
from tradewind_engine.trading.commission import commission
from tradewind_engine.trading.matching import MatchingMarket
from tradewind_engine.trading.offers import Fill, Offer
from tradewind_simulator.calls import Calls
from tradewind_simulator.clock import VirtualClock
from tradewind_simulator.desk import Desk
from tradewind_simulator.errors import DialectError
from tradewind_simulator.exchange import Listing, SimulatedExchange
from tradewind_simulator.market.recorded import RecordedMarket
from tradewind_simulator.symbols import Symbol

T0 = 1_750_000_000_000 // 60_000 * 60_000
SYMBOL = Symbol("AAA", "USDT", "0.01000000", "0.01000000", "5")


def levels(*pairs):
    return tuple((Decimal(price), Decimal(amount)) for price, amount in pairs)


BOOK = Book(levels(("99", "2"), ("98", "3"), ("97", "5")), levels(("101", "1"), ("102", "2"), ("103", "4")))


class Tape(RecordedMarket):
    """A market that shows one book and prints what it is told to."""

    def __init__(self, prints=()):
        self.shown = BOOK
        ts = T0 + np.arange(-30, 120, dtype=np.int64) * 60_000
        super().__init__(Candles(ts, *(np.full(ts.size, 100.0) for _ in range(5))))
        self.prints = [
            Print(number, T0 + at, Decimal(price), Decimal(amount), taker)
            for number, (at, price, amount, taker) in enumerate(prints)
        ]

    def book(self, _):
        return self.shown

    def trades(self, from_ms, to_ms):
        return [trade for trade in self.prints if from_ms < trade.time_ms <= to_ms]


class World:
    """An exchange with an account and a clock that stands still until it is moved."""

    def __init__(self, prints=(), **balances):
        self.now = 0
        tape = Tape(prints)
        self.exchange = SimulatedExchange(VirtualClock(0, T0, 1, wall=lambda: self.now))
        self.exchange.listings["AAAUSDT"] = Listing(SYMBOL, tape, prints=tape, depth=tape)
        self.desk = Desk(self.exchange)
        self.calls = Calls(self.desk)
        self.account = self.exchange.accounts.put("bot", {"balances": balances, "keys": [{"key": "k", "secret": "s"}]})
        self.events = []
        self.exchange.events.subscribe(lambda event: self.events.append(event.payload))

    def place(self, side, kind, quantity=None, price=None, **more):
        params = {"symbol": "AAAUSDT", "side": side, "type": kind, "newOrderRespType": "FULL"} | more
        params |= {"quantity": quantity} if quantity else {}
        params |= {"price": price} if price else {}
        params |= {"timeInForce": "GTC"} if kind.endswith("LIMIT") and "timeInForce" not in more else {}
        return self.calls.place(self.account, params)

    def look(self, cid):
        return self.calls.find(self.account, {"symbol": "AAAUSDT", "origClientOrderId": cid})

    def money(self, asset):
        found = self.account.balance(asset)
        return f"{found.free.normalize():f}", f"{found.locked.normalize():f}"


def test_a_market_buy_pays_each_level_and_its_commission_in_base():
    """1 at 101 and 2 at 102 cost 305; of the 3 bought a thousandth is kept."""
    world = World(USDT="1000")
    answer = world.place("BUY", "MARKET", "3")
    assert ("FILLED", "3.00000000", "305.00000000") == tuple(
        answer[name] for name in ("status", "executedQty", "cummulativeQuoteQty")
    )
    fills = [(fill["price"], fill["qty"], fill["commission"], fill["commissionAsset"]) for fill in answer["fills"]]
    assert [
        ("101.00000000", "1.00000000", "0.00100000", "AAA"),
        ("102.00000000", "2.00000000", "0.00200000", "AAA"),
    ] == fills
    assert [("695", "0"), ("2.997", "0")] == [world.money("USDT"), world.money("AAA")]


def test_a_market_sale_pays_its_commission_in_quote():
    """2 at 99 and 1 at 98 bring 296, less 0.296."""
    world = World(AAA="3")
    world.place("SELL", "MARKET", "3")
    assert [("295.704", "0"), ("0", "0")] == [world.money("USDT"), world.money("AAA")]


def test_commission_in_bnb_comes_from_its_balance_as_long_as_there_is_enough():
    """Quote is USDT and BNB is not listed: no price, no discount. With BNB as the base its own price counts."""
    world = World(USDT="1000", BNB="1")
    world.exchange.accounts.put("bot", {"fees": {"inBnb": True}})
    assert "AAA" == world.place("BUY", "MARKET", "1")["fills"][0]["commissionAsset"]
    tape = Tape()
    world.exchange.listings["BNBUSDT"] = Listing(Symbol("BNB", "USDT", "0.01", "0.01"), tape, prints=tape, depth=tape)
    world.desk.advance("BNBUSDT")
    fill = world.place("BUY", "MARKET", "1")["fills"][0]
    assert ("BNB", "0.00076500") == (fill["commissionAsset"], fill["commission"])  # 102 * 0.001 * 0.75 / 100
    world.account.balance("BNB").free = Decimal("0.0001")
    assert "AAA" == world.place("BUY", "MARKET", "1")["fills"][0]["commissionAsset"]


def test_a_limit_locks_what_it_may_cost_and_gives_back_the_rest():
    """3 up to 102 lock nothing that is not there; 1 is bought at 101 and 2 at 102; a resting one locks 2 * 90."""
    world = World(USDT="1000")
    assert "FILLED" == world.place("BUY", "LIMIT", "3", "102")["status"]
    assert ("695", "0") == world.money("USDT")
    world.place("BUY", "LIMIT", "2", "90", newClientOrderId="rests")
    assert ("515", "180") == world.money("USDT")
    world.calls.cancel(world.account, {"symbol": "AAAUSDT", "origClientOrderId": "rests"})
    assert ("695", "0") == world.money("USDT")


def test_a_maker_is_filled_in_parts_by_what_is_printed():
    """2 stand before it at 99: trades of 2.5 and 0.5 bring 0.5 and 0.5 of 2, then the rest is cancelled."""
    world = World([(1000, "99", "2.5", "sell"), (2000, "99", "0.5", "sell")], USDT="1000")
    world.place("BUY", "LIMIT", "2", "99", newClientOrderId="a")
    seen = []
    for moment in (999, 1000, 2000):
        world.now = moment
        found = world.look("a")
        seen.append((found["status"], found["executedQty"]))
    assert [("NEW", "0.00000000"), ("PARTIALLY_FILLED", "0.50000000"), ("PARTIALLY_FILLED", "1.00000000")] == seen
    assert [("802", "99"), ("0.999", "0")] == [world.money("USDT"), world.money("AAA")]
    assert "CANCELED" == world.calls.cancel(world.account, {"symbol": "AAAUSDT", "origClientOrderId": "a"})["status"]
    assert ("901", "0") == world.money("USDT")
    reports = [(event["x"], event["X"], event["l"]) for event in world.events if event["e"] == "executionReport"]
    assert [
        ("NEW", "NEW", "0.00000000"),
        ("TRADE", "PARTIALLY_FILLED", "0.50000000"),
        ("TRADE", "PARTIALLY_FILLED", "0.50000000"),
        ("CANCELED", "CANCELED", "0.00000000"),
    ] == reports


def test_a_trade_before_the_order_does_not_fill_it():
    """Placed at 1.05 s, it does not see the trade of 1.02 s, although both lie between two looks at the market."""
    world = World([(1020, "98", "9", "sell"), (1080, "98", "0.3", "sell")], USDT="1000")
    world.place("BUY", "LIMIT", "1", "90")  # somebody waits, so the market is followed
    world.now = 1050
    world.place("BUY", "LIMIT", "1", "99", newClientOrderId="a")
    world.now = 5000
    assert "0.30000000" == world.look("a")["executedQty"]


def test_an_order_by_quote_is_as_large_as_what_it_bought():
    """150 buy 1 at 101 and 0.48 at 102."""
    world = World(USDT="1000")
    answer = world.place("BUY", "MARKET", quoteOrderQty="150")
    assert ("1.48000000", "1.48000000", "150.00000000", "149.96000000", "FILLED") == tuple(
        answer[name] for name in ("origQty", "executedQty", "origQuoteOrderQty", "cummulativeQuoteQty", "status")
    )
    assert ("TRADE", "FILLED") == [(each["x"], each["X"]) for each in world.events if each["e"] == "executionReport"][-1]


def test_a_stop_is_judged_by_the_last_trade_however_long_ago_it_was():
    """Nobody followed the market while it went from 90 to 100, and for 20 minutes nothing was traded."""
    world = World([(1, "90", "1", "sell"), (600_000, "100", "1", "buy")], AAA="5")
    world.now = 2
    world.place("SELL", "STOP_LOSS", "1", stopPrice="80", newClientOrderId="a")
    world.calls.cancel(world.account, {"symbol": "AAAUSDT", "origClientOrderId": "a"})
    world.now = 1_800_000
    world.place("SELL", "STOP_LOSS", "1", stopPrice="95", newClientOrderId="b")
    assert "NEW" == world.look("b")["status"]


def test_a_stop_beside_a_purchase_is_judged_by_the_last_trade_and_not_by_one_that_was_followed_long_ago():
    """An order rested while 90 was traded, nobody waited while it rose to 100; what the purchase took keeps the floor awake."""
    world = World([(500, "90", "1", "buy"), (60_000, "100", "1", "buy")], AAA="5", USDT="1000")
    world.place("BUY", "LIMIT", "1", "50", newClientOrderId="rests")
    world.now = 1_000
    world.calls.cancel(world.account, {"symbol": "AAAUSDT", "origClientOrderId": "rests"})
    world.now = 120_000
    world.place("BUY", "MARKET", "1")
    world.place("SELL", "STOP_LOSS_LIMIT", "1", "94", stopPrice="95", newClientOrderId="guards")
    assert "NEW" == world.look("guards")["status"]
    with pytest.raises(DialectError, match="trigger immediately"):
        world.place("SELL", "STOP_LOSS_LIMIT", "1", "94", stopPrice="100")


def test_a_stop_loss_sells_when_it_is_triggered():
    """It is not working until the market trades at 95."""
    world = World([(1000, "100", "1", "sell"), (2000, "95", "1", "sell")], AAA="1")
    world.now = 1000
    world.place("SELL", "STOP_LOSS", "1", stopPrice="95", newClientOrderId="a")
    assert (False, "NEW", ("0", "1")) == (world.look("a")["isWorking"], world.look("a")["status"], world.money("AAA"))
    world.now = 2000
    assert (True, "FILLED") == (world.look("a")["isWorking"], world.look("a")["status"])
    assert [("0", "0"), ("98.901", "0")] == [world.money("AAA"), world.money("USDT")]


def test_a_client_order_id_can_be_used_again_once_its_order_is_no_longer_open():
    """A twin of an open order is refused, of a filled one it is bought twice: a re-send is not idempotent."""
    world = World(USDT="1000")
    world.place("BUY", "LIMIT", "1", "90", newClientOrderId="same")
    with pytest.raises(DialectError, match="Duplicate order sent"):
        world.place("BUY", "MARKET", "1", newClientOrderId="same")
    world.calls.cancel(world.account, {"symbol": "AAAUSDT", "origClientOrderId": "same"})
    ids = {world.place("BUY", "MARKET", "1", newClientOrderId="same")["orderId"] for _ in range(2)}
    assert 2 == len(ids)
    assert max(ids) == world.look("same")["orderId"]


def test_what_the_account_does_not_have_is_not_spent():
    """304.99 do not buy what costs 305, nor rest as 4 at 90."""
    world = World(USDT="304.99")
    for wanted in (("MARKET", "3", None), ("LIMIT", "4", "90")):
        with pytest.raises(DialectError, match="insufficient balance"):
            world.place("BUY", *wanted)
    assert ("304.99", "0") == world.money("USDT")


def test_one_owner_s_orders_do_not_meet():
    """As is the symbol's default, the newer one takes the older one out, and finds nobody else at 100."""
    world = World(USDT="1000", AAA="1")
    world.place("BUY", "LIMIT", "1", "100", newClientOrderId="older")
    newer = world.place("SELL", "LIMIT", "1", "100", timeInForce="IOC")
    assert ("EXPIRED_IN_MATCH", "EXPIRED") == (world.look("older")["status"], newer["status"])
    assert [("1000", "0"), ("1", "0")] == [world.money("USDT"), world.money("AAA")]


def test_a_clock_that_is_set_forward_loses_no_trade():
    """An hour at once, with trades of 0.01 a second through the price of an order of 40: 36 of it are filled."""
    prints = [(at * 1000, "98", "0.01", "sell") for at in range(1, 3601)]
    world = World(prints, USDT="10000")
    world.place("BUY", "LIMIT", "40", "99", newClientOrderId="a")
    for world.now in (150, 3_000_050, 3_000_051, 3_600_000):
        found = world.look("a")["executedQty"]
    assert "36.00000000" == found


def test_an_order_meets_the_book_of_its_moment_however_fast_the_clock_runs():
    """A second after all prices have moved by ten, while an older order is followed in steps of four minutes."""
    world = World(USDT="1000")
    world.exchange.clock = VirtualClock(0, T0, 24_000, wall=lambda: world.now / 24_000)
    world.place("BUY", "LIMIT", "1", "50", newClientOrderId="older")
    world.exchange.listings["AAAUSDT"].depth.shown = Book(levels(("109", "2")), levels(("111", "1")))
    world.now = 1000
    assert ["111.00000000"] == [fill["price"] for fill in world.place("BUY", "MARKET", "1")["fills"]]


def test_what_is_traded_while_a_symbol_is_halted_fills_nobody():
    """Of five trades, the one before and the one after."""
    world = World([(at * 1000, "98", "0.1", "sell") for at in range(1, 6)], USDT="1000")
    world.place("BUY", "LIMIT", "1", "99", newClientOrderId="a")
    for world.now, status in ((1_500, "TRADING"), (1_600, "HALT"), (4_900, "HALT"), (5_050, "TRADING")):
        world.exchange.statuses["AAAUSDT"] = status
        world.desk.advance_all()
    assert "0.20000000" == world.look("a")["executedQty"]


@pytest.mark.parametrize("seed", range(5))
def test_nonsense_is_refused_in_the_exchange_s_words(seed):
    """Whatever is sent: an answer or an error of the dialect, and never money that is not there."""
    chance = random.Random(seed)
    values = ["", "0", "-1", "1", "2", "99.5", "1e9", "NaN", "9" * 30, "0.000000001", "\x00", "\u00e9", "BUY", "SELL", "LIMIT"]
    values += ["MARKET", "STOP_LOSS", "LIMIT_MAKER", "GTC", "IOC", "FOK", "AAAUSDT", "None", "a" * 99, "true", "ALLOW_FAILURE"]
    names = ["symbol", "side", "type", "timeInForce", "quantity", "price", "stopPrice", "quoteOrderQty", "newClientOrderId"]
    names += ["orderId", "origClientOrderId", "limit", "startTime", "endTime", "fromId", "cancelReplaceMode", "icebergQty"]
    good = {"symbol": "AAAUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "99"}
    world = World(USDT="1000", AAA="5")
    refused = 0
    for _ in range(1500):
        params = {**good, **{chance.choice(names): chance.choice(values) for _ in range(chance.randint(0, 4))}}
        for name in chance.sample(list(params), chance.randint(0, 2)):
            del params[name]
        call = chance.choice(list(world.calls.endpoints.values())).call
        try:
            call(world.account, params)
        except DialectError as exc:
            refused += 1
            assert exc.code < -1000, f"seed {seed}: {params}"
        assert all(item.free >= 0 <= item.locked for item in world.account.balances.values()), f"seed {seed}: {params}"
    assert 0 < refused < 1500


def test_when_somebody_looks_changes_nothing():
    """However often the market is moved along, the fills are the same."""
    prints = [(at, str(97 + at % 7), "0.7", "sell" if at % 2 else "buy") for at in range(333, 20_000, 333)]
    found = []
    for step in (50, 777, 20_000):
        world = World(prints, USDT="1000", AAA="10")
        world.place("BUY", "LIMIT", "5", "98", newClientOrderId="a")
        world.place("SELL", "LIMIT", "5", "102", newClientOrderId="b")
        for moment in range(0, 20_001, step):
            world.now = moment
            world.desk.advance_all()
        world.now = 20_000
        found.append([world.calls.my_trades(world.account, {"symbol": "AAAUSDT"}), world.money("USDT")])
    assert found[0][0]
    assert found[0] == found[1] == found[2]


def test_a_seeded_market_fills_the_same_orders_the_same_way():
    """A minute of it, looked at every 50 ms, every 3 s, and never until the end; another seed fills otherwise."""
    found = []
    for seed, step in ((7, 50), (7, 3000), (7, 65_000), (8, 3000)):
        world = World(USDT="1000000", BTC="10")
        world.exchange.list_seeded("BTC/USDT", seed)
        shown = world.desk.advance("BTCUSDT").market.book
        for number, (side, level) in enumerate((("BUY", shown.bids[1]), ("SELL", shown.asks[1]), ("SELL", shown.bids[1]))):
            world.now = number * 1000 + 37
            wanted = {"symbol": "BTCUSDT", "side": side, "type": "LIMIT", "timeInForce": "GTC", "quantity": "2"}
            wanted |= {"selfTradePreventionMode": "NONE", "newClientOrderId": f"s{number}"}
            world.calls.place(world.account, {**wanted, "price": str(level[0])})
        for moment in range(step, 65_001, step):
            world.now = max(world.now, moment)
            world.desk.advance_all()
        found.append(world.calls.my_trades(world.account, {"symbol": "BTCUSDT"}))
    assert {True, False} == {trade["isMaker"] for trade in found[0]}
    assert found[0] == found[1] == found[2] != found[3]


def test_simulator_and_matching_core_fill_and_charge_alike():
    """The same book and trades, once through the exchange and once through the core as paper uses it."""
    prints = [(1000, "99", "1.5", "sell"), (2000, "98", "1", "sell")]
    world = World(prints, USDT="1000")
    world.place("BUY", "LIMIT", "3", "101", newClientOrderId="a")
    world.now = 3000
    shown = world.calls.my_trades(world.account, {"symbol": "AAAUSDT"})
    core = MatchingMarket(Decimal("0.01"))
    core.show(BOOK)
    outcomes = core.place(Offer("a", "buy", "limit", Decimal(3), Decimal(101)), T0)
    for trade in Tape(prints).prints:
        outcomes += core.printed(trade)
    expected = []
    for fill in (each for each in outcomes if isinstance(each, Fill)):
        deal = {"side": "buy", "amount": fill.amount, "price": fill.price, "maker": fill.maker}
        fee, asset = commission(world.account.fees, "AAA/USDT", **deal)
        expected.append((fill.price, fill.amount, fee, asset, fill.time_ms, fill.maker))
    names = ("price", "qty", "commission")
    assert 3 == len(expected)
    assert expected == [
        (*(Decimal(row[name]) for name in names), row["commissionAsset"], row["time"], row["isMaker"]) for row in shown
    ]


def test_money_is_neither_made_nor_lost():
    """Balances are what was there, plus trades, less commission; what is locked is what open orders need."""
    for seed in range(12):
        chance = random.Random(seed)
        prints = [
            (at, str(chance.randint(95, 105)), str(chance.randint(1, 4)), chance.choice(["buy", "sell"]))
            for at in range(100, 30_000, 250)
        ]
        world = World(prints, USDT="2000", AAA="20")
        for step in range(120):
            world.now = step * 250
            kind = chance.choice(["MARKET", "LIMIT", "LIMIT", "LIMIT_MAKER"])
            price = None if kind == "MARKET" else str(chance.randint(96, 104))
            try:
                world.place(chance.choice(["BUY", "SELL"]), kind, str(chance.randint(1, 3)), price)
                if chance.random() < 0.3:
                    world.calls.cancel_all(world.account, {"symbol": "AAAUSDT"})
            except DialectError:
                continue
        trades = [(order, trade) for order in world.desk.orders.values() for trade in order.trades]
        total = {"USDT": Decimal(2000), "AAA": Decimal(20)}
        for order, trade in trades:
            sign = 1 if order.wanted.side == "BUY" else -1
            total["AAA"] += sign * trade.amount
            total["USDT"] -= sign * trade.amount * trade.price
            total[trade.fee_asset] -= trade.fee
        for asset, amount in total.items():
            balance = world.account.balance(asset)
            assert amount == balance.free + balance.locked, f"seed {seed}, {asset}"
            assert balance.free >= 0, f"seed {seed}, {asset}"
            side = "BUY" if asset == "USDT" else "SELL"
            needed = sum(
                (order.amount - order.executed) * (order.wanted.price if side == "BUY" else 1)
                for order in world.account.open.values()
                if order.wanted.side == side
            )
            assert needed == balance.locked, f"seed {seed}, {asset}"
        assert trades
