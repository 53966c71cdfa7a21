"""F16-F24: what the exchange refuses: requests, times, keys, amounts. Said once, understood, never asked for ever."""

import asyncio
import contextlib
from decimal import Decimal

import pytest
from faults.matrix import BTC, after_post, check_promises, said, settled

from tradewind_api.ledger import Closed
from tradewind_portal.keys.verifying import Secrets, Verifier
from tradewind_portal.problems import Problem
from tradewind_runner import health
from tradewind_runner.brokers.errors import ExchangeUnavailableError, RateLimitedError
from tradewind_runner.exchange import Exchange

pytestmark = pytest.mark.slow
FOR_429_S, FOR_418_S = 7, 2


@contextlib.asynccontextmanager
async def background(world):
    task = asyncio.create_task(world.desk.run())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def refusals():
    return health.REGISTRY.get_sample_value("tradewind_bot_clock_refusals_total")


def since(world, seq):
    """Return everything that anybody has asked for after a request, of public data too."""
    return world.control("GET", f"journal?since={seq}")


async def quiet_then_bought(world, rule, status, seconds):
    """Buy into silence that the exchange wants, with an order that shall end: it ends first, and nothing goes out before."""
    resting = world.intent(times="0.9")
    await world.desk.submit(resting)
    world.faults(rule)
    intent = world.intent()
    await world.desk.submit(intent)
    refused = world.posts()[-1]
    assert status == refused["status"]
    market = Exchange(world.config, clock=world.clock, limiter=world.limiter)
    with pytest.raises(RateLimitedError):
        await market.sync_clock()
    with pytest.raises(ExchangeUnavailableError):
        await market.connect([BTC])
    await market.close()
    await world.desk.cancel(resting.client_order_id)
    await settled(world)
    first = since(world, refused["seq"])[0]
    assert first["atMs"] - refused["atMs"] >= seconds * 1000
    assert ("DELETE", resting.client_order_id) == (first["method"], first["params"]["origClientOrderId"])
    assert ["Canceled", "Filled"] == [world.desk.order(item.client_order_id).status for item in (resting, intent)]
    check_promises(world)


async def test_f16_too_many_requests(world):
    """For the seven seconds that the exchange wants nothing goes out, market data included; then cancels before purchases."""
    fault = said(429, -1003, "Too many requests.", **{"Retry-After": str(FOR_429_S)})
    await quiet_then_bought(world, after_post(fault, when="before"), 429, FOR_429_S)


async def test_f17_an_address_that_is_banned(world):
    """As with too many requests: one more question would make the ban longer."""
    ban = {"type": "ban", "ip": "127.0.0.1", "seconds": FOR_418_S}
    await quiet_then_bought(world, after_post(ban, when="before"), 418, FOR_418_S)


async def test_f17_market_data_that_is_banned_silences_orders_too(world):
    """Whoever is told first: the address is one."""
    market = Exchange(world.config, clock=world.clock, limiter=world.limiter)
    world.faults({"action": {"type": "ban", "ip": "127.0.0.1", "seconds": FOR_418_S}})
    with pytest.raises(ExchangeUnavailableError, match="418"):
        await market.sync_clock()
    await market.close()
    await world.desk.submit(world.intent())
    assert [] == world.posts()
    await settled(world)
    assert 1 == len(world.posts())
    check_promises(world)


@pytest.mark.parametrize("ms", [-1_300, 6_000], ids=["ahead", "behind"])
async def test_f18_a_clock_that_is_not_the_exchanges(world, ms):
    """Asked for the time, slow as the answer is, then sent once more; a request counts for five seconds as ever."""
    slow = {"match": {"path": "/api/v3/time"}, "action": {"type": "delay", "seconds": 0.3}}
    world.faults({"action": {"type": "skew", "ms": ms}}, slow)
    counted = refusals()
    intent = world.intent()
    await world.desk.submit(intent)
    await settled(world)
    first, second = world.posts()
    assert 1 == refusals() - counted
    assert (-1021, None) == (first["code"], second["code"])
    assert {"5000"} == {entry["params"]["recvWindow"] for entry in world.requests()}
    assert "Filled" == world.desk.order(intent.client_order_id).status
    check_promises(world)


async def test_f19_a_key_that_is_revoked(world):
    """The order is refused, the desk halts with a reason, and nothing is asked any more."""
    await world.desk.submit(world.intent(times="0.9"))
    world.faults(after_post({"type": "revoke", "key": world.key}, when="before"))
    intent = world.intent()
    assert "Rejected" == (await world.desk.submit(intent)).status
    assert "CredentialsRefused" == world.desk.blocked(BTC).partition(":")[0]
    asked = len(world.requests())
    async with background(world):
        await asyncio.sleep(0.5)
    await settled(world)
    assert asked == len(world.requests())
    check_promises(world)


async def test_f20_a_key_that_can_withdraw(world):
    """The platform asks the exchange before it takes a key, and does not take this one."""
    keys = [{"key": "rich-key", "secret": "rich-secret", "permissions": ["read", "trade", "withdraw"]}]
    world.control("PUT", f"accounts/{world.name}", {"keys": [*keys, {"key": world.key, "secret": "secret"}]})
    with pytest.raises(Problem) as refused:
        await Verifier().check(world.config, Secrets("rich-key", "rich-secret"))
    assert "KeyCanWithdraw" == refused.value.code
    await Verifier().check(world.config, Secrets(world.key, "secret"))


async def test_f22_too_little_after_rounding(world):
    """Nothing is sent; the order's end says why."""
    for amount in ("0.000019", "0.000001"):
        await world.desk.submit(world.intent(amount=amount, times="0.99"))
    assert [] == world.posts()
    assert ["Filter: BelowMinimum"] * 2 == [":".join(item.reason.split(":")[:2]) for item in world.of_type(Closed)]
    check_promises(world)


CHANGED = {
    "step": ({"LOT_SIZE": {"stepSize": "0.00100000", "minQty": "0.00100000"}}, "quantity", "0.012"),
    "tick": ({"PRICE_FILTER": {"tickSize": "10.00000000", "minPrice": "10.00000000"}}, "price", None),
}


@pytest.mark.parametrize("what", CHANGED)
async def test_f23_filters_that_have_changed(world, what):
    """Read anew once, and the order goes out once more on the new grid."""
    filters, name, expected = CHANGED[what]
    world.faults({"action": {"type": "filters", "symbol": "BTCUSDT", "filters": filters}})
    intent = world.intent(amount="0.01234", times="1.00317")
    await world.desk.submit(intent)
    await settled(world)
    first, second = world.posts()
    assert (-1013, None) == (first["code"], second["code"])
    assert (expected or str(intent.price // 10 * 10)) == second["params"][name]
    assert 1 == sum(entry["path"] == "/api/v3/exchangeInfo" for entry in since(world, first["seq"])), "read anew once"
    check_promises(world)


async def test_f23_a_smallest_order_that_has_grown(world):
    """Read anew once; on the new rules there is nothing to send."""
    filters = {"NOTIONAL": {"minNotional": "5000.00000000"}}
    world.faults({"action": {"type": "filters", "symbol": "BTCUSDT", "filters": filters}})
    order = await world.desk.submit(world.intent(times="0.99"))
    assert ("Rejected", 1) == (order.status, len(world.posts()))
    assert "BelowMinimum" in world.of_type(Closed)[0].reason
    check_promises(world)


@pytest.mark.parametrize("which", ["PERCENT_PRICE", "MAX_NUM_ORDERS"])
async def test_f24_a_rule_that_the_order_breaks_whatever_is_done(world, which):
    """Refused once, and never sent again."""
    if which == "MAX_NUM_ORDERS":
        world.faults({"action": {"type": "filters", "symbol": "BTCUSDT", "filters": {which: {"maxNumOrders": 0}}}})
    order = await world.desk.submit(world.intent(times="0.9" if which == "MAX_NUM_ORDERS" else "9"))
    async with background(world):
        await asyncio.sleep(0.3)
    await settled(world)
    assert ("Rejected", 1) == (order.status, len(world.posts()))
    assert which in world.of_type(Closed)[0].reason
    assert Decimal(0) == world.held()
    check_promises(world)
