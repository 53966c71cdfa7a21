"""The WebSocket API: signed orders on a socket, the user's events in between, sessions, refusals in the exchange's words."""

import asyncio
import json
import time

import aiohttp
import ccxt.pro
import pytest
from simulator_process import ACCOUNT, BUY, KEY, SECRET, Server, signed

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Real time, so that timestamps are judged."""
    found = Server(tmp_path_factory.mktemp("state"), "--accounts", json.dumps(ACCOUNT), "--order-limit-10s", "0")
    yield found
    assert 0 == found.stop()


class Api:
    """A socket on which requests are answered and events collected."""

    def __init__(self, socket):
        self._socket, self.events = socket, []

    async def ask(self, method, params=None, **more):
        await self._socket.send_json({"id": "q1", "method": method, "params": params or {}, **more})
        while True:
            found = await asyncio.wait_for(self._socket.receive_json(), 5)
            if "status" in found:
                return found
            self.events.append(found)


@pytest.fixture
async def api(server):
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"ws://127.0.0.1:{server.rest}/ws-api/v3") as socket,
    ):
        yield Api(socket)


async def test_an_order_is_placed_and_told_on_the_same_socket(api):
    """NEW and TRADE come before the answer, with the answer's own numbers; balances follow each."""
    assert {"subscriptionId": 0} == (await api.ask("userDataStream.subscribe.signature", signed()))["result"]
    answer = await api.ask("order.place", signed(**BUY, newClientOrderId="mine-1"))
    assert 200 == answer["status"]
    assert ("mine-1", "FILLED", "0.01000000") == tuple(
        answer["result"][name] for name in ("clientOrderId", "status", "executedQty")
    )
    assert {("REQUEST_WEIGHT", 6000)} <= {(row["rateLimitType"], row["limit"]) for row in answer["rateLimits"]}
    assert {0} == {item["subscriptionId"] for item in api.events}
    reports = [item["event"] for item in api.events if item["event"]["e"] == "executionReport"]
    assert ["NEW", "TRADE"] == [item["x"] for item in reports]
    assert (answer["result"]["fills"][0]["tradeId"], "0.01000000") == (reports[1]["t"], reports[1]["z"])
    assert "outboundAccountPosition" == api.events[-1]["event"]["e"]


async def test_an_order_is_looked_up_and_cancelled(api):
    """By client id; what is open is listed."""
    limit = {**BUY, "type": "LIMIT", "timeInForce": "GTC", "price": "40000.00"}
    assert "NEW" == (await api.ask("order.place", signed(**limit, newClientOrderId="mine-2")))["result"]["status"]
    found = await api.ask("order.status", signed(symbol="BTCUSDT", origClientOrderId="mine-2"))
    assert ("NEW", "mine-2") == (found["result"]["status"], found["result"]["clientOrderId"])
    listed = await api.ask("openOrders.status", signed(symbol="BTCUSDT"))
    assert ["mine-2"] == [item["clientOrderId"] for item in listed["result"]]
    gone = await api.ask("order.cancel", signed(symbol="BTCUSDT", origClientOrderId="mine-2"))
    assert ("CANCELED", "mine-2") == (gone["result"]["status"], gone["result"]["origClientOrderId"])
    balances = {item["asset"]: item for item in (await api.ask("account.status", signed()))["result"]["balances"]}
    assert "0.00000000" == balances["USDT"]["locked"]


async def test_a_session_that_is_logged_on_need_not_sign(api):
    """After logon a request has neither key nor signature; after logout it is refused again."""
    now = int(time.time() * 1000)
    assert 401 == (await api.ask("account.status", {"timestamp": now}))["status"]
    assert KEY == (await api.ask("session.logon", signed()))["result"]["apiKey"]
    assert 200 == (await api.ask("account.status", {"timestamp": now}))["status"]
    assert {"subscriptionId": 0} == (await api.ask("userDataStream.subscribe"))["result"]
    assert [{"subscriptionId": 0}] == (await api.ask("session.subscriptions"))["result"]
    assert {} == (await api.ask("userDataStream.unsubscribe", {"subscriptionId": 0}))["result"]
    assert (await api.ask("session.logout"))["result"]["apiKey"] is None
    assert 401 == (await api.ask("account.status", {"timestamp": now}))["status"]


async def test_public_methods_need_no_key(api, server):
    """Ping, time and rules."""
    assert {} == (await api.ask("ping"))["result"]
    assert abs((await api.ask("time"))["result"]["serverTime"] - time.time() * 1000) < 5000
    info = await api.ask("exchangeInfo", {"symbols": ["BTCUSDT", "ETHUSDT"], "returnRateLimits": False})
    assert ["BTCUSDT", "ETHUSDT"] == [item["symbol"] for item in info["result"]["symbols"]]
    assert "rateLimits" not in info


@pytest.mark.parametrize(
    ("method", "params", "expected"),
    [
        ("order.place", dict, (401, -2014)),
        ("order.place", lambda: {**signed(**BUY), "quantity": "9"}, (400, -1022)),
        ("order.place", lambda: {**signed(**BUY), "signature": "0" * 64}, (400, -1022)),
        ("order.place", lambda: {**signed(**BUY), "apiKey": "nobody"}, (401, -2015)),
        ("order.place", lambda: signed(**BUY, timestamp=1), (400, -1021)),
        ("order.place", lambda: signed(**{**BUY, "quantity": "0.00000001"}), (400, -1013)),
        ("order.place", lambda: signed(**{**BUY, "quantity": "900"}), (400, -2010)),
        ("order.place", lambda: signed(**{**BUY, "symbol": "NOPE"}), (400, -1121)),
        ("order.status", lambda: signed(symbol="BTCUSDT", origClientOrderId="never"), (400, -2013)),
        ("order.cancel", lambda: signed(symbol="BTCUSDT", origClientOrderId="never"), (400, -2011)),
        ("order.fly", dict, (400, -1020)),
        ("userDataStream.subscribe", dict, (401, -2015)),
        ("userDataStream.unsubscribe", lambda: {"subscriptionId": 5}, (400, -2036)),
        ("exchangeInfo", lambda: {"symbol": "NOPE"}, (400, -1121)),
        ("exchangeInfo", lambda: {"symbol": None}, (400, -1102)),
    ],
)
async def test_refusals_are_the_exchange_s(api, method, params, expected):
    """Status and code; the socket lives on."""
    found = await api.ask(method, params())
    assert expected == (found["status"], found["error"]["code"])
    assert 200 == (await api.ask("ping"))["status"]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("{", None),
        ("[]", None),
        ("null", None),
        ('{"id": 7, "method": 1}', 7),
        ('{"id": "a", "method": "ping", "params": [1]}', "a"),
        ('{"id": 7, "method": "ping", "params": {"symbol": {}}}', 7),
        ('{"id": {}, "method": "ping"}', None),
        ('{"id": "%s", "method": "ping"}' % ("x" * 37), None),
    ],
)
async def test_what_is_no_request_is_told_so(server, text, number):
    """With its id where that can be read."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"ws://127.0.0.1:{server.rest}/ws-api/v3") as socket,
    ):
        await socket.send_str(text)
        found = await socket.receive_json()
        assert (number, 400) == (found["id"], found["status"])


async def test_events_are_made_for_those_who_listen_only(api):
    """A second subscription to the same account is refused; the end of the first is the last that comes."""
    await api.ask("userDataStream.subscribe.signature", signed())
    again = await api.ask("userDataStream.subscribe.signature", signed())
    assert -2035 == again["error"]["code"]
    await api.ask("userDataStream.unsubscribe")
    assert 200 == (await api.ask("order.place", signed(**BUY)))["status"]
    assert [(0, "eventStreamTerminated")] == [(item["subscriptionId"], item["event"]["e"]) for item in api.events]


async def bought(exchange, cid):
    """Buy over REST, and return the order as the stream tells it closed; a lost socket is called again."""
    orders = asyncio.create_task(exchange.watch_orders("BTC/USDT"))
    await asyncio.sleep(0.3)
    await exchange.create_order("BTC/USDT", "market", "buy", 0.01, params={"clientOrderId": cid})
    seen = await asyncio.wait_for(orders, 10)
    while (seen[-1]["clientOrderId"], seen[-1]["status"]) != (cid, "closed"):
        seen = await asyncio.wait_for(exchange.watch_orders("BTC/USDT"), 10)
    return seen[-1]


async def test_ccxt_pro_watches_orders_and_balance(server):
    """Unmodified: it signs its subscription, sees orders filled and money move, and does so again when the socket was cut."""
    base, socket = f"http://127.0.0.1:{server.rest}", f"ws://127.0.0.1:{server.rest}"
    urls = {"public": f"{base}/api/v3", "private": f"{base}/api/v3", "sapi": f"{base}/sapi/v1"}
    urls["ws"] = {"spot": f"{socket}/ws", "ws-api": {"spot": f"{socket}/ws-api/v3"}}
    options = {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False}
    exchange = ccxt.pro.binance({"apiKey": KEY, "secret": SECRET, "urls": {"api": urls}, "options": options})
    try:
        await exchange.load_markets()
        before = (await exchange.fetch_balance())["BTC"]["total"]
        balance = asyncio.create_task(exchange.watch_balance())
        first = await bought(exchange, "mine-3")
        free = (await asyncio.wait_for(balance, 10))["BTC"]["free"]
        waiting = asyncio.create_task(exchange.watch_orders("BTC/USDT"))
        await asyncio.sleep(0.1)
        rule = {"match": {"method": "WS", "path": "/ws-api/*"}, "action": "close-socket", "times": 1}
        await asyncio.to_thread(server.put, "faults", json.dumps([rule]).encode())
        with pytest.raises(ccxt.NetworkError):
            await asyncio.wait_for(waiting, 10)
        again = await bought(exchange, "mine-4")
    finally:
        await exchange.close()
        await asyncio.to_thread(server.delete, "faults")
    assert (0.01, 0.01) == (first["filled"], again["filled"])
    assert before < free <= before + 0.01
