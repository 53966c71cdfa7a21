"""F12-F15, F19: pods that are killed between any two steps of an order, two pods of one bot, a pod without a key.

The real process, but where one pod alone is cut off from the portal.
"""

import asyncio
import signal

import pytest
from bot_world import UID, answers, wait_for
from faults.hosting import MINUTE, MOST_S, hosted, prices_apart
from faults.line import line_to
from faults.matrix import BTC, check_promises
from live_world import holding

from tradewind_api.document.resolve import template, with_parameters
from tradewind_engine.trading.identity import client_order_id, epoch_of
from tradewind_runner import reporter
from tradewind_runner.order_desk import BlockedError
from tradewind_runner.portal import FencedError

pytestmark = pytest.mark.slow
FIRST = client_order_id(UID, 1, 1)
ORDER = {"method": "POST", "path": "/api/v3/order", "cid": FIRST}
AWAY = {"match": {"path": "/api/v3/openOrders"}, "action": {"type": "answer", "status": 502, "body": "bad gateway"}}
SILENT = {"match": {"method": "EVENT", "path": "executionReport"}, "action": "suppress"}


@pytest.fixture
def holder(live):
    """The world of a bot that buys once and holds: a second purchase would be one too many."""
    live.configure(strategy=holding())
    return live


def killed_at_its_first_order(live, *rules):
    """Run a bot with a script and no stream, kill it when its first order has arrived, start the next pod on its disk."""
    live.control_call("PUT", "faults", [SILENT, *rules])
    bot = live.start_bot()
    wait_for(lambda: [entry for entry in live.requests() if not_answered(entry)], 60)
    bot.kill()
    bot.wait()
    live.control_call("DELETE", "faults")
    return live.start_bot(state=0)


def not_answered(entry):
    return entry["params"].get("newClientOrderId") == FIRST and entry["status"] is None


def ends_well(live, bot):
    """The position has its stop at the exchange; then the bot is told to end."""
    wait_for(lambda: [order for order in live.orders() if order["type"] == "STOP_LOSS_LIMIT"], 60)
    bot.send_signal(signal.SIGTERM)
    assert 0 == bot.wait(30)
    live.check()


def stops_of(live):
    return [order for order in live.orders() if order["type"] == "STOP_LOSS_LIMIT" and order["status"] == "NEW"]


def sellers(live):
    """Return the epoch of each sale that was filled."""
    sold = [order for order in live.orders() if order["side"] == "SELL" and order["trades"]]
    return [epoch_of(order["clientOrderId"], UID) for order in sold]


def of_epoch(live, epoch):
    return [entry for entry in live.requests() if entry["method"] in {"POST", "DELETE"} and epoch in sent_by(entry)]


def sent_by(entry):
    return [epoch_of(entry["params"].get("newClientOrderId", ""), UID)]


def closed(live):
    return [item.data for item in live.portal.of_type("Closed") if item.data["clientOrderId"] == FIRST]


def test_f12_killed_between_the_intent_and_the_order(holder):
    """The exchange never does it: the next pod looks it up, gives it up, and decides anew under an id of its own."""
    bot = killed_at_its_first_order(holder, {"match": ORDER, "action": "drop"})
    outcome = wait_for(lambda: closed(holder), 60)[0]["outcome"]
    assert "NotPlaced" == outcome
    ends_well(holder, bot)
    assert [] == [order for order in holder.orders() if order["clientOrderId"] == FIRST]


def test_f13_killed_between_the_order_and_its_answer(holder):
    """The exchange has filled it: the next pod adopts it and buys no second time."""
    bot = killed_at_its_first_order(holder, {"match": ORDER, "when": "after", "action": "drop"})
    assert "Filled" == wait_for(lambda: closed(holder), 60)[0]["outcome"]
    ends_well(holder, bot)
    assert [FIRST] == [order["clientOrderId"] for order in holder.orders() if order["side"] == "BUY"]


def test_f14_killed_between_the_answer_and_the_fills(holder):
    """Acknowledged, and what was filled comes neither by answer nor by stream: the next pod books each fill once."""
    accounts = [account["name"] for account in holder.control_call("GET", "accounts")]
    orders = [order for name in accounts for order in holder.control_call("GET", f"accounts/{name}/orders")]
    last = max((order["orderId"] for order in orders), default=0)
    answer = {"symbol": "BTCUSDT", "orderId": last + 1, "clientOrderId": FIRST, "transactTime": 1, "price": "0", "origQty": "0"}
    answer |= {"executedQty": "0", "status": "NEW", "type": "MARKET", "side": "BUY", "fills": []}
    told = {"match": ORDER, "when": "after", "action": {"type": "answer", "status": 200, "body": answer}}
    holder.control_call("PUT", "faults", [SILENT, told])
    bot = holder.start_bot()
    wait_for(lambda: holder.portal.of_type("Acknowledged"), 60)
    bot.kill()
    bot.wait()
    assert [] == holder.portal.of_type("Filled")
    holder.control_call("DELETE", "faults")
    bot = holder.start_bot(state=0)
    assert "Filled" == wait_for(lambda: closed(holder), 60)[0]["outcome"]
    ends_well(holder, bot)
    assert [FIRST] == [order["clientOrderId"] for order in holder.orders() if order["side"] == "BUY"]


def killed_before_it_could_sell(live, kind, *, before=None, **wanted):
    """Run a bot whose stop cannot be cancelled until the ledger has an event of a kind, and kill it.

    `before` is called when it holds something and its stop rests.
    """
    live.faults({"match": {"method": "DELETE", "path": "/api/v3/order"}, "action": "drop"})
    bot = live.start_bot()
    if before is not None:
        wait_for(lambda: stops_of(live), 60)
        before()
    wait_for(lambda: [item for item in live.portal.of_type(kind) if wanted.items() <= item.data.items()], 60)
    bot.kill()
    bot.wait()
    assert [] == sellers(live)
    live.faults()


def first_sale_of_the_next(live):
    """Start the next pod; return why it sold first."""
    bot = live.start_bot(state=0)
    wait_for(lambda: sellers(live), 60)
    bot.send_signal(signal.SIGTERM)
    assert 0 == bot.wait(30)
    live.check()  # by now the portal has heard of the sale too
    return next(
        item.data["reason"] for item in live.portal.of_type("Intended") if item.data["side"] == "sell" and item.epoch == 2
    )


def test_f14_killed_between_the_decision_to_sell_and_the_sale(live):
    """The next pod sells, though its strategy says nothing of the kind.

    The candle has its decision in the ledger already, and a cross comes once: without that the position would stay.
    """
    crossing = with_parameters(template("sma-crossover"), {"fast.period": 2, "slow.period": 5}).to_json()
    live.configure(strategy=crossing | {"timeframe": "1m", "protect": {"stopLossPercent": 50}})
    killed_before_it_could_sell(live, "Decision", action="Exit")
    live.configure(strategy=holding())
    assert "Exit" == first_sale_of_the_next(live)


def test_f14_killed_between_a_guard_that_went_off_and_the_sale(live):
    """The price has reached the target, and is not there any more when the next pod begins: it sells all the same."""
    live.configure(strategy=holding(stopLossPercent=50, takeProfitPercent=5))
    with prices_apart(live, high=1.06, candles=10) as put:
        killed_before_it_could_sell(live, "Triggered", before=put, reason="TakeProfit")
        live.configure(strategy=holding(stopLossPercent=50, takeProfitPercent=500))
        assert "TakeProfit" == first_sale_of_the_next(live)


@pytest.mark.parametrize("mode", ["Paper", "Live"])
def test_f14_a_stop_that_is_reached_while_no_pod_runs(live, mode):
    """On paper nobody watches then, nor where the user has taken the stop away: the next pod reads the candles, and sells.

    The price is back long before. The ledger says at what price the stop was reached, and in which candle.
    """
    held_only = {"strategy": holding(stopLossPercent=5)}
    live.configure(**held_only if mode == "Live" else held_only | {"mode": "Paper", "paperFill": "Book", "credentials": None})
    bot = live.start_bot()
    wait_for(lambda: [item for item in live.portal.of_type("Acknowledged") if item.data["clientOrderId"] != FIRST], 60)
    bot.kill()
    bot.wait()
    for stop in stops_of(live):
        live.control_call("DELETE", f"accounts/{live.account}/orders?symbol=BTCUSDT&orderId={stop['orderId']}")
    decided = max(item.data["candleOpenMs"] for item in live.portal.of_type("Decision"))
    dip = decided + 5 * MINUTE
    wait_for(lambda: live._server.get("time")["serverTime"] > dip + 3 * MINUTE)
    with prices_apart(live, low=0.9) as put:
        price = put(dip)
        again = live.start_bot(state=0)
        (hit,) = wait_for(lambda: live.portal.of_type("Triggered"), 60)
        wait_for(lambda: live.state().positions == {}, 60)
        again.send_signal(signal.SIGTERM)
        assert 0 == again.wait(30)
    assert ("StopLoss", dip, 2) == (hit.data["reason"], hit.data["candleOpenMs"], hit.epoch)
    assert float(hit.data["price"]) == pytest.approx(price * 0.9)
    assert {"StopLoss"} == {item["reason"] for item in live.intents("sell") if item["orderType"] == "market"}
    if mode == "Live":
        live.check()


def test_f14_killed_between_a_halt_that_sells_and_the_sale(live):
    """A loss beyond the limit, with `onBreach: Flatten`: the next pod is halted, and sells."""
    live.configure(strategy=holding(), risk={"maxDrawdownPercent": 0.05, "onBreach": "Flatten"})
    killed_before_it_could_sell(live, "Halted", reason="MaxDrawdown")
    assert "RiskBreach" == first_sale_of_the_next(live)
    assert "MaxDrawdown" == live.state().halted


def test_f15_two_pods_of_one_bot(holder):
    """The younger takes over; the older ends with 66, and has sent nothing since the younger's first order."""
    first = holder.start_bot()
    wait_for(lambda: holder.portal.of_type("Decision"), 60)
    second = holder.start_bot()
    assert 66 == first.wait(30)
    ends_well(holder, second)
    epochs = [epoch_of(order["clientOrderId"], UID) for order in holder.orders()]
    assert sorted(epochs) == epochs
    assert 1 == sum(order["side"] == "BUY" for order in holder.orders())


async def test_f15_a_pod_that_is_cut_off_from_the_portal_ends_when_it_sees_the_younger_ones_orders(holder, caplog):
    """A node is partitioned: its pod trades on, a second one takes over, and no more than one is the holder.

    The older one, which the portal cannot tell, is shown the younger one's sale by the exchange: it ends as fenced and sends
    nothing after it, not even the stop that it lacks. The younger sells what the older has bought, and all that there is at its
    own end.
    """
    holder.configure(strategy=holding(), stopPolicy="CancelOrdersAndClosePositions")
    async with line_to(holder.portal_port) as line, hosted(holder, portal_port=line.port) as older:
        await older.until(lambda: stops_of(holder))
        line.cut()
        async with hosted(holder) as younger:
            await younger.until(lambda: younger.bot.progress.last_candle_ms)
            younger.bot.close_positions("CloseNow")
            async with asyncio.timeout(MOST_S):
                with pytest.raises(FencedError, match="younger pod"):
                    await older.task
            sent = len(of_epoch(holder, 1))
            await younger.until(lambda: sellers(holder))
            await younger.decide()
            await younger.stop()
    assert sent == len(of_epoch(holder, 1)), "the older one sent something after it knew"
    assert {2} == set(sellers(holder))
    assert {} == holder.state().positions
    holder.check()


async def test_f15_a_pod_that_is_fenced_while_it_starts_ends_as_fenced(holder, monkeypatch):
    """It waits for an exchange that is away when its heart beats and the portal knows a younger one. It has sent nothing."""
    monkeypatch.setattr(reporter, "HEARTBEAT_S", 0.2)
    holder.faults(AWAY)
    async with hosted(holder) as older:
        await older.until(lambda: "cannot be asked" in older.bot.progress.problem)
        holder.portal.epoch += 1
        async with asyncio.timeout(MOST_S):
            with pytest.raises(FencedError):
                await older.task
    assert [] == of_epoch(holder, 1)


async def test_f15_who_books_before_the_heart_has_ended_the_pod_ends_as_fenced_too(holder):
    """Between that word and its end the pod books that it has started: the word ends it, not the book that is closed."""
    holder.faults(AWAY)
    async with hosted(holder) as older:
        await older.until(lambda: "cannot be asked" in older.bot.progress.problem)
        older.bot._reporter.over = FencedError("Fenced", "epoch 2 is in force", {})
        holder.faults()
        async with asyncio.timeout(MOST_S):
            with pytest.raises(FencedError, match="epoch 2"):
                await older.task
    assert [] == of_epoch(holder, 1)


async def test_f15_a_pod_that_is_cut_off_for_longer_than_its_lease_only_reduces(holder, monkeypatch):
    """Nobody takes over and nobody renews: it buys nothing more, and what it holds keeps its stop and can be sold."""
    monkeypatch.setattr(reporter, "HEARTBEAT_S", 0.2)
    holder.portal.lease_seconds = 2
    async with line_to(holder.portal_port) as line, hosted(holder, portal_port=line.port) as alone:
        await alone.until(lambda: stops_of(holder))
        await alone.decide(30)
        assert "Active" == alone.bot.trading()[0].state
        line.cut()
        await alone.until(lambda: "LeaseEnded" in " ".join(alone.bot.trading()[0].reasons))
        assert stops_of(holder)
        alone.bot.close_positions("CloseNow")
        await alone.until(alone.bot.flat)
        bought = sum(order["side"] == "BUY" for order in holder.orders())
        await alone.decide(8)
        assert bought == sum(order["side"] == "BUY" for order in holder.orders())
        line.mend()
        words = await alone.stop()
    assert words.receipt, "what it did meanwhile is handed in"
    holder.check()


async def test_f15_an_older_pod_that_sees_an_order_of_a_younger_one_sends_nothing(world):
    """A pod that the portal cannot reach: the exchange shows it that there is another."""
    older = world.desk
    world.restart()
    await world.desk.submit(world.intent(times="0.9"))
    for seen in await world.broker.open_orders(BTC):
        older.seen(seen)
    with pytest.raises(BlockedError, match="Fenced"):
        await older.submit(world.intent())
    assert 1 == len(world.posts())
    check_promises(world)


def test_f19_a_key_that_is_revoked_under_a_bot(live):
    """The bot stays and is halted, which its metric and its readiness say; nothing is sent any more."""
    bot = live.start_bot()
    wait_for(lambda: live.portal.of_type("Closed"), 60)
    live.control_call("DELETE", f"accounts/{live.account}/keys/{live.key}")
    wait_for(lambda: 'state="Halted"} 1.0' in answers(f"http://127.0.0.1:{live.metrics}/metrics"), 60)
    asked = live.control_call("GET", "journal")[-1]["seq"]
    decided = len(live.portal.of_type("Decision"))
    wait_for(lambda: len(live.portal.of_type("Decision")) > decided + 10)
    later = [entry for entry in live.requests() if entry["seq"] > asked]
    assert [] == [entry for entry in later if entry["method"] in {"POST", "DELETE"}]
    assert len(later) <= 3
    assert None is bot.poll()
    live.check()
