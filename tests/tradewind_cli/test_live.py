"""`tw keys`, `tw kill` and `tw close` against a served portal: secrets come by standard input and are shown nowhere."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from portal_double import Running, running_portal

from tradewind_portal.cluster.port import Kind

pytestmark = pytest.mark.slow

KEY, SECRET = "AKIA-0123456789-0123456789", "secret-canary-1111"
BOT = {
    "strategy": {"template": "sma-crossover"},
    "exchange": "simulated",
    "symbols": ["BTC/USDT"],
    "timeframe": "1m",
    "mode": "Live",
    "credentials": "main",
    "capital": {"currency": "USDT", "amount": "1000"},
}


class Tw:
    """The command line of acme's owner."""

    def __init__(self, portal: Running, token: str) -> None:
        self.portal = portal
        self.environment = {
            **os.environ,
            "TRADEWIND_CLI_URL": str(portal.public.base_url),
            "TRADEWIND_CLI_TOKEN": token,
            "TRADEWIND_CLI_TENANT": "",
        }

    async def __call__(self, *arguments: str, stdin: str = "") -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tradewind_cli.main", *arguments),
            env=self.environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate(stdin.encode())
        assert SECRET not in out.decode()
        return process.returncode or 0, out.decode()


@pytest_asyncio.fixture
async def tw(tmp_path: Path) -> AsyncIterator[Tw]:
    async with running_portal(tmp_path / "data") as portal:
        session = await portal.tenant("acme", await portal.log_in())
        header = await portal.token(session)
        yield Tw(portal, header["Authorization"].removeprefix("Bearer "))


async def test_the_life_of_a_key(tw: Tw):
    """Added, listed, rotated, in use not removed, removed."""
    code, out = await tw("keys", "add", "main", "--exchange", "simulated", "--stdin", stdin=f"{KEY}\n{SECRET}\n")
    assert (0, "main kept: it can trade at simulated and cannot withdraw\n") == (code, out)
    tw.portal.cluster.put(Kind.TRADING_BOT, {"metadata": {"name": "one"}, "spec": BOT}, "tw-acme-test")
    _, out = await tw("keys", "ls")
    assert ["main", "simulated", "1", "6789", "one", "0"] == out.splitlines()[1].split()
    pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIE\n-----END PRIVATE KEY-----"
    code, out = await tw("keys", "rotate", "main", "--stdin", stdin=f"AKIA-another-0123456789-\n{pem}\n")
    assert (0, True) == (code, "main is version 2 now" in out and "still with the old one" in out)
    code, out = await tw("keys", "rm", "main")
    assert (1, True) == (code, "live bots use it: one" in out)
    await tw.portal.cluster.delete(Kind.TRADING_BOT, "one", namespace="tw-acme-test")
    assert 0 == (await tw("keys", "rm", "main"))[0]


FAULTS = [
    (("keys", "add", "main", "-e", "simulated"), f"{KEY}\n{SECRET}\n", "send it on standard input with --stdin"),
    (("keys", "add", "main", "-e", "simulated", "--stdin"), f"{KEY}\n", "the secret in the second"),
    (("keys", "add", "main", KEY, "not-the-secret", "-e", "simulated"), "", "unexpected extra argument"),
    (("kill",), "", "name one of --bot NAME"),
    (("kill", "--bot", "one", "--tenant"), "", "name one of --bot NAME"),
]


async def test_what_is_missing_is_said(tw: Tw):
    """A usage error with the way out; nothing is sent, and no secret is an argument."""
    for arguments, stdin, words in FAULTS:
        code, out = await tw(*arguments, stdin=stdin)
        assert (2, True) == (code, words in out), out


async def test_stopping_and_letting_go(tw: Tw):
    """On, listed, off; and a close that the bot has not done yet is said to be open."""
    tw.portal.cluster.put(Kind.TRADING_BOT, {"metadata": {"name": "one"}, "spec": BOT}, "tw-acme-test")
    assert (0, "the kill switch of bot one is on\n") == await tw("kill", "--bot", "one", "--reason", "drill")
    assert ["bot", "one", "acme-owner", "drill"] == (await tw("kill", "--list"))[1].splitlines()[1].split()
    assert "kill switches that are on: bot" in (await tw("bots", "show", "one"))[1]
    assert (0, "the kill switch of bot one is off\n") == await tw("kill", "--bot", "one", "--release")
    code, out = await tw("close", "one", "--wait", "0")
    assert (1, True) == (code, "one was asked" in out)
    code, out = await tw("kill", "--platform")
    assert (1, True) == (code, "Forbidden" in out)
