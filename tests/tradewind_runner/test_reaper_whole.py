"""The reaper against the simulated exchange with real ccxt, and a portal that is away at first."""

import asyncio
import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from bot_world import UID, Portal
from simulator_process import Server

from tradewind_api.document.digest import strategy_digest
from tradewind_api.document.resolve import template
from tradewind_engine.trading.identity import client_order_id
from tradewind_runner import reaper
from tradewind_runner.settings import RunnerSettings

pytestmark = pytest.mark.slow

KEY, SECRET = "reaper-key", "reaper-secret"
ACCOUNT = {"balances": {"USDT": "100000"}, "keys": [{"key": KEY, "secret": SECRET}]}


class LivePortal(Portal):
    """The stand-in portal, which hands out a key or refuses to."""

    def __init__(self) -> None:
        super().__init__()
        self.refusal: dict[str, str] | None = None

    def _start(self, body: dict[str, Any]) -> web.Response:
        if self.refusal:
            return web.json_response(self.refusal, status=409)
        answer = json.loads(super()._start(body).text)
        answer["credential"] = {"id": "k1", "version": 1, "apiKey": KEY, "secret": SECRET, "password": None}
        return web.json_response(answer)


@pytest.fixture
def exchange(tmp_path: Path):
    server = Server(tmp_path / "simulator", "--accounts", json.dumps({"acme": ACCOUNT}))
    yield server
    server.stop()


@pytest.fixture
def portal():
    found = LivePortal()
    yield found
    found.stop()


def settings(folder: Path, exchange_port: int, portal: Portal) -> RunnerSettings:
    """Write what the pod of a reaper finds."""
    document = template("sma-crossover")
    config = {
        "bot": {"uid": UID, "name": "b", "namespace": "n", "tenant": "t", "plan": "pro", "generation": 1},
        "mode": "Live",
        "credentials": "main",
        "exchange": {"name": "simulated", "ccxtId": "binance", "endpoint": {"rest": f"http://127.0.0.1:{exchange_port}"}},
        "symbols": ["BTC/USDT", "ETH/USDT"],
        "timeframe": "1h",
        "strategy": document.to_json(),
        "strategyDigest": strategy_digest(document),
        "capital": {"currency": "USDT", "amount": "1000"},
    }
    (folder / "bot.json").write_text(json.dumps(config))
    (folder / "token").write_text("pod-token\n")
    return RunnerSettings(
        portal_url=f"http://127.0.0.1:{portal.port}",
        config=folder / "bot.json",
        token_file=folder / "token",
        termination_log=folder / "words",
    )


def order(exchange: Server, cid: str, symbol: str) -> None:
    """Place an order far below the market by another hand."""
    price = int(float(exchange.get(f"ticker/price?symbol={symbol}")["price"]) * 0.7)
    body = {"symbol": symbol, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1", "price": str(price)}
    content = json.dumps({**body, "newClientOrderId": cid}).encode()
    url = f"http://127.0.0.1:{exchange.control}/v1/accounts/acme/orders"
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, content, headers)) as answer:
        assert answer.status == 200


def states(exchange: Server) -> dict[str, str]:
    """Return the status of every order by its client order id."""
    with urllib.request.urlopen(f"http://127.0.0.1:{exchange.control}/v1/accounts/acme/orders") as answer:
        return {item["clientOrderId"]: item["status"] for item in json.loads(answer.read())}


async def test_what_the_bot_left_open_is_cancelled_whatever_fails_on_the_way(
    tmp_path: Path, exchange: Server, portal: LivePortal, monkeypatch: pytest.MonkeyPatch
):
    """Portal away, a list refused with 503, the answer to a cancel lost: own orders of any epoch gone, others' untouched."""
    monkeypatch.setattr(reaper, "SETTLE_S", 0.05)
    monkeypatch.setattr(reaper, "FIRST_PAUSE_S", 0.05)
    mine = [client_order_id(UID, 1, 1), client_order_id(UID, 2, 5), client_order_id(UID, 2, 6)]
    others = [client_order_id("another-bot", 1, 1), "typed-by-hand"]
    for cid, symbol in zip([*mine, *others], ["BTCUSDT", "BTCUSDT", "ETHUSDT", "BTCUSDT", "ETHUSDT"], strict=True):
        order(exchange, cid, symbol)
    rules = [
        {"match": {"method": "GET", "path": "/api/v3/openOrders", "nth": 1}, "action": {"type": "answer", "status": 503}},
        {"match": {"method": "DELETE", "path": "/api/v3/order", "nth": 1}, "when": "after", "action": {"type": "reset"}},
    ]
    exchange.put("faults", json.dumps(rules).encode())
    away = iter(["500", "500"])
    portal.fault = lambda path: next(away, "") if path == "start" else ""
    words = await reaper.run(settings(tmp_path, exchange.rest, portal))
    found = states(exchange)
    assert {"CANCELED"} == {found[cid] for cid in mine}
    assert {"NEW"} == {found[cid] for cid in others}
    assert (True, "the reaper cancelled 3 open orders") == (words.receipt, words.message)
    assert [("Stopped", "Reaped")] == [(item.type, item.data["reason"]) for item in portal.events]


def test_a_key_that_the_portal_does_not_give_ends_it_with_the_reason(tmp_path: Path, portal: LivePortal):
    """As a process: exit code 1, and last words that the operator shows; no receipt."""
    portal.refusal = {"code": "CredentialsRevoked", "detail": "exchange key 'main' was revoked"}
    found = settings(tmp_path, 9, portal)
    names = ("portal_url", "config", "token_file", "termination_log")
    env = os.environ | {f"TRADEWIND_RUNNER_{name.upper()}": str(getattr(found, name)) for name in names}
    done = subprocess.run(
        [sys.executable, "-m", "tradewind_runner.reaper"], env=env, capture_output=True, timeout=60, check=False
    )
    words = json.loads((tmp_path / "words").read_text())
    assert (1, False) == (done.returncode, words["receipt"])
    assert "exchange key 'main' was revoked" in words["message"]


async def test_a_revoked_key_ends_it(tmp_path: Path, exchange: Server, portal: LivePortal):
    """The exchange's own no: waiting would not mend it."""
    exchange.delete(f"accounts/acme/keys/{KEY}")
    with pytest.raises(reaper.BrokerError):
        async with asyncio.timeout(30):
            await reaper.run(settings(tmp_path, exchange.rest, portal))
