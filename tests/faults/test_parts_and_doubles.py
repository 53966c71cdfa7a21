"""F25-F26: fills that come in parts and twice, by the account's own stream alone."""

import asyncio
import contextlib
from decimal import Decimal

import pytest
from faults.matrix import BTC, MOST_S, World, after_post, check_promises

from tradewind_api.ledger import Filled, Unknown

pytestmark = pytest.mark.slow
PARTS = ("0.04", "0.04", "0.02")
REPORT = {"method": "EVENT", "path": "executionReport"}


@contextlib.asynccontextmanager
async def listening(world):
    """Yield what the stream has told so far; the desk has heard it too."""
    heard, begun = [], asyncio.Event()

    async def listen():
        async for seen in world.broker.updates():
            if seen is None:
                begun.set()
                continue
            heard.append(seen)
            world.desk.seen(seen)

    task = asyncio.create_task(listen())
    async with asyncio.timeout(MOST_S):
        await begun.wait()
    yield heard
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def by_hand(world, side, amount, price, *, until="IOC"):
    order = {"symbol": "BTCUSDT", "side": side, "type": "LIMIT", "timeInForce": until, "quantity": amount, "price": str(price)}
    return world.control("POST", f"accounts/{world.name}/orders", order)


async def until(condition):
    async with asyncio.timeout(MOST_S):
        while not condition():
            await asyncio.sleep(0.01)


async def filled_in_parts(world, server):
    """Rest inside the spread and let another account sell into it three times; return our order."""
    bid = Decimal(server.get("depth?symbol=BTCUSDT&limit=5")["bids"][0][0])
    async with World(server, balances={"BTC": "1"}) as seller:
        intent = world.intent(amount="0.1", times="1").model_copy(update={"price": bid + Decimal("0.5")})
        await world.desk.submit(intent)
        for part in PARTS:
            by_hand(seller, "SELL", part, intent.price)
    await until(lambda: world.desk.order(intent.client_order_id).closed)
    return intent


async def test_f25_an_order_that_is_filled_in_parts(world, server):
    """40, 40 and 20 percent: amounts, price and fee (a thousandth, of what was bought) as charged, without any look-up."""
    async with listening(world) as heard:
        intent = await filled_in_parts(world, server)
        assert 4 == len(heard)
    fills = world.of_type(Filled)
    assert [Decimal(part) for part in PARTS] == [item.amount for item in fills]
    assert {intent.price} == {item.price for item in fills}
    assert Decimal("0.0001") == sum(item.fee for item in fills)
    held = world.state.positions[BTC]
    assert (Decimal("0.0999"), intent.price * Decimal("0.1")) == (held.amount, held.cost)
    assert [] == [entry for entry in world.requests() if entry["method"] == "GET" and entry["path"] == "/api/v3/order"]
    check_promises(world)


async def test_f25_an_order_that_is_filled_at_three_prices(world, server):
    """Its answer is lost and the stream tells: cost is the sum of amount times price, and nothing is asked for."""
    bid = Decimal(server.get("depth?symbol=BTCUSDT&limit=5")["bids"][0][0])
    prices = [bid + Decimal(n) / 10 for n in (1, 2, 3)]
    async with World(server, balances={"BTC": "1"}) as seller, listening(world):
        for part, price in zip(PARTS, prices, strict=True):
            by_hand(seller, "SELL", part, price, until="GTC")
        world.faults(after_post({"type": "delay", "seconds": 0.5}), after_post("reset"))
        order = await world.desk.submit(world.intent(amount="0.1"))
    assert ("Filled", []) == (order.status, world.of_type(Unknown))
    assert list(zip(map(Decimal, PARTS), prices, strict=True)) == [(item.amount, item.price) for item in world.of_type(Filled)]
    spent = bid * Decimal("0.1") + Decimal("0.004") + Decimal("0.008") + Decimal("0.006")
    held = world.state.positions[BTC]
    assert (Decimal("0.0999"), spent) == (held.amount, held.cost)
    check_promises(world)


async def test_f26_an_event_that_comes_twice(world, server):
    """Each part is told three times and booked once."""
    async with listening(world) as heard:
        world.faults({"match": REPORT, "action": {"type": "duplicate", "times": 2}})
        await filled_in_parts(world, server)
        await until(lambda: len(heard) >= 12)
    assert [Decimal(part) for part in PARTS] == [item.amount for item in world.of_type(Filled)]
    check_promises(world)
