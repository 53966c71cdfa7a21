"""The gate before Ready: adopt, settle, compare; wait for an exchange that is away. Virtual time, the fake exchange."""

import asyncio
from decimal import Decimal

import pytest
from fake_exchange import FakeBroker, FakeExchange
from virtual_time import run_virtually

from tradewind_api.fold import fold
from tradewind_api.ledger import Intended, LedgerState, Position, event
from tradewind_engine.trading.identity import client_order_id
from tradewind_engine.trading.rounding import MarketRules
from tradewind_runner.brokers import errors
from tradewind_runner.gate import Gate
from tradewind_runner.order_desk import OrderDesk

BTC = "BTC/USDT"
RULES, PRICES = {BTC: MarketRules(BTC, Decimal("0.1"))}, {BTC: Decimal(100)}
EMPTY = LedgerState(currency="USDT", cash=Decimal(1000), equity=Decimal(1000))


class World:
    def __init__(self, state=EMPTY, epoch=2):
        self.exchange = FakeExchange()
        self.broker, self.events, self.start = FakeBroker(self.exchange), [], state
        self.desk = OrderDesk(self.broker, self.events.extend, lambda: 1_000_000, bot_uid="uid", epoch=epoch)
        self.desk.resume(state)
        self.gate = Gate(self.broker, self.desk, self.events.extend, lambda: self.state, lambda: 1_000_000)

    @property
    def state(self):
        return fold([event("uid", 2, seq=n, at_ms=0, data=item) for n, item in enumerate(self.events, 1)], self.start)

    async def enter(self):
        return await self.gate.pass_through([BTC], RULES, PRICES)


def order(number=1, epoch=1, cid=None):
    return Intended(
        client_order_id=cid or client_order_id("uid", epoch, number),
        symbol=BTC,
        side="buy",
        amount=Decimal(10),
        candle_open_ms=0,
        reason="Entry",
    )


def test_a_bot_without_a_past_goes_straight_through():
    async def main():
        world = World()
        passage = await world.enter()
        assert ((), None, []) == (passage.differences, passage.blocked, world.events)

    run_virtually(main())


def test_an_order_that_the_ledger_lost_is_adopted_before_balances_are_compared():
    """Somebody else's order is not ours to book, and its amount is not ours to hold."""

    async def main():
        world = World()
        world.exchange.take(order())
        world.exchange.take(order(cid="x-TKT5PX2F1"))
        passage = await world.enter()
        assert (None, Decimal(10)) == (passage.blocked, world.state.positions[BTC].amount)

    run_virtually(main())


@pytest.mark.parametrize(
    ("held", "blocked", "left"), [("10", None, Decimal(10)), ("10.05", None, Decimal(10)), ("15", True, Decimal(10))]
)
def test_the_exchange_is_right_about_amounts_and_a_large_loss_halts(held, blocked, left):
    """Half a step is dust; five of fifteen are half of the equity, and stay a halt for the next pod."""

    async def main():
        state = EMPTY.model_copy(update={"positions": {BTC: Position(amount=Decimal(held), notional=Decimal(1000))}})
        world = World(state)
        world.exchange.take(order(cid="x-1"))
        passage = await world.enter()
        assert left == world.state.positions[BTC].amount
        if blocked:
            assert f"BalanceDifference: BTC: the ledger has {held}, the exchange 10" == passage.blocked
            assert "BalanceDifference" == world.state.halted
        else:
            assert (None, None) == (passage.blocked, world.state.halted)

    run_virtually(main())


def test_a_sale_of_a_pod_that_was_taken_for_dead_is_no_difference():
    """It sells when orders have been listed and balances have not: they are listed again before anything is adjusted."""

    async def main():
        world = World()
        world.exchange.take(order())
        balances = world.broker.balances

        async def sold():
            world.broker.balances = balances
            world.exchange.take(order(2).model_copy(update={"side": "sell"}))
            return await balances()

        world.broker.balances = sold
        assert None is (await world.enter()).blocked
        assert ({}, None) == (world.state.positions, world.state.halted)
        assert "Adjusted" not in [type(item).__name__ for item in world.events]

    run_virtually(main())


def test_an_exchange_that_is_away_is_waited_for_and_the_problem_is_told():
    async def main():
        world = World()
        away = [
            errors.ExchangeUnavailableError("502"),
            errors.OutcomeUnknownError("html"),
            errors.RateLimitedError("429", retry_after_s=7),
        ]
        asked, balances = [], world.broker.balances

        async def fails():
            asked.append(round(asyncio.get_running_loop().time(), 1))
            if away:
                raise away.pop(0)
            return await balances()

        world.broker.balances = fails
        task = asyncio.create_task(world.enter())
        await asyncio.sleep(0.2)
        assert "the exchange cannot be asked what it has: 502" == world.gate.problem
        assert None is (await task).blocked
        assert ("", 4) == (world.gate.problem, len(asked))
        assert asked[3] - asked[2] >= 7

    run_virtually(main())


@pytest.mark.parametrize("exception", [errors.CredentialsRefusedError("-2015"), errors.ForbiddenError("451")])
def test_a_refused_key_is_no_reason_to_wait(exception):
    async def main():
        world = World()

        async def fails(*_, **__):
            raise exception

        world.broker.orders = fails
        passage = await world.enter()
        assert type(exception).__name__.removesuffix("Error") == passage.blocked.partition(":")[0]

    run_virtually(main())


def test_a_younger_pods_order_keeps_the_older_pod_out():
    async def main():
        world = World(epoch=1)
        world.exchange.take(order(epoch=3))
        assert "Fenced" == (await world.enter()).blocked.partition(":")[0]

    run_virtually(main())
