"""A live bot's process, the real one, on the real simulated exchange: real sockets, signed orders, and what goes wrong."""

import os
import signal
import time
from decimal import Decimal

import pytest
from bot_world import answers, wait_for
from live_kills import kill_pods
from live_world import KEY, SECRET, LiveWorld, check_against_exchange, holding

pytestmark = pytest.mark.slow
PAPER = {"mode": "Paper", "paperFill": "Book", "credentials": None}
CLOSE = {"stopPolicy": "CancelOrdersAndClosePositions"}
SHUTDOWN_S = 120  # what a bot may take unless its owner says otherwise


@pytest.fixture
def world(tmp_path):
    found = LiveWorld(tmp_path)
    yield found
    found.close()


def bought(world):
    return [item for item in world.portal.of_type("Filled") if item.data["side"] == "buy"]


def stop(bot, seconds=30):
    bot.send_signal(signal.SIGTERM)
    assert 0 == bot.wait(seconds)


def test_a_live_bot_buys_and_sells_and_says_good_bye(world):
    """Its fills are the exchange's; it leaves nothing open, a receipt, and its key nowhere."""
    bot = world.start_bot()
    wait_for(lambda: len(world.portal.of_type("Closed")) >= 2, 40)
    assert "ok" == answers(f"http://127.0.0.1:{world.metrics}/readyz")
    metrics = answers(f"http://127.0.0.1:{world.metrics}/metrics")
    for histogram in ("tradewind_bot_decision_lag_seconds", "tradewind_bot_order_ack_seconds"):
        assert int(float(metrics.partition(f"{histogram}_count ")[2].split()[0])) > 0
        assert f'{histogram}_bucket{{le="0.005"}}' in metrics
    assert 'tradewind_bot_state{state="Active"} 1.0' in metrics
    stop(bot)
    assert ("Stopped", True) == (world.words(0)["code"], world.words(0)["receipt"])
    check_against_exchange(world)
    for place in (metrics, (world.folder / "bot-0.log").read_text(), str(world.portal.events), str(world.words(0))):
        assert KEY not in place
        assert SECRET not in place


@pytest.mark.parametrize("action", ["drop", "reset", {"type": "answer", "status": 502, "body": "bad gateway"}, "html200"])
def test_a_lost_answer_buys_once(world, action):
    """The first order is executed and its answer never comes, in one of four ways: one order, one buy, the ledger has it."""
    fault = action if isinstance(action, dict) else {"type": action}
    rule = {"match": {"method": "POST", "path": "*/order", "nth": 1}, "when": "after", "action": fault}
    world.control_call("PUT", "faults", [rule])
    bot = world.start_bot()
    wait_for(lambda: bought(world), 60)
    wait_for(lambda: world.portal.of_type("Closed"), 30)
    first = world.portal.of_type("Intended")[0].data
    met = [entry for entry in world.control_call("GET", "journal") if first["clientOrderId"] in str(entry)]
    assert 1 == sum(entry["method"] == "POST" for entry in met)  # whether by a look-up or by the stream of orders it is told
    assert 1 == sum(order["clientOrderId"] == first["clientOrderId"] for order in world.orders())
    candles = [item.data["candleOpenMs"] for item in world.portal.of_type("Intended") if item.data["side"] == "buy"]
    assert sorted(set(candles)) == candles
    stop(bot)
    check_against_exchange(world)


def test_kill_nine_between_any_steps_repeats_and_loses_nothing(world):
    """Pods killed at random moments: no order twice, none lost, and what is held is what the exchange says."""
    seed, kills = int(os.environ.get("SEED") or time.time_ns() % 1_000_000), int(os.environ.get("KILLS") or 30)
    print(f"SEED={seed} KILLS={kills} pytest tests/tradewind_runner/test_live_process.py -k kill_nine")
    kill_pods(world, seed=seed, kills=kills)


def test_a_younger_pod_ends_the_older(world):
    """The older one ends with 66 and sends nothing after it has learnt of the other."""
    first = world.start_bot()
    wait_for(lambda: world.portal.of_type("Decision"), 40)
    world.start_bot()
    assert 66 == first.wait(30)
    wait_for(lambda: [item for item in world.portal.of_type("Filled") if item.epoch == 2], 60)
    stop(world.processes[1])
    check_against_exchange(world)


@pytest.mark.parametrize(("policy", "held"), [("CancelOrdersAndClosePositions", False), ("CancelOrders", True)])
def test_a_kill_switch_stops_entries_and_closes_by_policy(world, policy, held):
    """Switched on while a position is held: sold if the policy says so, and nothing is bought any more."""
    world.configure(stopPolicy=policy, strategy=holding())
    bot = world.start_bot()
    wait_for(lambda: len(bought(world)) >= 1 and world.state().positions, 60)
    buys = len(bought(world))
    world.portal.kill = ["account"]
    killed = wait_for(lambda: [item for item in world.portal.leases if "Killed: account" in item["reasons"]], 40)
    assert "Reducing" == killed[0]["state"]
    wait_for(lambda: bool(world.state().positions) == held, 20)
    wait_for(lambda: not [order for order in world.orders() if order["status"] == "NEW"], 20)
    blocked = {item.data["blocked"] for item in world.portal.of_type("Decision") if item.data["blocked"]}
    at_first = {reason for reason in blocked if reason.startswith("CredentialsUnchecked")}  # of the key
    assert blocked - at_first <= {"Killed: account"}
    assert len(bought(world)) <= buys + 1
    stop(bot)
    check_against_exchange(world)


def test_close_now_sells_once_and_goes_on(world):
    """Carried out, told with its number, and then the strategy trades on."""
    world.configure(strategy=holding())
    bot = world.start_bot()
    wait_for(lambda: world.state().positions, 60)
    world.portal.close_now, world.portal.close_number = True, 3
    wait_for(lambda: [item for item in world.portal.leases if item["closedNumber"] == 3], 60)
    reasons = [item.data["reason"] for item in world.portal.of_type("Intended") if item.data["side"] == "sell"]
    assert ["CloseNow"] == [reason for reason in reasons if reason != "StopLoss"]
    stop(bot)
    check_against_exchange(world)


def test_a_lease_that_ends_leaves_exits_only(world):
    """The portal grants no time: nothing is bought, the reason stands in the decision and in the heartbeat."""
    world.portal.lease_seconds = 0
    bot = world.start_bot()
    blocked = wait_for(lambda: [d for d in world.portal.of_type("Decision") if d.data["action"] == "Enter"], 60)
    assert "LeaseEnded" in blocked[0].data["blocked"]
    assert [] == world.portal.of_type("Intended")
    stop(bot)


def test_stopping_by_policy_closes_everything(world):
    """All is sold before the receipt."""
    world.configure(**CLOSE, strategy=holding())
    bot = world.start_bot()
    wait_for(lambda: world.state().positions, 60)
    stop(bot)
    assert ({}, True) == (world.state().positions, world.words(0)["receipt"])
    check_against_exchange(world)


def test_a_stop_rests_at_the_exchange(world):
    """After the entry a stop order is there for all that can be sold; cancelled before the receipt."""
    world.configure(strategy=holding(stopLossPercent=5))
    bot = world.start_bot()
    order = wait_for(lambda: [o for o in world.orders() if o["type"] == "STOP_LOSS_LIMIT"], 60)[0]
    said = world.portal.of_type
    intended = wait_for(lambda: [i.data for i in said("Intended") if i.data["clientOrderId"] == order["clientOrderId"]])
    entry, intent = bought(world)[0].data, intended[0]
    assert ("StopLoss", "stop") == (intent["reason"], intent["orderType"])
    assert Decimal("0.94") < Decimal(order["stopPrice"]) / Decimal(entry["price"]) < Decimal("0.96")
    stop(bot)
    assert [] == [o for o in world.orders() if o["status"] == "NEW"]
    check_against_exchange(world)


def test_refused_keys_halt_with_a_reason(world):
    """The bot stays, not ready, and says what the exchange said; nothing is traded."""
    world.portal.credential = world.portal.credential | {"secret": "wrong"}
    world.start_bot()
    halted = wait_for(lambda: [item for item in world.portal.leases if item["state"] == "Halted"], 40)
    assert "Refused" in halted[0]["reasons"][0]
    assert [] == world.orders()


def test_an_exchange_that_is_away_is_waited_for(world):
    """Killed and started again under a running bot: it reconnects, asks for what it has missed, and trades on."""
    bot = world.start_bot()
    wait_for(lambda: len(world.portal.of_type("Decision")) > 3, 40)
    world.stop_simulator()
    wait_for(lambda: not answers(f"http://127.0.0.1:{world.metrics}/readyz"), 40)
    seen = len(world.portal.of_type("Decision"))
    world.start_simulator()
    wait_for(lambda: len(world.portal.of_type("Decision")) > seen + 3, 60)
    stop(bot, SHUTDOWN_S)  # orders of the time without an exchange may be in doubt yet


def test_a_live_bot_that_is_stopped_before_it_started_promises_nothing(world):
    """What an earlier pod left at the exchange nobody has looked at: no receipt, so that the reaper looks."""
    world.portal.fault = lambda path: "500" if path == "start" else ""
    bot = world.start_bot()
    wait_for(lambda: answers(f"http://127.0.0.1:{world.metrics}/livez"))
    stop(bot)
    assert ("Stopped", False) == (world.words(0)["code"], world.words(0)["receipt"])


def test_without_books_paper_is_refused_and_not_filled_otherwise(world):
    """An exchange that streams nothing, and a bot that wants its book: it ends, and says what to choose."""
    world.portal.credential = None
    where = {"rest": f"http://127.0.0.1:{world.rest}"}
    world.configure(**PAPER, exchange={"name": "silent", "ccxtId": "binance", "endpoint": where})
    assert 1 == world.start_bot().wait(30)
    assert ("Failed", "use Candle") == (world.words(0)["code"], world.words(0)["message"].rpartition("; ")[2])
    assert [] == world.portal.events


def test_paper_in_the_markets_own_book(world):
    """No key, no order at the exchange: filled against its book and trades, with its fees; killed once, and nothing is lost."""
    world.portal.credential = None
    world.configure(**PAPER)
    bot = world.start_bot()
    wait_for(lambda: len(world.portal.of_type("Closed")) >= 2, 60)
    bot.kill()
    bot.wait()
    world.start_bot()
    wait_for(lambda: [item for item in world.portal.of_type("Filled") if item.epoch == 2], 60)
    stop(world.processes[1])
    assert [] == world.orders()
    fills = world.portal.of_type("Filled")
    assert {"BTC", "USDT"} == {item.data["feeCurrency"] for item in fills}
    assert len(fills) == len({item.data["tradeId"] for item in fills})
    intents = [item.data["candleOpenMs"] for item in world.portal.of_type("Intended") if item.data["side"] == "buy"]
    assert sorted(set(intents)) == intents
