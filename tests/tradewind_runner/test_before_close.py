"""When the way of orders is opened: once a candle, late enough to be open at its close, and by the exchange's clock."""

import asyncio

from virtual_time import run_virtually

from tradewind_runner.before_close import before_closes
from tradewind_runner.brokers.lines import KEPT_S
from tradewind_runner.exchange_clock import ExchangeClock


async def _moments(speed, length_ms, seconds):
    loop = asyncio.get_running_loop()
    clock = ExchangeClock(speed, monotonic=loop.time)
    clock.sync(1_000_037_000.0, asked=0.0, answered=0.0)
    found = []

    async def listen():
        async for _ in before_closes(clock, length_ms):
            found.append((-clock.now_ms() % length_ms) / 1000 / speed)  # noqa: PERF401 - it has no end

    listening = asyncio.create_task(listen())
    await asyncio.sleep(seconds)
    listening.cancel()
    return found


def test_it_is_opened_once_before_each_close_and_a_line_lives_longer_than_until_then():
    found = run_virtually(_moments(1, 60_000, 3600))
    assert 60 == len(found)
    assert all(1 < seconds < KEPT_S / 2 for seconds in found)
    assert len({round(seconds, 3) for seconds in found}) > 30
    assert 10 == len(run_virtually(_moments(4, 60_000, 150)))


def test_candles_of_a_simulated_exchange_that_last_no_longer_want_none():
    assert [] == run_virtually(_moments(600, 60_000, 100))
