"""A long window is taken in by slices between which everything else has its turn; what it says is the same."""

import asyncio
import dataclasses

import numpy as np
from documents import random_candles

from tradewind_api.document.resolve import template
from tradewind_engine.strategy.follow import Follower
from tradewind_runner.taking_in import STEPS_AT_ONCE, take_in

DOCUMENT = template("bollinger-breakout")
ROWS = STEPS_AT_ONCE // len(DOCUMENT.nodes)
WINDOW = random_candles(1, 5 * ROWS)


async def turns(follower, window):
    """Return what was still to be taken in whenever another task had its turn."""
    seen: list[int] = []

    async def other():
        while True:
            seen.append(follower.behind(window))
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await asyncio.sleep(0)
    await take_in(follower, window)
    task.cancel()
    return seen


async def test_others_have_their_turn_after_each_slice():
    """Never more than one slice between two turns, and less than one is left for the decision."""
    follower = Follower(DOCUMENT)
    seen = await turns(follower, WINDOW)
    assert len(WINDOW) == seen[0]
    assert max(-np.diff([*seen, 0])) <= ROWS
    said, whole = follower.signals(WINDOW), Follower(DOCUMENT).signals(WINDOW)
    assert (said.entry.tolist(), said.exit.tolist()) == (whole.entry.tolist(), whole.exit.tolist())
    for name, values in whole.series.items():
        np.testing.assert_array_equal(values, said.series[name])


async def test_a_revised_candle_is_taken_in_by_slices_too():
    """The state is made anew from the whole window."""
    follower = Follower(DOCUMENT)
    follower.signals(WINDOW)
    revised = dataclasses.replace(WINDOW, volume=WINDOW.volume + (WINDOW.ts == WINDOW.ts[3]))
    assert max(-np.diff([*(await turns(follower, revised)), 0])) <= ROWS
    assert Follower(DOCUMENT).signals(revised).entry.tolist() == follower.signals(revised).entry.tolist()


async def test_a_normal_close_is_decided_on_at_once():
    """One candle more: nobody has a turn before the decision."""
    follower = Follower(DOCUMENT)
    follower.signals(WINDOW[:-1])
    assert [1] == await turns(follower, WINDOW)
