"""F32, F42-F44 and F49-F52 on the live bot: the user's hand, an exchange that is gone, full disks, stops, clocks, kills."""

import asyncio
import resource
import signal
import time
from dataclasses import astuple
from decimal import Decimal
from itertools import pairwise

import pytest
from bot_world import answers, wait_for
from faults import hosting
from faults.hosting import MINUTE, hosted, prices_apart
from free_ports import free_port
from live_world import holding
from simulator_process import Server

from tradewind_api.document.resolve import template, with_parameters
from tradewind_runner import reporter
from tradewind_runner.exchange import SymbolUnknownError

pytestmark = pytest.mark.slow
FOREIGN = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001", "price": "20000"}


def by_hand(live, account=None, **order):
    wanted = {name: value for name, value in (FOREIGN | order).items() if value is not None}
    answer = live.control_call("POST", f"accounts/{account or live.account}/orders", wanted)
    return answer["clientOrderId"]


def stops(live):
    return [order for order in live.ours() if order["type"] == "STOP_LOSS_LIMIT" and order["status"] == "NEW"]


def free(live):
    return Decimal(live.control_call("GET", f"accounts/{live.account}")["balances"]["BTC"]["free"])


def status_of(live, cid):
    return next(order["status"] for order in live.orders() if order["clientOrderId"] == cid)


def stop(bot):
    bot.send_signal(signal.SIGTERM)
    assert 0 == bot.wait(60)


async def test_f32_the_users_own_orders_are_left_alone_and_ours_come_back(live):
    """The user buys with a limit, cancels the bot's stop, and sells the bot's coins.

    His order stays; the stop is placed anew under another id; the coins are taken out of the ledger in an event that says so.
    """
    live.configure(strategy=holding(stopLossPercent=5), stopPolicy="CancelOrdersAndClosePositions")
    async with hosted(live) as running:
        (stop,) = await running.until(lambda: stops(live))
        foreign = by_hand(live)
        live.control_call("DELETE", f"accounts/{live.account}/orders?symbol=BTCUSDT&orderId={stop['orderId']}")
        (again,) = await running.until(lambda: stops(live))
        assert again["clientOrderId"] != stop["clientOrderId"]
        live.control_call("DELETE", f"accounts/{live.account}/orders?symbol=BTCUSDT&orderId={again['orderId']}")
        half = (free(live) / 2).quantize(Decimal("0.00001"))
        sale = {"type": "MARKET", "side": "SELL", "quantity": str(half)}
        live.control_call("POST", f"accounts/{live.account}/orders", {"symbol": "BTCUSDT"} | sale)
        words = await running.stop()
    assert ("Stopped", True, {}) == (words.code, words.receipt, live.state().positions)
    adjusted = [Decimal(item.data["amount"]) for item in live.portal.of_type("Adjusted")]
    assert half == pytest.approx(-sum(adjusted), abs=Decimal("0.00002"))
    assert "NEW" == status_of(live, foreign)
    live.check()


LEFT = Decimal("0.00008")  # 4.50 USDT of a minimum of 5


def fall_to(live, price):
    """Have the market fall to a price in two candles while it is halted, and stand there."""
    live.faults({"action": {"type": "halt", "symbol": "BTCUSDT", "status": "BREAK"}})
    now = live._server.get("time")["serverTime"] // MINUTE * MINUTE
    start, fall = live._server.get("ticker/price?symbol=BTCUSDT")["price"], now + 2 * MINUTE
    rows = [f"{time_ms},{start},{start},{start},{start},100" for time_ms in range(now - 90 * MINUTE, fall, MINUTE)]
    rows += [f"{time_ms},{price},{price},{price},{price},0" for time_ms in range(fall, now + 3000 * MINUTE, MINUTE)]
    live._server.put("candles?symbol=BTC/USDT", "\n".join(["ts,open,high,low,close,volume", *rows]).encode())
    wait_for(lambda: live._server.get("time")["serverTime"] > fall + MINUTE)
    live.faults()


@pytest.fixture
def slower(tmp_path, monkeypatch):
    """A world whose candles last a second: what stands is traded away a step at a time, four times in each."""
    monkeypatch.setattr(hosting, "SPEED", 60.0)
    server = Server(tmp_path, "--order-limit-10s", "0", "--weight-limit", "0", "--speed", "60")
    found = hosting.HostedWorld(tmp_path, server)
    yield found
    found.close()
    assert 0 == server.stop()


async def test_f31_what_is_left_of_a_stop_that_was_filled_in_part_is_dust_and_known_as_such(slower):
    """The exchange sells all but 0.00008 of what is held, and the stop that has so little left is cancelled.

    No sale of that is sent: it is written off in an event that says why, and the bot holds nothing.
    """
    live = slower
    live.control_call("PUT", "accounts/other", {"balances": {"USDT": "100000000"}})
    live.configure(strategy=holding(stopLossPercent=5))
    async with hosted(live) as running:
        (stop,) = await running.until(lambda: stops(live))
        await asyncio.to_thread(fall_to, live, stop["price"])
        (stop,) = await running.until(
            lambda: [order for order in live.ours() if order["side"] == "SELL" and order["isWorking"]]
        )
        sold = Decimal(stop["origQty"]) - Decimal(stop["executedQty"]) - LEFT
        by_hand(live, account="other", type="MARKET", quantity=str(sold), timeInForce=None, price=None)
        (dust,) = await running.until(lambda: live.portal.of_type("Adjusted"))
        await running.until(running.bot.flat)
        await running.stop()
    assert dust.data["reason"].startswith("Dust: ")
    assert 0 < -Decimal(dust.data["amount"]) < LEFT + Decimal("0.00001")
    sales = [(order["clientOrderId"], order["status"]) for order in live.ours() if order["side"] == "SELL"]
    assert [(stop["clientOrderId"], "CANCELED")] == sales
    live.check()


async def test_f42_what_is_held_of_a_market_that_goes_is_told_and_sold_when_it_can_be(live):
    """It stops: the bot can neither end its stop nor sell, is not ready and says so.

    It is not listed any more: a new pod ends with its name, and forgets nothing. Listed again: it is sold.
    """
    live.configure(strategy=holding(stopLossPercent=50), shutdownTimeoutSeconds=11)
    async with hosted(live) as running:
        await running.until(lambda: stops(live))
        live.faults({"action": {"type": "halt", "symbol": "BTCUSDT", "status": "BREAK"}})
        running.bot.close_positions("CloseNow")
        await running.until(lambda: "Unsold: the exchange takes no sale of BTC/USDT" in running.process.ready())
        await running.stop()
    others = {"type": "answer", "status": 200, "body": live.others()}
    live.faults({"match": {"method": "GET", "path": "/api/v3/exchangeInfo"}, "action": others})
    with pytest.raises(SymbolUnknownError, match="does not trade BTC/USDT"):
        async with hosted(live) as running:
            await running.task
    assert live.state().positions
    live.faults()
    async with hosted(live) as running:
        await running.until(lambda: running.bot.state.last_candle_ms and not running.process.ready())
        running.bot.close_positions("CloseNow")
        await running.until(running.bot.flat)
        await running.stop()
    live.check()


async def test_f44_an_exchange_that_does_not_let_us_in_is_asked_less_and_less_often(live):
    """Its journal tells: after half a second, then after one, two and four, and after no less."""
    live.faults({"match": {"path": "/api/v3/exchangeInfo"}, "action": {"type": "answer", "status": 502, "body": "bad gateway"}})
    live.configure()
    async with hosted(live) as running:
        asked = await running.until(lambda: found if len(found := asked_in_s(live)) > 4 else [])
        assert "does not answer" in running.process.ready()
        assert [] == [(least, gap) for least, gap in zip((0.5, 1, 2, 4), gaps(asked), strict=False) if gap < least]
        assert [] == live.orders()
        live.faults()
        await running.until(live.orders)
        await running.stop()
    live.check()


def asked_in_s(live):
    """Return when the exchange was asked for its markets, in seconds of the wall."""
    journal = live.control_call("GET", "journal")
    return [entry["atMs"] / 1000 / live.speed for entry in journal if entry["path"] == "/api/v3/exchangeInfo"]


def gaps(moments):
    return [later - earlier for earlier, later in pairwise(moments)]


@pytest.mark.parametrize("status", [451, 403])
async def test_f43_a_bot_that_is_forbidden_halts_with_the_reason(live, status):
    """At its start, by region or by address: it stays, sends no order, and says what the exchange has said."""
    answer = {"type": "answer", "status": status, "body": "<html>not from here</html>"}
    live.faults({"match": {"method": "GET", "path": "/api/v3/account"}, "action": answer})
    async with hosted(live) as running:
        await running.until(lambda: running.bot.trading()[0].state == "Halted")
        assert any(str(status) in reason for reason in running.bot.trading()[0].reasons)
        assert running.process.ready()
        assert "Stopped" == (await running.stop()).code
    assert [] == live.orders()


def test_f44_an_exchange_that_cannot_be_reached_is_waited_for(live):
    """The real process, and nothing at its exchange's address: not ready, alive, no order. Then there is one."""
    address = {"rest": f"http://127.0.0.1:{free_port()}", "ws": f"ws://127.0.0.1:{live.rest}"}
    exchange = {"name": "simulated", "ccxtId": "binance", "endpoint": address, "clockSpeed": live.speed}
    live.configure(exchange=exchange)
    bot = live.start_bot()
    wait_for(lambda: "does not answer" in (live.folder / "bot-0.log").read_text())
    assert ("", "ok") == tuple(answers(f"http://127.0.0.1:{live.metrics}/{probe}") for probe in ("readyz", "livez"))
    assert [] == live.orders()
    stop(bot)
    live.configure()
    again = live.start_bot()
    wait_for(lambda: live.portal.of_type("Filled"), 60)
    stop(again)
    live.check()


def test_f49_a_full_disk_stops_purchases_and_not_sales(live):
    """The process may write no more: nothing is bought, with the reason; what is held is sold, and told of from memory."""
    bot = live.start_bot()
    wait_for(lambda: live.state().positions, 60)
    resource.prlimit(bot.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    wait_for(lambda: live.state().positions == {}, 60)
    bought, seen = len(live.intents("buy")), len(live.decisions())
    entries = wait_for(lambda: [item for item in live.decisions()[seen:] if item["action"] == "Enter"], 60)
    assert {"DiskFull"} == {item["blocked"].partition(":")[0] for item in entries}
    assert bought == len(live.intents("buy"))
    resource.prlimit(bot.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    wait_for(lambda: len(live.intents("buy")) > bought, 60)
    stop(bot)
    live.check()


async def test_f50_a_purchase_that_is_under_way_when_the_bot_is_told_to_stop_is_sold_too(live):
    """Its answer is late and nobody tells of it before; then all is sold as the policy wants, without a stop in between."""
    live.configure(stopPolicy="CancelOrdersAndClosePositions", strategy=holding())
    late = {
        "match": {"method": "POST", "path": "*/order", "nth": 1},
        "when": "after",
        "action": {"type": "delay", "seconds": 2},
    }
    live.faults(late, {"match": {"method": "EVENT", "path": "executionReport"}, "action": "suppress"})
    async with hosted(live) as running:
        await running.until(live.ours)
        assert {} == running.bot.state.positions
        words = await running.stop()
    assert ("Stopped", "", True) == (words.code, words.message, words.receipt)
    assert ["LIMIT", "MARKET"] == [order["type"] for order in live.ours()]
    assert {} == live.state().positions
    live.check()


@pytest.mark.parametrize("policy", ["LeaveOpen", "CancelOrders"])
async def test_f50_what_was_to_be_sold_when_the_bot_is_told_to_stop_is_sold_under_each_policy(live, policy):
    """An exit is decided and its stop is being cancelled: nobody would guard the position, so the sale goes with the end."""
    crossing = with_parameters(template("sma-crossover"), {"fast.period": 2, "slow.period": 5}).to_json()
    live.configure(stopPolicy=policy, strategy=crossing | {"timeframe": "1m", "protect": {"stopLossPercent": 50}})
    late = {"match": {"method": "DELETE", "path": "*/order"}, "when": "before", "action": {"type": "delay", "seconds": 1}}
    live.faults(late)
    async with hosted(live) as running:
        await running.until(lambda: running.bot.state.leaving)
        assert {"Exit"} == set(running.bot.state.leaving.values())
        words = await running.stop()
    assert ("Stopped", "", True) == (words.code, words.message, words.receipt)
    assert "MARKET" == live.ours()[-1]["type"]
    assert ({}, {}) == (live.state().positions, live.state().leaving)
    live.check()


@pytest.mark.parametrize("what", ["Decision", "Triggered"])
async def test_f50_nothing_is_decided_or_sent_once_the_end_has_come(live, what):
    """The position stays under this policy, so the bot ends at once. What the market does on the way there is the next pod's.

    A sale that was decided on then would be cut short, and nobody would know what became of it.
    """
    crossing = with_parameters(template("sma-crossover"), {"fast.period": 2, "slow.period": 5}).to_json() | {"timeframe": "1m"}
    live.configure(stopPolicy="CancelOrders", strategy=crossing if what == "Decision" else holding(takeProfitPercent=5))
    async with hosted(live) as running:
        await running.until(lambda: running.bot.state.positions)
        with prices_apart(live, high=1.06, candles=10) as put:
            if what == "Triggered":
                put()
            assert "" == await running.bot.wind_down(30)
            booked = running.bot._seq
            over = live._server.get("time")["serverTime"] + 60 * MINUTE
            await running.until(lambda: live._server.get("time")["serverTime"] > over)
            assert booked == running.bot._seq
        words = await running.stop()
    assert ("Stopped", "", True) == (words.code, words.message, words.receipt)
    live.check()


def test_f50_an_order_in_doubt_outlives_a_stop_and_is_decided_first(live):
    """SIGTERM while the exchange does not say what became of it: no receipt, the id in the last words, then one fill."""
    live.configure(shutdownTimeoutSeconds=12)
    lost = {"match": {"method": "POST", "path": "*/order", "nth": 1}, "when": "after", "action": "reset"}
    away = {"type": "answer", "status": 502, "body": "bad gateway"}
    untold = {"match": {"method": "EVENT", "path": "executionReport"}, "action": "suppress"}
    live.faults(lost, untold, {"match": {"method": "GET", "path": "/api/v3/order"}, "action": away})
    bot = live.start_bot()
    unknown = wait_for(lambda: live.portal.of_type("Unknown"), 60)[0].data["clientOrderId"]
    stop(bot)
    words = live.words(0)
    assert ("Stopped", False) == (words["code"], words["receipt"])
    assert f"not known what became of: {unknown}" in words["message"]
    assert [] == live.portal.of_type("Filled")
    live.faults()
    again = live.start_bot()
    first = wait_for(lambda: [item for item in live.portal.of_type("Filled") if item.epoch == 2], 60)[0]
    assert unknown == first.data["clientOrderId"]
    earlier = [item.type for item in live.portal.events if item.epoch == 2 and item.seq < first.seq]
    assert not {"Decision", "Intended"} & set(earlier)
    stop(again)
    live.check()


@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
async def test_f51_a_wall_clock_that_jumps_moves_no_candle(live, monkeypatch, step_s):
    """An hour on or back: each candle is decided on once, in order, when the exchange has closed it."""
    real = time.time
    async with hosted(live) as running:
        await running.decide(3)
        monkeypatch.setattr(time, "time", lambda: real() + step_s)
        bought = len(live.intents("buy"))
        await running.decide(8)
        await running.until(lambda: len(live.intents("buy")) > bought)
        await running.stop()
    live.check_decisions()
    live.check()


@pytest.mark.parametrize(("policy", "held"), [("CancelOrdersAndClosePositions", False), ("CancelOrders", True)])
async def test_f52_a_kill_switch_ends_our_open_orders_and_nobody_elses(live, policy, held):
    """Switched on with a stop resting: it is cancelled, the position goes by policy, nothing is bought, all with the reason."""
    live.configure(strategy=holding(stopLossPercent=5), stopPolicy=policy)
    async with hosted(live) as running:
        await running.until(lambda: stops(live))
        foreign = by_hand(live)
        live.portal.kill = ["tenant"]
        await running.until(lambda: not stops(live) and bool(running.bot.state.positions) == held)
        bought = len(live.intents("buy"))
        assert ("Reducing", "Killed: tenant") == (running.bot.trading()[0].state, running.bot.trading()[0].reasons[0])
        await running.decide(8)
        assert (bought, "NEW") == (len(live.intents("buy")), status_of(live, foreign))
        words = await running.stop()
    assert words.receipt
    assert [] == stops(live)
    live.check()


async def test_f52_a_kill_switch_that_only_a_newer_portal_knows_is_on(live, monkeypatch):
    """Its name is the reason, and the lease is renewed: the portal is not lost. Released, the bot trades on."""
    monkeypatch.setattr(reporter, "HEARTBEAT_S", 0.2)
    live.portal.lease_seconds = 2
    live.configure(strategy=holding(stopLossPercent=50), stopPolicy="CancelOrders")
    async with hosted(live) as running:
        await running.until(lambda: stops(live))
        live.portal.kill = ["galaxy"]
        await running.until(lambda: ("Reducing", ("Killed: galaxy",)) == astuple(running.bot.trading()[0]))
        await running.until(lambda: not stops(live))
        await running.decide(30)  # three seconds
        assert ("Killed: galaxy",) == running.bot.trading()[0].reasons
        live.portal.kill = []
        await running.until(lambda: stops(live) and running.bot.trading()[0].state == "Active")
        await running.stop()
    live.check()
