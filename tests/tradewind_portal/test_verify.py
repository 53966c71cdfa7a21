"""The process that asks an exchange what a key may do: real ccxt over real sockets, and what it may say back."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import ccxt.async_support
import jwt
import pytest
import pytest_asyncio
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from simulator_process import Server

from tradewind_api.exchange_keys import ANY_ADDRESS, QUESTIONS
from tradewind_api.runner import Endpoint, ExchangeConfig
from tradewind_portal.keys.verify import ask
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


OTHERS = {
    "okx": ("/api/v5/account/config", {"code": "0", "data": [{"perm": "read_only,trade", "ip": ""}]}, "OK-ACCESS-KEY"),
    "bybit": (
        "/v5/user/query-api",
        {
            "retCode": 0,
            "result": {"readOnly": 0, "ips": ["*"], "permissions": {"Spot": ["SpotTrade"], "Wallet": [], "FiatP2P": []}},
        },
        "X-BAPI-API-KEY",
    ),
    "coinbase": ("/api/v3/brokerage/key_permissions", {"can_trade": True, "can_transfer": False}, "Authorization"),
    "kucoin": ("/api/v1/user/api-key", {"code": "200000", "data": {"permission": "General,Spot"}}, "KC-API-KEY"),
}
TIMES = {
    "/api/v5/public/time": {"code": "0", "data": [{"ts": "1700000000000"}]},
    "/v5/market/time": {"retCode": 0, "result": {"timeSecond": "1700000000"}, "time": 1_700_000_000_000},
    "/v2/time": {"data": {"epoch": 1_700_000_000, "iso": "2023-11-14T22:13:20Z"}},
    "/api/v1/timestamp": {"code": "200000", "data": 1_700_000_000_000},
}


def pem() -> str:
    """Return a private key as Coinbase makes them."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


@pytest.mark.parametrize("name", OTHERS)
async def test_other_exchanges_are_asked_in_their_own_words(name: str):
    """Real ccxt over real sockets: the documented question, signed, and its documented answer."""
    path, answer, header = OTHERS[name]
    asked: list[str] = []

    async def said(request: web.Request) -> web.Response:
        if request.path == path:
            asked.append(request.headers[header])
        return web.json_response(answer if request.path == path else TIMES[request.path])

    app = web.Application()
    app.router.add_get("/{path:.*}", said)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    here = f"http://127.0.0.1:{runner.addresses[0][1]}"
    secret = pem() if name == "coinbase" else KEY.secret
    exchange = getattr(ccxt, name)({"apiKey": KEY.api_key, "secret": secret, "password": "p", "enableRateLimit": False})
    exchange.urls["api"] = dict.fromkeys(exchange.urls["api"], here)
    try:
        found = await asyncio.to_thread(ask, exchange, QUESTIONS[name])
    finally:
        await runner.cleanup()
    warnings = [] if name == "coinbase" else [ANY_ADDRESS]  # which does not say from where a key works
    assert {"canTrade": True, "canWithdraw": False, "warnings": warnings} == found
    (header_sent,) = asked
    signed_for = jwt.get_unverified_header(header_sent.split()[1])["kid"] if name == "coinbase" else header_sent
    assert KEY.api_key == signed_for


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_is_one_that_ccxt_knows(name: str):
    """By that name, in what the portal asks with and in what bots do."""
    assert callable(getattr(getattr(ccxt, name)(), QUESTIONS[name].call))
    assert hasattr(getattr(ccxt.async_support, name), QUESTIONS[name].call)


async def test_a_key_without_its_third_part_is_told_what_is_missing():
    """Before anybody is asked."""
    with pytest.raises(Problem) as caught:
        await Verifier().check(ExchangeConfig(name="okx", ccxt_id="okx"), KEY)
    assert "KeyInvalid" == caught.value.code
    assert "passphrase" in caught.value.detail


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
