"""The process that asks an exchange what a key may do: real ccxt over real sockets, and what it may say back."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from simulator_process import Server

from tradewind_api.runner import Endpoint, ExchangeConfig
from tradewind_portal.keys.verify import binance
from tradewind_portal.keys.verifying import PROGRAM, Secrets, Verifier
from tradewind_portal.problems import Problem

pytestmark = pytest.mark.slow

KEY = Secrets("AKIA-canary-0123456789", "secret-canary-1111")
GOOD = {
    "ipRestrict": True,
    "createTime": 1698645219000,
    "enableReading": True,
    "enableWithdrawals": False,
    "enableInternalTransfer": False,
    "permitsUniversalTransfer": False,
    "enableMargin": False,
    "enableFutures": False,
    "enableSpotAndMarginTrading": True,
}


class Exchange:
    """Answers as Binance documents it, or wrongly; `asked` are the headers and queries of signed requests."""

    def __init__(self) -> None:
        self.status, self.answer = 200, json.dumps(GOOD)
        self.asked: list[tuple[str | None, str]] = []

    async def time(self, _: web.Request) -> web.Response:
        return web.json_response({"serverTime": 1_700_000_000_000})

    async def restrictions(self, request: web.Request) -> web.Response:
        self.asked.append((request.headers.get("X-MBX-APIKEY"), request.query_string))
        return web.Response(text=self.answer, status=self.status, content_type="application/json")


@pytest_asyncio.fixture
async def exchange() -> AsyncIterator[tuple[Exchange, ExchangeConfig]]:
    there = Exchange()
    app = web.Application()
    app.router.add_get("/api/v3/time", there.time)
    app.router.add_get("/sapi/v1/account/apiRestrictions", there.restrictions)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield there, ExchangeConfig(name="binance", ccxt_id="binance", endpoint=Endpoint(rest=f"http://127.0.0.1:{port}"))
    await runner.cleanup()


async def test_a_harmless_key_passes_and_is_signed_in_the_exchanges_time(exchange: tuple[Exchange, ExchangeConfig]):
    """The exchange's own clock is used; the secret itself is not sent."""
    there, config = exchange
    assert () == await Verifier().check(config, KEY)
    (header, query) = there.asked[0]
    assert KEY.api_key == header
    assert "timestamp=1700000" in query
    assert KEY.secret not in query


@pytest.mark.parametrize(
    ("status", "answer", "code"),
    [
        (503, {"code": 0, "msg": "unavailable"}, "ExchangeUnavailable"),
        (200, {"ipRestrict": True}, "ExchangeUnreadable"),
    ],
)
async def test_what_an_exchange_says_decides(
    exchange: tuple[Exchange, ExchangeConfig], status: int, answer: dict[str, Any], code: str
):
    """Without a clear answer none is taken, and nothing of the key is in what is said."""
    there, config = exchange
    there.status, there.answer = status, json.dumps(answer)
    with pytest.raises(Problem) as caught:
        await Verifier().check(config, KEY)
    assert code == caught.value.code
    assert "canary" not in str(caught.value) + repr(caught.value.errors)


class Told:
    """As much of ccxt as the question needs."""

    def __init__(self, **changes: Any) -> None:
        self.options: dict[str, Any] = {}
        self.answer = {**GOOD, **changes}

    def load_time_difference(self) -> None:
        pass

    def sapi_get_account_apirestrictions(self) -> dict[str, Any]:
        return self.answer


@pytest.mark.parametrize("value", [True, "false", None, 0, "no"])
def test_anything_but_a_plain_no_is_a_key_that_withdraws(value: Any):
    """And anything but a plain yes one that cannot trade."""
    assert binance(Told(enableWithdrawals=value))["canWithdraw"]
    assert binance(Told(enableSpotAndMarginTrading=value))["canTrade"] is (value is True)


def test_what_a_key_may_beyond_is_told():
    """Any address, margin, futures, transfers: warnings, for none of them moves funds out."""
    more = {name: True for name, value in GOOD.items() if value is False and name != "enableWithdrawals"}
    warnings = binance(Told(**more, ipRestrict=False))["warnings"]
    assert 5 == len(warnings)
    assert "works from any address" in warnings[0]


async def test_an_exchange_whose_keys_cannot_be_asked_about_is_refused():
    """It might withdraw."""
    with pytest.raises(Problem) as caught:
        await Verifier().check(ExchangeConfig(name="kraken", ccxt_id="kraken"), KEY)
    assert "KeyNotCheckable" == caught.value.code


async def test_the_key_is_in_no_argument_and_no_environment():
    """Of the process, which anybody on the machine may list; and its answer has no part of it, whatever goes wrong."""
    request = {"ccxtId": "binance", "endpoint": "http://127.0.0.1:9", "apiKey": KEY.api_key, "secret": KEY.secret}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", PROGRAM), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate(json.dumps(request).encode())
    assert {"error": "Unavailable"} == json.loads(out)


async def test_the_simulated_exchange_answers_as_the_real_one(tmp_path: Path):
    """A key that may trade passes; one that may withdraw, one that may only read, or with a wrong secret, do not."""
    keys = [
        {"key": "trade-0123456789", "secret": "s1", "permissions": ["read", "trade"]},
        {"key": "withdraw-0123456789", "secret": "s2", "permissions": ["read", "trade", "withdraw"]},
        {"key": "read-0123456789", "secret": "s3", "permissions": ["read"]},
    ]
    server = Server(tmp_path, "--accounts", json.dumps({"acme": {"keys": keys}}))
    try:
        config = ExchangeConfig(name="simulated", ccxt_id="binance", endpoint=Endpoint(rest=f"http://127.0.0.1:{server.rest}"))
        assert 1 == len(await Verifier().check(config, Secrets("trade-0123456789", "s1")))
        refused = {}
        for key, secret in {"withdraw": "s2", "read": "s3", "trade": "another"}.items():
            with pytest.raises(Problem) as caught:
                await Verifier().check(config, Secrets(f"{key}-0123456789", secret))
            refused[key] = caught.value.code
    finally:
        server.stop()
    assert {
        "withdraw": "KeyCanWithdraw",
        "read": "KeyCannotTrade",
        "trade": "KeyInvalid",
    } == refused
