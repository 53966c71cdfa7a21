"""F17 for all bots behind one address, and F52 with the plan and the audit log: what the portal has a part in."""

import asyncio

import pytest
from faults.matrix import said
from live_world import holding

from tradewind_api.document.resolve import template, with_parameters
from tradewind_api.plan import SHIPPED_PLANS
from tradewind_portal.audit.observer import ClusterAudit
from tradewind_portal.cluster.port import Kind

pytestmark = pytest.mark.slow
CROSSOVER = with_parameters(template("sma-crossover"), {"fast.period": 2, "slow.period": 5}).to_json()
BUSY = {"document": CROSSOVER | {"timeframe": "1m"}}
BANNED_S = 6


def since(bot, seq):
    return [entry for entry in bot.requests() if entry["seq"] > seq]


async def test_f17_a_ban_is_kept_by_all_bots_behind_the_address(acme):
    """One bot is told 418: another one of its node asks nothing until the ban is over, nor does a pod that starts meanwhile.

    A bot on another node, whose address is another, goes on. Afterwards all do.
    """
    one, two = await acme.live("one", strategy=BUSY), await acme.live("two", strategy=BUSY, symbols=["ETH/USDT"])
    far = await acme.live("far", strategy=BUSY, symbols=["SOL/USDT"], address="10.0.0.2")
    late = await acme.live("late", strategy=BUSY, symbols=["SOL/USDT"])
    async with one.run() as first, two.run() as second, far.run() as third:
        for bot, running in ((one, first), (two, second), (far, third)):
            await running.until(bot.posts)
        banned = said(418, -1003, "Way too much request weight used; IP banned.", **{"Retry-After": str(BANNED_S)})
        order = {"method": "POST", "path": "/api/v3/order", "symbol": "BTCUSDT"}
        acme.faults({"match": order, "action": banned, "times": 1})
        await first.until(lambda: [entry for entry in one.posts() if entry["status"] == 418])
        await second.until(lambda: second.bot._exchange.limiter.silent_s > 0)
        told = acme.control("GET", "journal")[-1]["seq"]
        async with late.run() as fourth:
            await fourth.until(lambda: fourth.bot._exchange.limiter.silent_s > 0)
            while second.bot._exchange.limiter.silent_s > 0:
                assert [] == [entry for bot in (one, two, late) for entry in since(bot, told)]
                await asyncio.sleep(0.2)
            assert [entry for entry in since(far, told) if entry["method"] == "POST"]
            for bot, running in ((one, first), (two, second), (late, fourth)):
                await running.until(lambda bot=bot: [entry for entry in since(bot, told) if entry["method"] == "POST"])
    for bot in (one, two, far, late):
        await bot.check()


@pytest.mark.parametrize(("policy", "held"), [("CancelOrdersAndClosePositions", False), ("CancelOrders", True)])
async def test_f52_a_kill_switch_is_in_the_audit_log_with_its_reason(acme, policy, held):
    """Set by the owner with a stop resting: it is cancelled, the position goes by policy; who did it, and why, stays."""
    bot = await acme.live("killed", strategy={"document": holding(stopLossPercent=5)}, stopPolicy=policy)
    async with bot.run() as running:
        await running.until(lambda: resting(bot))
        assert 200 == (await acme.people.put("/kill-switch", json={"reason": "drill"})).status_code
        await running.until(lambda: not resting(bot) and bool(running.bot.state.positions) == held)
        await bot.told("KillSwitch", "set by acme-owner: drill")
        assert (True, "KillSwitch") == bot.describe()["Halted"][:2]
        await running.decide(8)
        assert 1 == sum(order["side"] == "BUY" for order in bot.orders())
        assert (await running.stop()).receipt
    rows = (await acme.people.get("/audit?limit=200")).json()["items"]
    (row,) = [row for row in rows if row["action"] == "kill.engage"]
    assert ("acme-owner", "tenant/acme", "drill") == (row["actor"], row["target"], row["diff"]["reason"])
    await bot.check()
    events = await bot.events()
    assert {"Canceled"} <= {item.data["outcome"] for item in events if item.type == "Closed"}
    assert held == (not [item for item in events if item.type == "Intended" and item.data["reason"] == "Killed"])


@pytest.mark.parametrize(("policy", "held"), [("CancelOrdersAndClosePositions", False), ("CancelOrders", True)])
async def test_f52_a_plan_without_live_trading_stops_the_bot_by_its_policy(acme, policy, held):
    """The tenant's plan is changed with a stop resting: no pod any more, with the reason; the one that runs ends in order.

    Its own orders are cancelled, the position goes by policy, the receipt says so; the change of the plan is in the audit log.
    """
    bot = await acme.live("downgraded", strategy={"document": holding(stopLossPercent=5)}, stopPolicy=policy)
    audit = ClusterAudit(acme.portal.services.store, acme.portal.cluster)
    watching = asyncio.create_task(audit.run())
    async with bot.run() as running:
        await running.until(lambda: resting(bot))
        assert bot.operator(SHIPPED_PLANS["pro"]).objects
        tenant = acme.portal.cluster.cached(Kind.TENANT, "acme")
        audit.changed(Kind.TENANT, ("", "acme"), tenant)
        fewer = {**tenant, "spec": {**tenant["spec"], "plan": "free"}}
        changed = acme.portal.cluster.put(Kind.TENANT, fewer)
        changed["metadata"]["managedFields"] = [{"manager": "kubectl-edit", "operation": "Update"}]
        audit.changed(Kind.TENANT, ("", "acme"), changed)
        assert [] == bot.operator(SHIPPED_PLANS["free"]).objects
        assert (False, "PlanForbids") == bot.describe(SHIPPED_PLANS["free"])["Ready"][:2]
        words = await running.stop()
    assert ("Stopped", True) == (words.code, words.receipt)
    assert [] == resting(bot)
    events = await bot.events()
    assert ("Stopped", held) == (events[-1].type, bool(bot.state(events).positions))
    async with asyncio.timeout(10):
        while ("Tenant.changed", "acme") not in await acme.audit():
            await asyncio.sleep(0.05)
    watching.cancel()
    await bot.check()


def resting(bot):
    return [order for order in bot.orders() if order["type"] == "STOP_LOSS_LIMIT" and order["status"] == "NEW"]
