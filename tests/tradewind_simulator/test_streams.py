"""Market data over WebSocket: what is pushed is what REST shows, clients are limited, slow ones are dropped."""

import asyncio
import json
from itertools import pairwise

import aiohttp
import ccxt.pro
import pytest
from simulator_process import Server

from tradewind_simulator.streams.names import parse_stream

pytestmark = pytest.mark.slow

MINUTE = 60_000
T0 = 1_750_000_000_000 // MINUTE * MINUTE


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    found = Server(tmp_path_factory.mktemp("state"), "--start-ms", str(T0), "--speed", "600")
    yield found
    assert 0 == found.stop()


def client(server, **more):
    """Return an unmodified ccxt.pro; only addresses are others."""
    api, socket = f"http://127.0.0.1:{server.rest}/api/v3", f"ws://127.0.0.1:{server.rest}"
    urls = {"public": api, "private": api, "ws": {"spot": f"{socket}/ws", "ws-api": {"spot": f"{socket}/ws-api/v3"}}}
    options = {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False}
    return ccxt.pro.binance({"urls": {"api": urls}, "options": options, **more})


async def events(server, path, count, *, send=None):
    """Return the first `count` messages of a socket."""
    url = f"ws://127.0.0.1:{server.rest}{path}"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        if send is not None:
            await socket.send_json(send)
        return [await asyncio.wait_for(socket.receive_json(), 10) for _ in range(count)]


async def test_closed_candles_are_those_of_rest(server):
    """Each minute is told closed once, in order, with the very strings that REST answers."""
    told = [event["k"] for event in await events(server, "/ws/btcusdt@kline_1m", 45) if event["k"]["x"]]
    assert len(told) >= 3
    assert [told[0]["t"] + n * MINUTE for n in range(len(told))] == [item["t"] for item in told]
    rows = server.get(f"klines?symbol=BTCUSDT&interval=1m&startTime={told[0]['t']}&limit={len(told)}")
    assert [row[:9] for row in rows] == [[item[key] for key in "tohlcvTqn"] for item in told]


async def test_trades_once_told_stay_as_they_are(server):
    """The trades of the stream are the trades of REST, without a gap."""
    told = await events(server, "/ws/ethusdt@trade", 12)
    assert [told[0]["t"] + n for n in range(12)] == [event["t"] for event in told]
    rows = {row["id"]: row for row in server.get("trades?symbol=ETHUSDT&limit=1000")}
    assert [(event["p"], event["q"], event["T"], event["m"]) for event in told] == [
        tuple(rows[event["t"]][key] for key in ("price", "qty", "time", "isBuyerMaker")) for event in told
    ]


@pytest.mark.parametrize("stream", ["btcusdt@depth@100ms", "btcusdt@depth"])
async def test_snapshot_and_diffs_make_the_next_snapshot(server, stream):
    """The first usable diff covers the snapshot's number, the chain has no gap, and it ends at another snapshot exactly."""
    url = f"ws://127.0.0.1:{server.rest}/ws/{stream}"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        diffs = [await socket.receive_json()]
        first = await asyncio.to_thread(server.get, "depth?symbol=BTCUSDT&limit=5000")
        while True:
            diffs.append(await asyncio.wait_for(socket.receive_json(), 10))
            if len(diffs) > 10 and len(diffs) % 4 == 0:
                last = await asyncio.to_thread(server.get, "depth?symbol=BTCUSDT&limit=5000")
                diffs += [await socket.receive_json() for _ in range(2)]
                if last["lastUpdateId"] in {diff["u"] for diff in diffs}:
                    break
    assert all(later["U"] == before["u"] + 1 for before, later in pairwise(diffs))
    usable = [diff for diff in diffs if first["lastUpdateId"] < diff["u"] <= last["lastUpdateId"]]
    assert usable[0]["U"] <= first["lastUpdateId"] + 1
    sides = {"b": dict(first["bids"]), "a": dict(first["asks"])}
    for diff in usable:
        for side, levels in sides.items():
            levels.update(diff[side])
    assert {price: amount for price, amount in sides["b"].items() if float(amount)} == dict(last["bids"])
    assert {price: amount for price, amount in sides["a"].items() if float(amount)} == dict(last["asks"])


async def test_combined_streams_name_the_stream(server):
    """`/stream` wraps, and the requests on it are answered unwrapped."""
    path = "/stream?streams=btcusdt@miniTicker/ethusdt@bookTicker"
    told = await events(server, path, 8, send={"method": "LIST_SUBSCRIPTIONS", "id": 7})
    assert {"result": ["btcusdt@miniTicker", "ethusdt@bookTicker"], "id": 7} in told
    assert {"btcusdt@miniTicker", "ethusdt@bookTicker"} == {event["stream"] for event in told if "stream" in event}


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("{", 3),
        ("[]", 2),
        ('{"method": "BUY", "id": 1}', 2),
        ('{"method": "SUBSCRIBE", "params": [], "id": 1}', 2),
        ('{"method": "SUBSCRIBE", "params": [1], "id": 1}', 2),
        ('{"method": "SUBSCRIBE", "params": ["a@trade"], "id": {}}', 2),
        ('{"method": "SET_PROPERTY", "params": ["combined", 1], "id": 1}', 1),
        ('{"method": "GET_PROPERTY", "params": ["nope"], "id": 1}', 0),
        (json.dumps({"method": "SUBSCRIBE", "params": [f"s{n}@trade" for n in range(1025)], "id": 1}), 2),
    ],
)
async def test_bad_requests_are_answered_and_the_socket_lives(server, sent, code):
    """The exchange's error codes; the next request is served."""
    url = f"ws://127.0.0.1:{server.rest}/ws"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        await socket.send_str(sent)
        assert code == (await socket.receive_json())["error"]["code"]
        await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 2})
        assert {"result": [], "id": 2} == await socket.receive_json()


@pytest.mark.parametrize(
    "name",
    [
        "",
        "btcusdt",
        "btcusdt@",
        "btcusdt@nope",
        "btcusdt@depth7",
        "btcusdt@depth@7ms",
        "btcusdt@trade@100ms",
        "btcusdt@kline",
        "@",
    ],
)
def test_unknown_names_say_nothing(name):
    """They are accepted, as on the exchange, and nothing is ever published for them."""
    assert parse_stream(name) is None


async def test_ccxt_pro_watches_everything_public(server):
    """Candles, trades, ticker, best prices and a book that is kept from diffs."""
    exchange = client(server)
    try:
        calls = [
            exchange.watch_ohlcv("BTC/USDT", "1m"),
            exchange.watch_trades("BTC/USDT"),
            exchange.watch_ticker("BTC/USDT"),
            exchange.watch_bids_asks(["BTC/USDT"]),
            exchange.watch_order_book("BTC/USDT"),
        ]
        candles, trades, ticker, best, book = await asyncio.wait_for(asyncio.gather(*calls), 20)
    finally:
        await exchange.close()
    assert T0 < candles[-1][0]
    assert trades[-1]["symbol"] == ticker["symbol"] == "BTC/USDT"
    assert best["BTC/USDT"]["bid"] < best["BTC/USDT"]["ask"]
    assert book["bids"][0][0] < book["asks"][0][0]
