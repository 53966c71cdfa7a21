"""F01-F11: orders whose answers are lost, late or wrong. One buy each, and the ledger has what the exchange has."""

import asyncio
from decimal import Decimal

import pytest
from faults.matrix import BTC, after_post, check_promises, said, settled

from tradewind_api.ledger import Closed, Filled, Intended, Unknown
from tradewind_runner.order_desk import BlockedError

pytestmark = pytest.mark.slow


async def bought_once(world, fault):
    """Buy with the answer spoilt after the exchange has filled the order; return how the order ended."""
    world.faults(after_post(fault))
    intent = world.intent()
    order = await world.desk.submit(intent)
    assert ("Unknown", "InDoubt") == (order.status, world.desk.blocked(BTC).partition(":")[0])
    with pytest.raises(BlockedError):
        await world.desk.submit(world.intent())
    await settled(world)
    assert (1, 1, 1) == (len(world.posts()), len(world.orders()), len(world.of_type(Unknown)))
    assert ("Filled", Decimal("0.01")) == (world.desk.order(intent.client_order_id).status, intent.amount)
    assert None is world.desk.blocked(BTC)
    check_promises(world)


@pytest.mark.usefixtures("hasty")
async def test_f01_an_answer_that_never_comes(world):
    await bought_once(world, "drop")


async def test_f02_a_connection_that_is_reset(world):
    await bought_once(world, "reset")


async def test_f03_a_gateway_that_says_502(world):
    await bought_once(world, {"type": "answer", "status": 502, "body": "<html>bad gateway</html>"})


@pytest.mark.parametrize("how", ["close", "truncated200"])
async def test_f04_a_connection_that_is_closed_in_the_middle_of_the_answer(world, how):
    await bought_once(world, how)


async def test_f05_a_page_in_place_of_the_answer(world):
    await bought_once(world, "html200")


async def test_f06_an_empty_answer(world):
    await bought_once(world, "empty200")


@pytest.mark.parametrize(("status", "code"), [(400, -1006), (400, -1007), (504, -1007), (503, -1000)])
async def test_f07_an_exchange_that_does_not_know_itself(world, status, code):
    await bought_once(world, said(status, code, "Unknown error, please check your request or try again later."))


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("how", ["drop", "reset"])
async def test_f08_an_order_that_the_exchange_never_got(world, how):
    """Looked up for the whole time of patience, five times and a second; then the strategy is free to decide anew."""
    world.faults(after_post(how, when="before"))
    intent = world.intent()
    await world.desk.submit(intent)
    await settled(world)
    looked = [entry["atMs"] for entry in world.requests() if entry["code"] == -2013]
    assert ("NotPlaced", 1, []) == (world.desk.order(intent.client_order_id).status, len(world.posts()), world.orders())
    assert len(looked) >= 5
    assert looked[-1] - world.written_ms[intent.client_order_id] >= 1_000
    check_promises(world)
    again = world.intent()
    assert "Filled" == (await world.desk.submit(again)).status
    check_promises(world)


async def test_f09_look_ups_that_lag_behind(world):
    """Three times not there, then filled: nothing goes out meanwhile, and it is booked once."""
    world.faults(after_post({"type": "lag", "times": 3}), after_post("reset"))
    intent = world.intent()
    await world.desk.submit(intent)
    settling = asyncio.create_task(settled(world))
    while not settling.done():
        blocked = world.desk.blocked(BTC)
        assert blocked is None or blocked.startswith("InDoubt")
        await asyncio.sleep(0.01)
    await settling
    assert 3 == sum(entry["code"] == -2013 for entry in world.requests())
    assert ("Filled", 1) == (world.desk.order(intent.client_order_id).status, len(world.posts()))
    check_promises(world)


@pytest.mark.parametrize("times", [None, "0.9"])
async def test_f10_a_duplicate_is_the_twin_of_ours(world, times):
    """The exchange has it already: it is looked up and adopted, filled or resting."""
    world.faults(after_post(said(400, -2010, "Duplicate order sent.")))
    intent = world.intent(times=times)
    await world.desk.submit(intent)
    await settled(world)
    status = "Open" if times else "Filled"
    assert (status, 1) == (world.desk.order(intent.client_order_id).status, len(world.posts()))
    check_promises(world)


async def test_f11_an_id_that_was_filled_is_never_sent_again(world):
    """The exchange would take it a second time; the desk does not, in this pod or the next."""
    intent = world.intent()
    await world.desk.submit(intent)
    with pytest.raises(BlockedError, match="Used"):
        await world.desk.submit(intent)
    world.restart()
    with pytest.raises(BlockedError, match="Used"):
        await world.desk.submit(intent)
    assert 1 == len(world.posts())
    assert [1, 1, 1] == [len(world.of_type(kind)) for kind in (Intended, Filled, Closed)]
    check_promises(world)
