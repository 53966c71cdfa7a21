"""Our own limiter: sales and cancels first, and silence while the exchange wants it. Virtual time."""

import asyncio

import pytest
from virtual_time import run_virtually

from tradewind_runner.brokers.errors import RateLimitedError
from tradewind_runner.brokers.limiter import Limiter


def now():
    return asyncio.get_running_loop().time()


def test_ten_go_out_at_once_and_then_one_each_gap():
    async def main():
        limiter = Limiter(per_second=20)
        times = []
        for _ in range(14):
            await limiter.turn()
            times.append(round(now(), 2))
        assert [0.0] * 10 == times[:10]
        assert [0.0, 0.05, 0.1, 0.15] == times[10:]

    run_virtually(main())


def test_a_sale_overtakes_what_waits():
    async def main():
        limiter, order = Limiter(per_second=20), []

        async def ask(name, *, urgent):
            await limiter.turn(urgent=urgent)
            order.append(name)

        for _ in range(11):
            await limiter.turn()
        waiting = [asyncio.create_task(ask(f"candle {n}", urgent=False)) for n in range(3)]
        await asyncio.sleep(0.001)
        waiting.append(asyncio.create_task(ask("sale", urgent=True)))
        await asyncio.gather(*waiting)
        assert ["sale", "candle 0", "candle 1", "candle 2"] == order

    run_virtually(main())


def test_silence_is_for_everybody_and_says_how_long():
    async def main():
        limiter = Limiter()
        limiter.be_quiet(7)
        await asyncio.sleep(3)
        for urgent in (False, True):
            with pytest.raises(RateLimitedError) as refused:
                await limiter.turn(urgent=urgent)
            assert 4.0 == refused.value.retry_after_s
        await asyncio.sleep(3.5)
        await limiter.turn()
        assert 7.0 == round(now(), 3)

    run_virtually(main())


@pytest.mark.parametrize(("used", "ordinary", "urgent"), [("4799", True, True), ("4800", False, True), ("6000", False, False)])
def test_the_last_fifth_of_the_weight_is_for_what_reduces_risk(used, ordinary, urgent):
    """Of 6,000 a minute; a minute later the counter is empty again."""

    async def main():
        limiter = Limiter(per_minute=6000)
        limiter.told({"x-mbx-used-weight-1m": used})
        for wanted, is_urgent in ((ordinary, False), (urgent, True)):
            try:
                await limiter.turn(urgent=is_urgent)
                assert wanted
            except RateLimitedError:
                assert not wanted
        await asyncio.sleep(60)
        await limiter.turn()

    run_virtually(main())


@pytest.mark.parametrize("header", ["", "-5", "much", "9" * 400])
def test_a_header_that_is_no_count_does_no_harm(header):
    async def main():
        Limiter().told({"x-mbx-used-weight-1m": header})

    run_virtually(main())
