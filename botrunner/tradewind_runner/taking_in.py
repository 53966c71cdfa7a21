"""A long window of candles taken in by the slice, so that whatever else the process owes is done in between.

A first start, or a revised candle, moves a strategy on over its whole lookback: 5,000 candles of 64 nodes are some hundred
thousand steps of Python at once. Heartbeat, probes and the stops of other symbols do not wait for all of them.
"""

import asyncio

from tradewind_engine.candles import Candles
from tradewind_engine.strategy.follow import Follower

STEPS_AT_ONCE = 5_000  # of one node by one candle: some ten milliseconds


async def take_in(follower: Follower, window: Candles) -> None:
    """Let `follower` take in all but the last slice of what it has not seen of `window`; a normal close is less than one."""
    rows = max(1, STEPS_AT_ONCE // follower.nodes)
    if len(window) <= rows:
        return
    while (behind := follower.behind(window)) > rows:
        follower.signals(window[: len(window) - behind + rows])
        await asyncio.sleep(0)
