"""Hundreds of hours of a live bot with faults, on virtual time: nothing is bought twice, nothing is lost.

A failing seed is lived through again by the command that the failure names.
"""

import asyncio
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from chaos import Chaos, smallest
from journal import Journal
from portals import PortalClient
from promises import BrokenPromiseError
from run import failure, shrink
from world import World

from tradewind_runner.brokers.errors import BrokerError
from tradewind_runner.order_bot import OrderBot
from tradewind_runner.order_desk import OrderDesk
from tradewind_runner.portal import FencedError, PortalUnavailableError

pytestmark = pytest.mark.slow
HOURS, SEEDS = 10.0, 40
SEND = OrderDesk._send
SCRIPTS = [
    (7036, 2, None),  # a pod taken for dead sold while the next one compared: the sale was adjusted, and booked once more
    (7073, 2, None),  # an order of such a pod became known before an earlier one, which then was never adopted
    (7135, 2, None),  # a pod that learnt of a younger one while it started ended as failed, not as fenced
    (1040, 2, None),  # a stop was filled and half of it not told of: the rest was taken out of the ledger, and then booked
]


@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
def test_no_fault_makes_a_bot_buy_twice_or_lose_an_event(seed):
    """After each life ledger and exchange agree: trades by id, amount, cash, open orders, one purchase a candle."""
    world = World(seed, HOURS)
    try:
        world.run()
    except BrokenPromiseError as exc:
        pytest.fail(f"{exc}\npython tests/simulation/run.py --seed {seed} --hours {HOURS:g} --shrink")
    print(f"seed {seed}: {HOURS:g} bot-hours, {len(world.chaos.fired)} faults, {world.kills} kills")
    assert len(world.chaos.fired) > 25 * HOURS


@pytest.mark.parametrize(("seed", "hours", "only"), SCRIPTS, ids=[str(seed) for seed, *_ in SCRIPTS])
def test_what_failed_once_does_not_fail_again(seed, hours, only):
    """Each was found by a simulation, and the product was wrong."""
    World(seed, hours, only=only and only.split(",")).run()


@pytest.mark.parametrize("disk", [[], ["power-lost#1"], ["disk-lost#1"]], ids=["kept", "without power", "lost"])
def test_a_kill_at_every_await_loses_nothing(disk):
    """A purchase, its stop, the stop's end, a sale: killed before step 1, 2, 3 ... of all of it, each goes on and ends well."""
    for step in steps_of_a_trade():
        world = short_life(disk, (step, "killed"))
        world.run()
        assert 1 == world.kills


@pytest.mark.parametrize("how", ["frozen", "cut off", "left"])
def test_a_pod_that_is_taken_for_dead_at_any_await_does_no_harm(how):
    """The next one begins beside it; it goes on at once, or thaws later, until it is told: all that it did is in the ledger."""
    for step in steps_of_a_trade():
        world = short_life([], (step, how))
        world.run()
        assert len(world.pods) == 2


def test_the_world_notices_an_order_that_is_sent_again_blindly(monkeypatch):
    """The check can fail: a desk that sends again when an answer is lost buys twice, and is found out."""
    monkeypatch.setattr(OrderDesk, "_send", _send_blindly)
    with pytest.raises(BrokenPromiseError):
        World(2, 2).run()


def test_the_world_notices_an_order_that_is_sent_before_the_disk_has_it(monkeypatch):
    """A bot whose orders do not wait for the sync is found out, although no machine has lost its power yet."""
    monkeypatch.setattr(OrderBot, "_may_leave", _at_once)
    with pytest.raises(BrokenPromiseError, match="before it was written down"):
        World(1, 1).run()


def test_a_purchase_that_is_forbidden_while_it_waits_for_the_disk_is_not_sent(monkeypatch):
    """A kill switch that comes between decision and wire stops the order; only the last look sees it."""
    world = _killed_at_the_disk(monkeypatch)
    world.run()
    assert [] == world.venue.orders
    assert {"NotSent: Killed: bot"} == {item.data["reason"] for item in world.portal.events if item.type == "Closed"}
    monkeypatch.setattr(OrderBot, "_may_leave", _after_the_disk)
    with pytest.raises(BrokenPromiseError, match="in spite of Killed: bot"):
        _killed_at_the_disk(monkeypatch).run()


def test_the_world_notices_a_pod_that_goes_on_beside_a_younger_one(monkeypatch):
    """A runner that takes `Fenced` for a portal that is away is found out."""
    monkeypatch.setattr(PortalClient, "events", _deaf(PortalClient.events))
    monkeypatch.setattr(PortalClient, "lease", _deaf(PortalClient.lease))
    with pytest.raises(BrokenPromiseError, match="told of a younger one"):
        _live(range(1, 41), 3)  # not every life has such a pod with something to send


def test_a_failure_is_made_small():
    """Of eight faults the two that are needed together are left."""
    faults = [f"place-lost-after#{number}" for number in range(8)]
    assert faults[2:3] + faults[6:7] == smallest(faults, lambda names: {faults[2], faults[6]} <= set(names))


def test_a_failing_life_is_made_short_and_fails_again(monkeypatch):
    """What `--shrink` prints: fewer hours, few faults, and the same defect shows."""
    monkeypatch.setattr(OrderDesk, "_send", _send_once_more)
    world = World(2, 2)
    assert failure(world) is not None
    hours, only = _shrunk(2, 2.0, world.chaos.fired)
    assert hours < 2
    assert 0 < len(only) < 5 < len(world.chaos.fired)
    with pytest.raises(BrokenPromiseError):
        World(2, hours, only=only).run()


def test_a_failure_that_needs_no_fault_is_shown_without_any(monkeypatch):
    """Nobody looks for the cause among faults that only happened to be there."""
    monkeypatch.setattr(OrderBot, "_may_leave", _at_once)
    world = World(1, 1)
    assert failure(world) is not None
    hours, only = _shrunk(1, 1.0, world.chaos.fired)
    assert [] == only
    with pytest.raises(BrokenPromiseError, match="before it was written down"):
        World(1, hours, only=only).run()


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


def _shrunk(seed, hours, fired):
    """Return the hours and the faults of the command that a failure is made into."""
    words = shlex.split(shrink(seed, hours, fired))
    assert ["--seed", str(seed), "--hours"] == words[:3]
    return float(words[3]), [name for name in words[5].split(",") if name]


def _live(seeds, hours):
    for seed in seeds:
        World(seed, hours).run()


def short_life(faults, end_at=(0, "")):
    """Return seven minutes in which a bot buys, its stop rests, and it sells; then the faults stop."""
    return World(11, 0.06, only=faults, end_at=end_at, quiet_s=200, trades="stop")


def steps_of_a_trade():
    """Return the steps from before the decision to buy until after everything about the sale is known."""
    quiet = short_life([])
    quiet.run()
    assert [("buy", "market"), ("sell", "stop"), ("sell", "market")] == [
        (order.intent.side, order.intent.order_type) for order in quiet.venue.orders
    ]
    bought, _, sold = quiet.steps_of_orders
    assert sold - bought > 100
    return range(bought - 30, sold + 90)


def _killed_at_the_disk(monkeypatch):
    """Return a world whose kill switch goes on whenever the disk has taken something, until the portal says otherwise."""
    world = short_life([])

    async def bring(journal):
        content = journal.path.read_bytes()
        await asyncio.sleep(0.005)
        journal.safe, world.pods[-1].reporter.kill = content, ["bot"]

    monkeypatch.setattr(Journal, "_bring", bring)
    return world


async def _at_once(self, intent):
    pass


async def _after_the_disk(self, intent):
    await self._reporter.on_disk()


def _deaf(call):
    async def answered(self, request):
        try:
            return await call(self, request)
        except FencedError as exc:
            raise PortalUnavailableError(str(exc)) from exc

    return answered


async def _send_once_more(self, entry):
    """Send as it should be, and again without a look-up where the answer is lost."""
    await SEND(self, entry)
    if entry.order.status == "Unknown":
        await SEND(self, entry)


async def _send_blindly(self, entry):
    for _ in range(3):
        try:
            self._learn(entry, await self._broker.place(entry.order.intent))
        except BrokerError:
            continue
        return
