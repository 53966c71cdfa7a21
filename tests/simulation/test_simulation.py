"""Hundreds of hours of a live bot with faults, on virtual time: nothing is bought twice, nothing is lost.

A failing seed is lived through again by the command that the failure names.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from chaos import Chaos, smallest
from venue import T0
from world import BrokenPromiseError, World

from tradewind_runner.brokers.errors import BrokerError
from tradewind_runner.order_desk import OrderDesk

pytestmark = pytest.mark.slow
HOURS, SEEDS = 10.0, 40


@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
def test_no_fault_makes_a_bot_buy_twice_or_lose_an_event(seed):
    """After each life ledger and exchange agree: trades by id, amount, cash, open orders, one purchase a candle."""
    world = World(seed, HOURS)
    try:
        world.run()
    except BrokenPromiseError as exc:
        pytest.fail(f"{exc}\npython tests/simulation/run.py --seed {seed} --hours {HOURS:g} --shrink")
    print(f"seed {seed}: {HOURS:g} bot-hours, {len(world.chaos.fired)} faults, {world.kills} kills")
    assert len(world.chaos.fired) > 20 * HOURS


def test_a_kill_between_any_two_steps_loses_nothing():
    """A purchase, its stop, an exit: a kill at each step of the loop in turn, with the disk and without it."""
    quiet = World(7, 0.2, only=[])
    quiet.run()
    second = next((order.at_ms - T0) // 1000 for order in quiet.venue.orders if order.intent.side == "buy")
    first, last = quiet.steps_of_moment[second - 1], quiet.steps_of_moment[second + 1]
    assert 30 < last - first < 400
    for step in range(first, last):
        for disk in ([], ["disk-lost#1"]):
            world = World(7, 0.2, only=disk, kill_at_step=step)
            world.run()
            assert 1 == world.kills


def test_the_world_notices_an_order_that_is_sent_again_blindly(monkeypatch):
    """The check can fail: a desk that sends again when an answer is lost buys twice, and is found out."""
    monkeypatch.setattr(OrderDesk, "_send", _send_blindly)
    with pytest.raises(BrokenPromiseError):
        World(2, 2).run()


def test_a_failure_is_made_small():
    """Of eight faults the two that are needed together are left."""
    faults = [f"place-lost-after#{number}" for number in range(8)]
    assert faults[2:3] + faults[6:7] == smallest(faults, lambda names: {faults[2], faults[6]} <= set(names))


def test_a_seed_repeats_itself():
    """Two lives of one seed have the same faults at the same places, and the same ledger."""
    worlds = [World(3, 1), World(3, 1)]
    for world in worlds:
        world.run()
    assert worlds[0].chaos.fired == worlds[1].chaos.fired
    assert worlds[0].portal.events == worlds[1].portal.events
    assert Chaos(3).number("place-away#1") == Chaos(3).number("place-away#1") != Chaos(4).number("place-away#1")


def test_the_command_of_a_failure_works():
    """What a failing test prints can be typed."""
    command = [sys.executable, str(Path(__file__).parent / "run.py"), "--seed", "1", "--hours", "0.1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "0.1 bot-hours" in done.stdout
    assert "0 seeds failed" in done.stdout


async def _send_blindly(self, entry):
    for _ in range(3):
        try:
            self._learn(entry, await self._broker.place(entry.order.intent))
        except BrokerError:
            continue
        return
