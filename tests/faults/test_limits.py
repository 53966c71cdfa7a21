"""The limits of a TradingBot's `spec.risk`, from the resource to the refusal that `kubectl describe` shows."""

from decimal import Decimal

import pytest
from live_world import holding

from tradewind_engine.trading.risk import Proposal, bounds_of

pytestmark = pytest.mark.slow
RISK = {
    "maxOrderNotional": "500",
    "maxOpenOrders": 1,
    "maxPositionPercent": 30,
    "maxOrdersPerMinute": 3,
    "maxPriceDeviationPercent": 5,
    "maxPriceAgeSeconds": 7,
}


async def test_limits_of_the_resource_refuse_and_say_so(acme):
    """Two symbols want in, one stop rests: the second one is refused, and the reason stands in API and conditions."""
    symbols = ["BTC/USDT", "ETH/USDT"]
    bot = await acme.live("limits", strategy={"document": holding(stopLossPercent=50)}, symbols=symbols, risk=RISK)
    async with bot.run() as running:
        await bot.told("OpenOrders", "1 are open, 1 allowed")
        state, price = running.bot.state, Decimal(100)
        far = Proposal("BTC/USDT", Decimal(50), price * 2)
        found = (running.bot._refused(far, state, before=price) or "").split("; ")
        kinds = {"OpenOrders", "PriceBand", "MaxOrder", "MaxPosition", "InsufficientFunds"}
        assert kinds <= {reason.partition(":")[0] for reason in found}
        assert "PriceBand: 200 is 100.0 % from 100, 5.0 allowed" in found
        assert "MaxOrder: 10000.00 for one order, 500.00 allowed" in found
        bounds = bounds_of(running.bot.config.risk)
        assert (3, 7000) == (bounds.orders_per_minute, bounds.oldest_price_ms)
        await running.stop()
    spent = [Decimal(order["cummulativeQuoteQty"]) for order in bot.orders() if order["side"] == "BUY"]
    assert len(spent) == 1
    assert 450 < spent[0] < 510  # at the price of the decision; the market moves on


async def test_steps_of_a_ladder_are_held_to_the_limits(acme):
    """Its stop is the one open order that is allowed: the step waits, and the bot says why."""
    rule = holding(stopLossPercent=50)
    rule["entry"] |= {"size": {"percentOfEquity": 10}, "ladder": {"steps": 2, "spacingPercent": 3, "sizeFactor": 1}}
    bot = await acme.live("ladder", strategy={"document": rule}, risk={"maxOpenOrders": 1})
    async with bot.run() as running:
        await bot.told("OpenOrders", "1 are open, 1 allowed")
        assert ["stop"] == [order.intent.order_type for order in running.bot.desk.open_orders()]
        await running.stop()
    await bot.check()
