"""The fault plane on sockets: events suppressed, doubled, turned round, late or wrong; sockets silent or cut."""

import asyncio
import json

import aiohttp
import pytest
from simulator_process import ACCOUNT, BUY, Server, signed

pytestmark = pytest.mark.slow

T0 = 1_750_000_000_000 // 60_000 * 60_000


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    arguments = ("--accounts", json.dumps(ACCOUNT), "--start-ms", str(T0), "--speed", "600", "--order-limit-10s", "0")
    found = Server(tmp_path_factory.mktemp("state"), *arguments)
    yield found
    assert 0 == found.stop()


@pytest.fixture
def server(process):
    yield process
    process.delete("faults")


def script(server, *rules):
    server.put("faults", json.dumps(rules).encode())


def on_event(path, action, **more):
    return {"match": {"method": "EVENT", "path": path, **more}, "action": action}


async def market(server, stream, count):
    url = f"ws://127.0.0.1:{server.rest}/ws/{stream}"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        return [await asyncio.wait_for(socket.receive_json(), 5) for _ in range(count)]


async def reports(server, count):
    """Return the first `count` order events of a market order, as (execution, status)."""
    url = f"ws://127.0.0.1:{server.rest}/ws-api/v3"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        await socket.send_json({"id": 1, "method": "userDataStream.subscribe.signature", "params": signed()})
        await socket.receive_json()
        await socket.send_json({"id": 2, "method": "order.place", "params": signed(**BUY)})
        found = []
        while len(found) < count:
            event = (await asyncio.wait_for(socket.receive_json(), 5)).get("event", {})
            if event.get("e") == "executionReport":
                found.append((event["x"], event["t"]))
        return found


async def test_an_order_event_is_suppressed_doubled_or_turned_round(server):
    """The order itself is as ever; only what is told changes."""
    script(server, on_event("executionReport", "suppress", nth=1))
    (only,) = await reports(server, 1)
    assert "TRADE" == only[0]
    script(server, on_event("executionReport", {"type": "duplicate", "times": 2}, nth=2))
    told = await reports(server, 4)
    assert ["NEW", "TRADE", "TRADE", "TRADE"] == [name for name, _ in told]
    assert 1 == len({number for name, number in told if name == "TRADE"})
    script(server, on_event("executionReport", "reorder", nth=1))
    assert ["TRADE", "NEW"] == [name for name, _ in await reports(server, 2)]
    script(server, on_event("executionReport", {"type": "delay", "seconds": 0.2}, nth=1))
    assert ["TRADE", "NEW"] == [name for name, _ in await reports(server, 2)]


async def test_a_tick_is_absurd_once(server):
    """Ten times the price of its neighbours, and REST knows nothing of it."""
    script(server, on_event("btcusdt@trade", {"type": "absurd", "factor": 10}, nth=2))
    first, second, third = (float(event["p"]) for event in await market(server, "btcusdt@trade", 3))
    assert second > 9 * first
    assert third < 2 * first


async def test_a_candle_closes_unsaid_or_is_revised(server):
    """`unclosed` takes the mark away, `revise` tells a closed candle again with another close."""
    script(server, {**on_event("btcusdt@kline_1m", "unclosed"), "times": 1})
    told = [event["k"] for event in await market(server, "btcusdt@kline_1m", 45)]
    closed = [candle["t"] for candle in told if candle["x"]]
    begun = list(dict.fromkeys(candle["t"] for candle in told))
    assert begun[0] not in closed
    assert begun[1] in closed
    script(server, {**on_event("btcusdt@kline_1m", {"type": "revise", "factor": 1.5}), "times": 1})
    closed = [event["k"] for event in await market(server, "btcusdt@kline_1m", 45) if event["k"]["x"]]
    assert closed[0]["t"] == closed[1]["t"] < closed[2]["t"]
    assert float(closed[1]["c"]) == pytest.approx(1.5 * float(closed[0]["c"]))
    assert float(closed[1]["h"]) >= float(closed[1]["c"])


@pytest.mark.parametrize(
    ("code", "expected"), [(1001, (aiohttp.WSMsgType.CLOSE, 1001)), (1006, (aiohttp.WSMsgType.CLOSED, None))]
)
async def test_a_socket_is_closed_with_a_code_or_cut(server, code, expected):
    """1006 cannot be said: the line is cut."""
    url = f"ws://127.0.0.1:{server.rest}/ws/btcusdt@trade"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        await asyncio.wait_for(socket.receive_json(), 5)
        rule = {"match": {"method": "WS", "path": "/ws/*"}, "action": {"type": "close-socket", "code": code}, "times": 1}
        await asyncio.to_thread(script, server, rule)
        while (message := await asyncio.wait_for(socket.receive(), 5)).type is aiohttp.WSMsgType.TEXT:
            pass
        assert expected == (message.type, message.data)
    assert 2 == len(await market(server, "btcusdt@trade", 2))


async def test_a_socket_is_told_of_the_servers_end_before_it_is_closed(server):
    """`serverShutdown` first, events until the end, then 1001."""
    url = f"ws://127.0.0.1:{server.rest}/ws/btcusdt@trade"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        await asyncio.wait_for(socket.receive_json(), 5)
        rule = {"match": {"method": "WS", "path": "/ws/*"}, "action": {"type": "server-shutdown", "seconds": 0.3}, "times": 1}
        await asyncio.to_thread(script, server, rule)
        told = []
        while (message := await asyncio.wait_for(socket.receive(), 5)).type is aiohttp.WSMsgType.TEXT:
            told.append(message.json()["e"])
        assert (aiohttp.WSMsgType.CLOSE, 1001) == (message.type, message.data)
    assert "trade" in told[told.index("serverShutdown") :]


async def test_a_socket_falls_silent_and_stays_open(server):
    """Nothing comes, not even a pong, until the time is over."""
    rule = {"match": {"method": "WS", "path": "/ws/*"}, "action": {"type": "silence", "seconds": 0.6}, "times": 1}
    script(server, rule)
    url = f"ws://127.0.0.1:{server.rest}/ws/btcusdt@kline_1m"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.receive(), 0.3)
        assert not socket.closed
        assert "kline" == (await asyncio.wait_for(socket.receive_json(), 5))["e"]


@pytest.mark.parametrize(("when", "executed"), [("before", False), ("after", True)])
async def test_an_answer_over_the_socket_is_lost(server, when, executed):
    """`drop` before: nothing was done; after: the order stands. The journal tells both."""
    rule = {"match": {"method": "WS-API", "path": "order.place"}, "when": when, "action": {"type": "drop"}}
    await asyncio.to_thread(script, server, rule)
    url = f"ws://127.0.0.1:{server.rest}/ws-api/v3"
    cid = f"lost-{when}"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        await socket.send_json({"id": 1, "method": "order.place", "params": signed(**BUY, newClientOrderId=cid)})
        await socket.send_json(
            {"id": 2, "method": "order.status", "params": signed(symbol="BTCUSDT", origClientOrderId=cid)},
        )
        found = await asyncio.wait_for(socket.receive_json(), 5)
    assert 2 == found["id"]
    assert executed == (found["status"] == 200)


async def test_shutting_down_is_said_and_sockets_are_closed(tmp_path):
    """ServerShutdown on both kinds of socket, then 1001."""
    found = Server(tmp_path)
    base = f"ws://127.0.0.1:{found.rest}"
    async with aiohttp.ClientSession() as session:
        sockets = [await session.ws_connect(base + path) for path in ("/ws/btcusdt@ticker", "/ws-api/v3")]
        found.process.terminate()
        first, second = [await asyncio.wait_for(socket.receive_json(), 5) for socket in sockets]
        assert "serverShutdown" == first["e"] == second["event"]["e"]
        assert [1001, 1001] == [(await asyncio.wait_for(socket.receive(), 5)).data for socket in sockets]
    assert 0 == await asyncio.to_thread(found.process.wait, 5)
