"""The moments shortly before candles close, by the exchange's clock: what an order will need can be made ready then."""

import asyncio
from collections.abc import AsyncIterator

from tradewind_runner.exchange_clock import ExchangeClock
from tradewind_runner.spread import spread

BEFORE_S = 4.0  # and up to a half more: less than a line is kept for, and not the same for all bots


async def before_closes(clock: ExchangeClock, length_ms: int) -> AsyncIterator[None]:
    """Yield some seconds before each close, for ever; not at all where a candle is hardly longer: a simulated exchange's."""
    if length_ms / 1000 / clock.speed < 3 * BEFORE_S:
        return
    while True:
        close = (int(clock.now_ms()) // length_ms + 1) * length_ms
        wait = clock.wall_seconds_until(close) - spread(BEFORE_S)
        if wait > 0:
            await asyncio.sleep(wait)
            yield
        await asyncio.sleep(clock.wall_seconds_until(close) + 0.01)
