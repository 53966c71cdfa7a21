"""F32, F42-F44 and F49-F52 on the live bot: the user's hand, an exchange that is gone, full disks, stops, clocks, kills."""

import resource
import signal
import time
from decimal import Decimal

import pytest
from bot_world import answers, wait_for
from faults.hosting import hosted
from free_ports import free_port
from live_world import holding

from tradewind_runner.exchange import SymbolUnknownError

pytestmark = pytest.mark.slow
FOREIGN = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001", "price": "20000"}


def by_hand(live, **order):
    answer = live.control_call("POST", f"accounts/{live.account}/orders", FOREIGN | order)
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
