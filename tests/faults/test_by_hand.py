"""F52 by the hands of a person: `tw kill` in all scopes and `tw close`, on a live bot and on one on paper."""

import asyncio
import os
import sys

import pytest
from live_world import holding

pytestmark = pytest.mark.slow
HEADERS = {"cookie", "tradewind-request"}
PAPER = {"mode": "Paper", "paperFill": "Book", "credentials": None}


async def tw(acme, *arguments, admin=False):
    """Run the command line as the tenant's owner, or as an administrator; return what it says."""
    session = await acme.portal.log_in() if admin else dict(acme.people.headers)
    session = {name: session[name] for name in session if name.lower() in HEADERS}
    scopes = {"scopes": ["admin", "read", "trade"]} if admin else {}
    token = (await acme.portal.token(session, **scopes))["Authorization"]
    named = {"URL": str(acme.portal.public.base_url), "TOKEN": token.removeprefix("Bearer "), "TENANT": ""}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tradewind_cli.main", *arguments),
        env=os.environ | {f"TRADEWIND_CLI_{name}": value for name, value in named.items()},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert 0 == process.returncode, out.decode()
    return out.decode()


@pytest.mark.parametrize("mode", ["Live", "Paper"])
async def test_f52_a_switch_of_every_scope_halts_until_it_is_released(acme, mode):
    """The stop is cancelled, what is held stays; API and conditions say who did it and why. Released, the stop rests again."""
    spec = PAPER if mode == "Paper" else {}
    bot = await acme.live(f"by-hand-{mode.lower()}", strategy={"document": holding(stopLossPercent=20)}, **spec)
    scopes = {
        "bot": ("--bot", bot.name),
        "account": ("--key", bot.account),
        "tenant": ("--tenant",),
        "platform": ("--platform",),
    }
    if mode == "Paper":
        del scopes["account"]
    async with bot.run() as running:

        def resting():
            return [order for order in running.bot.desk.open_orders() if order.intent.order_type == "stop"]

        await running.until(resting)
        for scope, arguments in scopes.items():
            admin = scope == "platform"
            await tw(acme, "kill", *arguments, "--reason", f"drill {scope}", admin=admin)
            await bot.told("KillSwitch", f"drill {scope}")
            assert (True, "KillSwitch") == bot.describe()["Halted"][:2]
            await running.until(lambda: not resting())
            found = running.bot.trading()[0]
            assert ("Reducing", f"Killed: {scope}") == (found.state, found.reasons[0])
            assert running.bot.state.positions
            await tw(acme, "kill", *arguments, "--release", admin=admin)
            await running.until(lambda: running.bot.trading()[0].state == "Active" and resting())
        await running.until(lambda: not running.process.ready())
        assert {} == await bot.notice()
        assert "Halted" not in bot.describe()
        assert (await running.stop()).receipt
    if mode == "Live":
        await bot.check()


@pytest.mark.parametrize("mode", ["Live", "Paper"])
async def test_f52_tw_close_sells_all_once(acme, mode):
    """It says that it is done when all is sold, not before; one sale, with its reason in the ledger."""
    spec = PAPER if mode == "Paper" else {}
    bot = await acme.live(f"closes-{mode.lower()}", strategy={"document": holding(stopLossPercent=20)}, **spec)
    async with bot.run() as running:
        await running.until(lambda: running.bot.state.positions)
        assert f"{bot.name} has closed what it held\n" == await tw(acme, "close", bot.name, "--wait", "40")
        await running.stop()
    sales = [item.data["reason"] for item in await bot.events() if item.type == "Intended" and item.data["side"] == "sell"]
    assert 1 == sales.count("CloseNow")
    if mode == "Live":
        await bot.check()
