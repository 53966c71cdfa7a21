"""Pods of a live bot that are killed with signal 9 at random moments, one after another, on the real simulated exchange."""

import random
import signal
import time

from bot_world import wait_for
from live_world import LiveWorld, check_against_exchange


def kill_pods(world: LiveWorld, *, seed: int, kills: int) -> int:
    """Kill so many pods, let a last one end well, and return how many orders there were.

    Raises AssertionError where an order was made twice or lost, or what is held is not what the exchange says.
    """
    moments = random.Random(seed)
    for _ in range(kills):
        bot = world.start_bot()
        wanted = len(world.orders()) + moments.choice([0, 1, 1, 2])
        wait_for(lambda wanted=wanted: len(world.orders()) >= wanted, 60)
        time.sleep(moments.choice([0, moments.uniform(0, 0.05), moments.uniform(0, 2)]))
        bot.kill()
        bot.wait()
    orders = len(world.orders())
    last = world.start_bot()
    wait_for(lambda: len(world.orders()) > orders, 60)
    last.send_signal(signal.SIGTERM)
    assert 0 == last.wait(30)
    check_against_exchange(world)
    candles = [item.data["candleOpenMs"] for item in world.portal.of_type("Intended") if item.data["reason"] == "Entry"]
    assert sorted(set(candles)) == candles
    return len(world.orders())
