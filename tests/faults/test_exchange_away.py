"""F41, F43, F45 and F51 on orders: an exchange that rests, refuses or remembers otherwise, and a wall clock that jumps."""

import time
from decimal import Decimal

import pytest
from faults.matrix import BTC, after_post, check_promises, said, settled

from tradewind_api.ledger import Adjusted, Closed, Halted
from tradewind_engine.trading.identity import client_order_id

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("status", ["BREAK", "HALT", "CANCEL_ONLY"])
async def test_f41_a_market_that_rests_takes_no_order_and_is_resumed(world, status):
    """The order ends as rejected, with the reason, and is not tried again; afterwards all is as before."""
    resting = world.intent(times="0.9")
    await world.desk.submit(resting)
    world.faults({"action": {"type": "halt", "symbol": "BTCUSDT", "status": status}})
    order = await world.desk.submit(world.intent())
    await settled(world)
    assert ("Rejected", 2, None) == (order.status, len(world.posts()), world.desk.halted)
    assert ["MarketClosed"] == [item.reason.partition(":")[0] for item in world.of_type(Closed)]
    world.faults()
    assert None is (await world.gate()).blocked
    assert "Filled" == (await world.desk.submit(world.intent())).status
    assert "Canceled" == (await world.desk.cancel(resting.client_order_id)).status
    check_promises(world)


@pytest.mark.parametrize(("status", "code"), [(503, -1016), (400, -1016)])
async def test_f41_an_exchange_in_maintenance_is_waited_for(world, status, code):
    """Nothing is taken: it is looked up, tried a few times under the same id, then given up; afterwards all is as before."""
    away = said(status, code, "This service is no longer available.")
    world.faults({"match": {"method": "POST", "path": "/api/v3/order"}, "when": "before", "action": away})
    order = await world.desk.submit(world.intent())
    await settled(world)
    assert [] == world.orders()
    assert world.desk.order(order.intent.client_order_id).status in {"Rejected", "NotPlaced"}
    assert len(world.posts()) <= 4
    world.faults()
    assert None is (await world.gate()).blocked
    assert "Filled" == (await world.desk.submit(world.intent())).status
    check_promises(world)


@pytest.mark.parametrize(
    "answer",
    [
        {"type": "answer", "status": 451, "body": {"code": 0, "msg": "Service unavailable from a restricted location"}},
        {"type": "answer", "status": 403, "body": "<html>403 Forbidden</html>"},
    ],
)
async def test_f43_an_exchange_that_forbids_ends_all_requests(world, answer):
    """Nothing was taken, nothing more is sent, the reason stands."""
    world.faults(after_post(answer, when="before"))
    await world.desk.submit(world.intent())
    await settled(world)
    asked = len(world.requests())
    assert world.desk.halted.startswith("Forbidden: ")
    assert world.desk.blocked(BTC) == world.desk.halted
    assert ([], asked, 1) == (world.orders(), len(world.requests()), len(world.posts()))
    check_promises(world)


async def test_f45_a_fill_that_the_ledger_lost_is_adopted(world):
    """An order of an earlier pod whose disk is gone: the exchange has it, so has the ledger, as what it was."""
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.02"}
    world.restart()
    cid = client_order_id("uid", 1, 7)
    world.control("POST", f"accounts/{world.name}/orders", order | {"newClientOrderId": cid})
    assert None is (await world.gate()).blocked
    assert Decimal("0.01998") == world.state.positions[BTC].amount == world.held()
    check_promises(world)


@pytest.mark.parametrize(("amount", "halted"), [("0.01", False), ("0.1", True)])
async def test_f45_what_the_exchange_does_not_hold_any_more_is_taken_out_of_the_ledger(world, amount, halted):
    """Sold by the user's hand, 0.6 % or 6 % of the equity: one adjustment in two starts, and no fill is made up.

    More than the tolerance of 1 % waits for a person.
    """
    await world.desk.submit(world.intent(amount=amount))
    sale = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": str(world.held().quantize(Decimal("0.00001")))}
    assert "orderId" in world.control("POST", f"accounts/{world.name}/orders", sale)
    for _ in range(2):
        world.restart()
        passage = await world.gate()
    assert world.held() == sum((p.amount for p in world.state.positions.values()), Decimal(0))
    assert (1, halted) == (len(world.of_type(Adjusted)), bool(world.of_type(Halted)))
    assert halted == ("BalanceDifference" == world.state.halted)
    assert passage.blocked is None
    check_promises(world)


@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
async def test_f51_a_wall_clock_that_jumps_changes_no_request(world, monkeypatch, step_s):
    """Orders are stamped with the exchange's time, which a monotonic clock carries: none is refused as too early or late."""
    real = time.time
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: real() + step_s)
        first = await world.desk.submit(world.intent())
        resting = await world.desk.submit(world.intent(times="0.9"))
        await world.desk.cancel(resting.intent.client_order_id)
        await settled(world)
    assert "Filled" == first.status
    assert not {-1021} & {entry["code"] for entry in world.requests()}
    world.written_ms = {cid: int(ms - step_s * 1000) for cid, ms in world.written_ms.items()}
    check_promises(world)
