"""A bot's process, the real one, on a simulated exchange at 600 times the speed, through what goes wrong around it."""

import os
import random
import signal
import socket
import time
from decimal import Decimal
from itertools import pairwise

import pytest
from bot_world import UID, World, answers, wait_for

from tradewind_api.fold import fold
from tradewind_runner.outbox import read_groups

pytestmark = pytest.mark.slow


@pytest.fixture
def world(tmp_path):
    found = World(tmp_path)
    yield found
    found.close()


def check_ledger(portal):
    """Every event once and in order, every candle decided once, every fill with its intent, money that adds up."""
    for epoch in {item.epoch for item in portal.events}:
        seqs = [item.seq for item in portal.events if item.epoch == epoch]
        assert list(range(1, len(seqs) + 1)) == seqs
    candles = [item.data["candleOpenMs"] for item in portal.of_type("Decision")]
    assert sorted(set(candles)) == candles
    intents = [item.data["clientOrderId"] for item in portal.of_type("Intended")]
    fills = [item.data["clientOrderId"] for item in portal.of_type("Filled")]
    assert len(set(intents)) == len(intents)
    assert intents == fills
    sides = [item.data["side"] for item in portal.of_type("Filled")]
    assert sides == ["buy", "sell"] * (len(sides) // 2) + ["buy"] * (len(sides) % 2)
    state = fold(sorted(portal.events, key=lambda item: (item.epoch, item.seq)))
    cash = state.capital
    for item in portal.of_type("Filled"):
        sign = 1 if item.data["side"] == "buy" else -1
        cash -= sign * Decimal(item.data["amount"]) * Decimal(item.data["price"]) + Decimal(item.data["fee"])
    assert state.cash == cash


def test_a_bot_trades_and_says_good_bye(world):
    """It becomes ready, decides on every candle, fills at the next open, and leaves a receipt when it is told to stop."""
    bot = world.start_bot()
    wait_for(lambda: len(world.portal.of_type("Filled")) >= 2)
    assert "ok" == answers(f"http://127.0.0.1:{world.metrics}/readyz")
    assert "tradewind_bot_equity_quote" in answers(f"http://127.0.0.1:{world.metrics}/metrics")
    decisions = world.portal.of_type("Decision")
    assert {60_000} == {b.data["candleOpenMs"] - a.data["candleOpenMs"] for a, b in pairwise(decisions)}
    bot.send_signal(signal.SIGTERM)
    assert 0 == bot.wait(15)
    words = world.words(0)
    assert ("Stopped", True) == (words["code"], words["receipt"])
    assert "Stopped" == world.portal.events[-1].type
    check_ledger(world.portal)


def test_the_log_of_a_pod_tells_who_it_is_and_each_change(world):
    """Start, epoch, state, fills and end, each in one line, and no token."""
    bot = world.start_bot()
    wait_for(lambda: world.portal.of_type("Filled") and "INFO state Active" in (world.folder / "bot-0.log").read_text(), 60)
    bot.terminate()
    assert bot.wait(30) == 0
    log = (world.folder / "bot-0.log").read_text()
    for line in (
        "bot n/b of t, generation 1: Paper on simulated, BTC/USDT 1m",
        "the portal gave epoch 1",
        "started: Paper, capital 10000 USDT",
        "INFO state Active",
        "stopped, Stopped",
    ):
        assert 1 == log.count(line), (line, log)
    assert f"order {world.portal.of_type('Filled')[0].data['clientOrderId']}: buy " in log
    assert "pod-token" not in log


def test_kill_nine_at_any_moment_repeats_and_loses_nothing(world):
    """Eight pods, each killed at a random moment: the ledger has each event once, each candle is decided once."""
    seed = int(os.environ.get("SEED") or time.time_ns() % 1_000_000)
    print(f"SEED={seed} pytest tests/tradewind_runner/test_bot_process.py -k kill_nine")
    moments = random.Random(seed)
    for _ in range(8):
        bot = world.start_bot()
        wanted = len(world.portal.events) + moments.randint(1, 60)
        wait_for(lambda wanted=wanted: len(world.portal.events) >= wanted)
        time.sleep(moments.uniform(0, 0.2))
        bot.kill()
        bot.wait()
    assert 8 == world.portal.epoch
    world.start_bot()
    wait_for(lambda: len(world.portal.of_type("Filled")) >= 2, 60)
    check_ledger(world.portal)


def test_lost_and_refused_answers_of_the_portal_change_nothing(world):
    """A third of the answers never come, a third are 500: all is sent again, and recognised."""
    dice = random.Random(3)
    world.portal.fault = lambda path: dice.choice(["", "500", "lost"]) if path == "events" else ""
    bot = world.start_bot()
    wait_for(lambda: len(world.portal.of_type("Filled")) >= 2, 60)
    world.portal.fault = lambda _: ""
    bot.send_signal(signal.SIGTERM)
    assert 0 == bot.wait(20)
    check_ledger(world.portal)


def test_a_bot_waits_for_the_portal(world):
    """Without an epoch it is not ready, says why, and nothing is traded."""
    world.portal.fault = lambda _: "500"
    world.start_bot()
    time.sleep(2.5)
    assert "" == answers(f"http://127.0.0.1:{world.metrics}/readyz")
    assert [] == world.portal.events
    world.portal.fault = lambda _: ""
    wait_for(lambda: world.portal.of_type("Decision"))


def test_an_older_pod_is_fenced(world):
    """When a second pod has started, the first ends with 66 and says so."""
    first = world.start_bot()
    wait_for(lambda: world.portal.of_type("Decision"))
    world.start_bot()
    assert 66 == first.wait(30)
    assert "Fenced" == world.words(0)["code"]
    wait_for(lambda: [item for item in world.portal.of_type("Decision") if item.epoch == 2])
    check_ledger(world.portal)


def test_an_exchange_that_is_away_stops_decisions_only(world):
    """Not ready meanwhile; when it is back, missed candles are caught up in order."""
    world.start_bot()
    wait_for(lambda: len(world.portal.of_type("Decision")) > 3)
    world.stop_simulator()
    wait_for(lambda: not answers(f"http://127.0.0.1:{world.metrics}/readyz"))
    seen = len(world.portal.of_type("Decision"))
    world.start_simulator()
    wait_for(lambda: len(world.portal.of_type("Decision")) > seen + 3, 60)
    check_ledger(world.portal)


def test_a_paused_bot_makes_no_entries(world):
    """The file changes under a running bot; decisions go on, with the reason why nothing is bought."""
    world.configure(runPolicy="Paused")
    world.start_bot()
    blocked = wait_for(lambda: [item for item in world.portal.of_type("Decision") if item.data["action"] == "Enter"], 60)
    assert {"Paused"} == {item.data["blocked"] for item in blocked}
    assert [] == world.portal.of_type("Intended")
    world.configure(runPolicy="Running")
    wait_for(lambda: world.portal.of_type("Filled"), 60)


def test_a_kill_switch_stops_entries(world):
    """What the portal says in an answer counts from the next candle on."""
    world.portal.kill = ["platform"]
    world.start_bot()
    blocked = wait_for(lambda: [item for item in world.portal.of_type("Decision") if item.data["action"] == "Enter"], 60)
    assert {"Killed: platform"} == {item.data["blocked"] for item in blocked}
    assert [] == world.portal.of_type("Intended")


def test_another_strategy_ends_the_process_when_it_is_flat(world):
    """Exit 0 with UpdateReady; the ledger says so too."""
    bot = world.start_bot()
    wait_for(lambda: world.portal.of_type("Decision"))
    world.configure(parameters={"fast.period": 3, "slow.period": 7}, updateWhen="Immediate")
    assert 0 == bot.wait(30)
    assert "UpdateReady" == world.words(0)["code"]
    check_ledger(world.portal)


def test_closing_on_stop_sells_everything(world):
    """Stop policy CancelOrdersAndClosePositions leaves no position behind."""
    world.configure(stopPolicy="CancelOrdersAndClosePositions")
    bot = world.start_bot()
    wait_for(lambda: len(world.portal.of_type("Filled")) % 2 == 1)
    bot.send_signal(signal.SIGTERM)
    assert 0 == bot.wait(15)
    assert {} == fold(world.portal.events).positions
    check_ledger(world.portal)


@pytest.mark.parametrize(
    ("changes", "code", "exit_code", "message"),
    [
        ({"symbol": "NOPE/USDT"}, "Failed", 1, "the exchange does not trade NOPE/USDT"),
        ({"strategy": {"nodes": []}}, "BadStrategy", 64, "timeframe: is required"),
        ({"mode": "Dream"}, "Failed", 1, "mode"),
        ({"mode": "Live"}, "Failed", 1, "a live bot needs an exchange key"),
    ],
)
def test_what_cannot_run_says_why_and_ends(world, changes, code, exit_code, message):
    """The last words are what the operator shows."""
    world.configure(**changes)
    assert exit_code == world.start_bot().wait(30)
    assert code == world.words(0)["code"]
    assert message in world.words(0)["message"]


def test_a_taken_port_is_said_too(world):
    """Probes could not be answered, so the process ends; the operator shows why."""
    with socket.create_server(("0.0.0.0", world.metrics)):
        assert 1 == world.start_bot().wait(30)
    assert f"port {world.metrics}, for probes: Address already in use" in world.words(0)["message"]


def test_a_killed_container_hands_in_what_it_had_written_down(world):
    """The portal is away, the bot trades on and is killed: its disk outlives it, and so does every event."""
    bot = world.start_bot()
    wait_for(lambda: len(world.portal.of_type("Decision")) > 2)
    world.portal.fault = lambda path: "500" if path == "events" else ""
    acknowledged = len(world.portal.events)
    outbox = world.folder / "state-0" / "outbox-1.jsonl"
    written = len(list(read_groups(outbox)))
    wait_for(lambda: len(list(read_groups(outbox))) > written + 10)
    bot.kill()
    bot.wait()
    kept = [item for group in read_groups(outbox) for item in group]
    assert acknowledged < len(kept)
    world.portal.fault = lambda _: ""
    world.start_bot(state=0)
    wait_for(lambda: [item for item in world.portal.of_type("Decision") if item.epoch == 2])
    assert kept == [item for item in world.portal.events if item.epoch == 1]
    assert not outbox.exists()
    check_ledger(world.portal)


def test_a_halted_bot_goes_on_when_its_owner_edits_it(world):
    """Halted at the first loss of 0.01 %; a higher limit is a newer generation, and the halt ends without a new pod."""
    world.configure(risk={"maxDrawdownPercent": 0.01})
    world.start_bot()
    wait_for(lambda: world.portal.of_type("Halted"), 60)
    assert "MaxDrawdown" == fold(world.portal.events).halted
    subject = {"uid": UID, "name": "b", "namespace": "n", "tenant": "t", "plan": "pro", "generation": 2}
    world.configure(risk={"maxDrawdownPercent": 90}, bot=subject)
    wait_for(lambda: fold(world.portal.events).generation == 2)
    assert fold(world.portal.events).halted is None
    fills = len(world.portal.of_type("Filled"))
    wait_for(lambda: len(world.portal.of_type("Filled")) > fills + 1, 60)


def test_what_a_removed_symbol_holds_is_sold(world):
    """Two symbols, one is taken away while it is held: the next pod sells it and goes on with the other."""
    world.configure(symbols=["BTC/USDT", "ETH/USDT"])
    bot = world.start_bot()
    wait_for(lambda: "ETH/USDT" in fold(world.portal.events).positions, 60)
    world.configure(symbols=["BTC/USDT"], updateWhen="Immediate")
    assert 0 == bot.wait(30)
    held = "ETH/USDT" in fold(world.portal.events).positions
    world.start_bot()
    wait_for(lambda: [item for item in world.portal.of_type("Decision") if item.epoch == 2])
    assert "ETH/USDT" not in fold(world.portal.events).positions
    sold = [item for item in world.portal.of_type("Intended") if item.data["reason"] == "SymbolRemoved"]
    assert int(held) == len(sold)


def test_two_symbols_are_worth_the_same_before_and_after_a_kill(world):
    """The first equity of the next pod counts what is held of both; no drawdown appears that never was."""
    world.configure(symbols=["BTC/USDT", "ETH/USDT"])
    bot = world.start_bot()
    wait_for(lambda: len(fold(world.portal.events).positions) == 2, 60)
    bot.kill()
    bot.wait()
    before = fold(world.portal.events)
    world.start_bot()
    first = wait_for(lambda: [item for item in world.portal.of_type("Equity") if item.epoch == 2])[0]
    assert pytest.approx(float(before.equity), rel=0.05) == float(first.data["equity"])
    if len(before.positions) == 2:
        assert {"BTC/USDT", "ETH/USDT"} == set(first.data["prices"])


def test_a_portal_restored_from_a_copy_gets_a_new_start(world):
    """It misses events that it had acknowledged: the next pod goes on from what the portal has."""
    bot = world.start_bot()
    wait_for(lambda: len(world.portal.of_type("Decision")) > 3)
    del world.portal.events[3:]
    assert 1 == bot.wait(30)
    assert "SequenceGap" in world.words(0)["message"]
    world.start_bot(state=0)
    wait_for(lambda: [item for item in world.portal.of_type("Decision") if item.epoch == 2])
    check_ledger(world.portal)


def test_a_portal_that_lost_its_store_gets_a_new_start(world):
    """An epoch that the portal does not know ends the process, so that the next one asks for another."""
    bot = world.start_bot()
    wait_for(lambda: world.portal.of_type("Decision"))
    world.portal.forget()
    assert 1 == bot.wait(30)
    assert "EpochUnknown" in world.words(0)["message"]
