"""F27-F32 and F46-F48: fills that come late, twice, in parts or to somebody else. Each counts once and where it belongs.

The market stands still and prints no trades here: a resting order is filled by another account's hand alone, in the amounts
that the test says.
"""

import asyncio
import contextlib
from decimal import Decimal

import pytest
from faults import matrix
from faults.matrix import BTC, PRICE, World, after_post, check_promises, settled, stand_still

from tradewind_api.ledger import Acknowledged, Closed, Filled, Intended, Position
from tradewind_engine.trading.identity import client_order_id
from tradewind_engine.trading.protection import sellable
from tradewind_runner.order_desk import Pace
from tradewind_simulator.floor import LOOK_MS

pytestmark = pytest.mark.slow
OTHER = {"balances": {"USDT": "100000000", "BTC": "1000"}}
MOST_S, TICK = 10.0, Decimal("0.01")


@pytest.fixture
async def world(server):
    stand_still(server, BTC, PRICE)  # whole again
    await asyncio.sleep(LOOK_MS / 1000)  # what the test before has bought is offered again at the next look
    async with World(server) as found:
        found.control("PUT", "accounts/other", OTHER)
        yield found


def hand(world, side, amount, *, account="other", price=None, **more):
    """Trade by another hand: another account's, or the user's own on the bot's account."""
    order = {"symbol": "BTCUSDT", "side": side, "type": "LIMIT" if price else "MARKET", "quantity": amount} | more
    order |= {"price": str(price), "timeInForce": "GTC"} if price else {}
    answer = world.control("POST", f"accounts/{account}/orders", order)
    assert "orderId" in answer, answer
    return answer


def best_bid(world):
    """Return a price just above all bids of the market: who rests there is served first."""
    book = world.server.get("depth?symbol=BTCUSDT&limit=5")
    bid, ask = Decimal(book["bids"][0][0]), Decimal(book["asks"][0][0])
    assert ask - bid >= 2 * TICK
    return bid + TICK


async def rests(world):
    """Have an order of ours for 0.5 rest at the top of the book."""
    intent = world.intent(amount="0.5", times="1").model_copy(update={"price": best_bid(world)})
    order = await world.desk.submit(intent)
    assert "Open" == order.status
    return intent


async def until(look):
    async with asyncio.timeout(MOST_S):
        while not (found := look()):
            await asyncio.sleep(0.02)
    return found


@contextlib.asynccontextmanager
async def listening(world):
    """Let the desk hear of its orders from the exchange's stream, as the bot does."""
    begun = asyncio.Event()

    async def follow():
        async for seen in world.broker.updates():
            if seen is None:
                begun.set()
            else:
                world.desk.seen(seen)

    task = asyncio.create_task(follow())
    try:
        async with asyncio.timeout(MOST_S):
            await begun.wait()
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_f27_filled_is_told_before_new_and_before_the_answer(world):
    """The stream turns both events round, the answer to the order is a second late: one fill, one end."""
    async with listening(world):
        new = {"match": {"method": "EVENT", "path": "executionReport", "nth": 1}, "action": "reorder"}
        world.faults(new, after_post({"type": "delay", "seconds": 0.6}))
        intent = world.intent(amount="0.5", times="1").model_copy(update={"price": best_bid(world)})
        sending = asyncio.create_task(world.desk.submit(intent))
        await until(world.orders)
        hand(world, "SELL", "0.5")
        await until(lambda: world.of_type(Filled))
        assert not sending.done()
        assert "Filled" == (await sending).status
    assert [1, 1] == [len(world.of_type(kind)) for kind in (Filled, Closed)]
    check_promises(world)


async def test_f28_an_order_that_expires_in_part_keeps_that_part(world):
    """A market order for more than the whole book: what was there is bought, the rest expires, nothing is sent again."""
    rich = "1000000000"
    world.control("PUT", f"accounts/{world.name}", {"balances": {"USDT": rich}})
    world.start = world.start.model_copy(update={"capital": Decimal(rich), "cash": Decimal(rich)})
    world.faults({"action": {"type": "filters", "symbol": "BTCUSDT", "filters": {"MARKET_LOT_SIZE": {"maxQty": "9000"}}}})
    order = await world.desk.submit(world.intent(amount="1000"))
    assert "Expired" == order.status
    assert 0 < world.state.positions[BTC].amount < 1000
    assert [1, 1] == [len(world.posts()), len(world.of_type(Closed))]
    check_promises(world)


async def test_f28_an_order_that_meets_the_users_own_keeps_its_part(world):
    """0.2 of our 0.5 are bought, then the user sells by hand: the exchange ends ours, EXPIRED_IN_MATCH."""
    world.control("PUT", f"accounts/{world.name}", {"balances": {"BTC": "1"}})
    world.start_balances["BTC"] = "1"
    intent = await rests(world)
    hand(world, "SELL", "0.2")
    hand(world, "SELL", "0.1", account=world.name, selfTradePreventionMode="EXPIRE_MAKER")
    await settled(world)
    ours = next(order for order in world.orders() if order["clientOrderId"] == intent.client_order_id)
    assert ("EXPIRED_IN_MATCH", "Expired") == (ours["status"], world.desk.order(intent.client_order_id).status)
    assert ["0.2"] == [f"{item.amount.normalize()}" for item in world.of_type(Filled)]
    check_promises(world)


@pytest.mark.parametrize("in_bnb", [False, True], ids=["base and quote", "BNB"])
async def test_f29_a_commission_counts_in_the_currency_that_it_is_taken_in(world, in_bnb):
    """0.1 bought: a thousandth of it, or 0.75 thousandths in BNB. Sold: a thousandth of the money. All is accounted for."""
    fees = {"balances": {"BNB": "10"}, "fees": {"inBnb": in_bnb}}
    world.control("PUT", f"accounts/{world.name}", fees)
    await world.desk.submit(world.intent(amount="0.1"))
    bought = world.of_type(Filled)
    paid = sum(item.amount * item.price for item in bought)
    if in_bnb:
        assert {"BNB"} == {item.fee_currency for item in bought}
        assert sum(item.fee for item in bought) == pytest.approx(paid * Decimal("0.00075") / 500, rel=Decimal("0.01"))
    else:
        assert (Decimal("0.0001"), {"BTC"}) == (sum(item.fee for item in bought), {item.fee_currency for item in bought})
    held = Decimal("0.1") if in_bnb else Decimal("0.0999")
    assert (held, held) == (world.state.positions[BTC].amount, world.held())
    await world.desk.submit(world.intent(side="sell", amount=str(held)))
    sold = world.of_type(Filled)[len(bought) :]
    assert {"BNB" if in_bnb else "USDT"} == {item.fee_currency for item in sold}
    assert {} == world.state.positions
    got = sum(item.amount * item.price for item in sold)
    in_quote = sum(item.fee for item in world.of_type(Filled) if item.fee_currency == "USDT")
    assert got - paid - in_quote == world.state.realized_pnl
    elsewhere = sum(item.fee for item in world.of_type(Filled) if item.fee_currency == "BNB")
    assert ({"BNB": elsewhere} if in_bnb else {}) == world.state.fees_elsewhere
    there = world.control("GET", f"accounts/{world.name}")["balances"]["USDT"]
    assert Decimal(there["free"]) == world.state.cash
    check_promises(world)


async def test_f30_a_cancel_that_comes_after_the_fill_books_the_fill(world):
    """The exchange is busy for a moment with the cancel, the order is filled, the cancel is answered with -2011."""
    intent = await rests(world)
    world.faults({"match": {"method": "DELETE", "path": "/api/v3/order"}, "action": {"type": "delay", "seconds": 0.3}})
    cancelling = asyncio.create_task(world.desk.cancel(intent.client_order_id))
    await asyncio.sleep(0.1)
    hand(world, "SELL", "0.5")
    assert "Filled" == (await cancelling).status
    assert [-2011] == [entry["code"] for entry in world.requests() if entry["method"] == "DELETE"]
    check_promises(world)


async def test_f31_what_a_cancel_leaves_is_dust_and_known_as_such(world):
    """0.00005 are left for ours, 2.50 USDT of a minimum of 5: they stand in the ledger, no sale of them is sent."""
    world.control("PUT", "accounts/before", {"balances": {"USDT": "100"}})
    hand(world, "BUY", "0.00035", account="before", price=best_bid(world))
    intent = await rests(world)
    hand(world, "SELL", "0.0004")
    assert "Canceled" == (await world.desk.cancel(intent.client_order_id)).status
    held = world.state.positions[BTC]
    assert (Decimal("0.00004995"), Decimal(0)) == (held.amount, sellable(held, world.rules, Decimal(PRICE)))
    sent = len(world.posts())
    refused = await world.desk.submit(world.intent(side="sell", amount="0.00004", stop_times="0.9", times="0.89"))
    assert ("Rejected", sent) == (refused.status, len(world.posts()))
    check_promises(world)


async def test_f46_a_restart_in_the_middle_of_an_order_books_each_trade_once(world):
    """Two of three trades are in the ledger when the pod ends; the next one reads all three, by their ids."""
    intent = await rests(world)
    hand(world, "SELL", "0.1")
    hand(world, "SELL", "0.1")
    await settled(world)
    assert 2 == len(world.of_type(Filled))
    hand(world, "SELL", "0.3")
    for _ in range(2):
        world.restart()
        await world.gate()
    assert ["0.1", "0.1", "0.3"] == [f"{item.amount.normalize()}" for item in world.of_type(Filled)]
    assert [1, 1] == [len({item.client_order_id for item in world.of_type(kind)}) for kind in (Closed, Acknowledged)]
    assert "Filled" == world.of_type(Closed)[-1].outcome
    assert intent.client_order_id == world.of_type(Closed)[-1].client_order_id
    check_promises(world)


async def test_f47_trades_in_the_look_back_belong_to_who_made_them(world):
    """Another bot's and the user's own purchases on the same account, a moment ago: none of it is this bot's position."""
    hand(world, "BUY", "0.3", account=world.name)
    hand(world, "BUY", "0.2", account=world.name, newClientOrderId=client_order_id("another bot", 1, 1))
    await world.desk.submit(world.intent(amount="0.1"))
    world.restart()
    passage = await world.gate()
    assert None is passage.blocked
    assert {world.of_type(Intended)[0].client_order_id} == {item.client_order_id for item in world.of_type(Filled)}
    assert Position().amount + Decimal("0.0999") == world.state.positions[BTC].amount
    check_promises(world)


async def test_f48_a_cancel_that_is_said_to_have_worked_is_read_again(world):
    """The exchange answers Canceled, and has filled the order: the ledger has the fill."""
    intent = await rests(world)
    hand(world, "SELL", "0.5")
    (order,) = world.orders()
    said = {name: order[name] for name in order if name != "trades"} | {"status": "CANCELED", "executedQty": "0"}
    answer = {"type": "answer", "status": 200, "body": said}
    world.faults({"match": {"method": "DELETE", "path": "/api/v3/order"}, "action": answer})
    assert "Filled" == (await world.desk.cancel(intent.client_order_id)).status
    assert Decimal("0.5") == world.of_type(Filled)[0].amount
    check_promises(world)


async def test_f34_a_fill_that_no_stream_told_of_is_found_by_asking(world, monkeypatch):
    """The socket is cut and stays cut while the order is filled: the look-ups of the background find it."""
    monkeypatch.setattr(matrix, "PACE", Pace(first_s=0.05, open_s=0.3))
    world.restart()
    async with listening(world):
        intent = await rests(world)
        cut = {"match": {"method": "WS", "path": "/ws-api*"}, "action": {"type": "close-socket", "code": 1006}}
        world.faults(cut)
        looking = asyncio.create_task(world.desk.run())
        hand(world, "SELL", "0.5")
        await until(lambda: world.of_type(Filled))
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
    assert "Filled" == world.desk.order(intent.client_order_id).status
    check_promises(world)
