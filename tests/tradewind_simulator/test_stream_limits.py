"""What ends a socket: too many messages or streams, a day, a client that does not read or answer, a clock that is set."""

import asyncio
import json
from dataclasses import replace
from decimal import Decimal

import aiohttp
import ccxt.pro
import pytest
from aiohttp import WSMsgType, web
from free_ports import free_port
from simulator_process import Server

from tradewind_simulator.clock import VirtualClock
from tradewind_simulator.exchange import SimulatedExchange
from tradewind_simulator.faults import FaultPlane
from tradewind_simulator.market.files import read_markets
from tradewind_simulator.streams import connection as connections
from tradewind_simulator.streams.hub import Hub
from tradewind_simulator.streams.names import parse_stream
from tradewind_simulator.streams.pump import LIFE_MS, Pump
from tradewind_simulator.streams.server import MOST_LINE, StreamServer
from tradewind_simulator.streams.shaping import Shaper

pytestmark = pytest.mark.slow

T0 = 1_750_000_000_000 // 60_000 * 60_000
STREAM = parse_stream("btcusdt@trade")


class World:
    """The streams of an exchange in this process, with a wall clock that the test moves; nobody ticks but the test."""

    def __init__(self):
        self.wall = 0.0
        self.exchange = SimulatedExchange(VirtualClock(0.0, float(T0), 1.0, wall=lambda: self.wall))
        self.exchange.list_seeded("BTC/USDT", 7)
        self.hub = Hub(Shaper(FaultPlane(self.exchange)))
        self.pump = Pump(self.exchange, self.hub)
        self.port = free_port()

    async def __aenter__(self):
        app = web.Application()
        StreamServer(self.exchange, self.hub).add_to(app)
        self.runner = web.AppRunner(app, max_line_size=MOST_LINE)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", self.port).start()
        self.session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_):
        await self.session.close()
        await self.runner.cleanup()

    async def connect(self, path="/ws/btcusdt@trade", **more):
        known = len(self.hub.connections)
        socket = await self.session.ws_connect(f"ws://127.0.0.1:{self.port}{path}", **more)
        while len(self.hub.connections) == known:
            await asyncio.sleep(0)
        return socket


async def end_of(socket):
    """Return the close code that a client sees."""
    while (message := await asyncio.wait_for(socket.receive(), 5)).type in {WSMsgType.TEXT, WSMsgType.PONG}:
        pass
    return message.data


async def test_the_sixth_message_of_a_second_ends_the_socket():
    """Five are answered; in the next second of the exchange it would have been the first again."""
    async with World() as world:
        socket = await world.connect()
        for number in range(5):
            await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": number})
        assert [0, 1, 2, 3, 4] == [(await socket.receive_json())["id"] for _ in range(5)]
        world.wall += 1000
        await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 5})
        assert 5 == (await socket.receive_json())["id"]
        for number in range(5):
            await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": number})
        assert 1008 == await end_of(socket)
        while world.hub.connections:
            await asyncio.sleep(0)


async def test_1025_streams_in_the_address_are_refused():
    """1,024 are taken."""
    async with World() as world:
        names = "/".join(f"s{number}@trade" for number in range(1025))
        taken = await world.connect(f"/stream?streams={names.rpartition('/')[0]}")
        assert 1024 == len(next(iter(world.hub.connections)).streams)
        refused = await world.session.ws_connect(f"ws://127.0.0.1:{world.port}/stream?streams={names}")
        assert 1008 == await end_of(refused)
        await taken.close()


async def test_a_client_that_does_not_read_is_dropped_and_the_others_are_served():
    """Once more than 4 MiB wait for it."""
    async with World() as world:
        unread, reader = await world.connect(), await world.connect()
        slow, quick = world.hub.connections
        world.hub.unsubscribe(quick, [STREAM.name])
        world.hub.subscribe(quick, ["btcusdt@bookTicker"])
        for _ in range(40):
            world.hub.publish(STREAM, {"x": "y" * 500_000})
            world.hub.publish(parse_stream("btcusdt@bookTicker"), {"n": 1})
            world.hub.flush()
            await asyncio.sleep(0)
        assert 1 == world.hub.dropped
        assert (True, False) == (slow.ended, quick.ended)
        assert {"n": 1} == await reader.receive_json()
        assert not unread.closed


async def test_a_day_on_the_exchange_s_clock_ends_a_socket():
    """Not a millisecond before."""
    async with World() as world:
        socket = await world.connect()
        world.wall += LIFE_MS - 1
        world.pump.keep_house()
        assert not next(iter(world.hub.connections)).ended
        world.wall += 1
        world.pump.keep_house()
        assert 1001 == await end_of(socket)


async def test_on_a_fast_clock_a_socket_lives_ten_minutes_of_the_wall():
    """A day of an hourly candle a second is over in 24 s: too soon for a client, who connects at the wall's pace."""
    async with World() as world:
        world.exchange.clock = replace(world.exchange.clock, speed=3600)
        socket = await world.connect()
        world.wall += 599_999
        world.pump.keep_house()
        assert not next(iter(world.hub.connections)).ended
        world.wall += 1
        world.pump.keep_house()
        assert 1001 == await end_of(socket)


async def test_a_client_is_pinged_and_must_answer(monkeypatch):
    """Every 20 seconds; a minute without a pong ends it."""
    monkeypatch.setattr(connections, "PING_S", 0.0)
    async with World() as world:
        socket = await world.connect(autoping=False)
        world.pump.keep_house()
        ping = await asyncio.wait_for(socket.receive(), 5)
        assert WSMsgType.PING is ping.type
        (connection,) = world.hub.connections
        before = connection._ponged
        await socket.pong(ping.data)
        while connection._ponged == before:
            await asyncio.sleep(0)
        monkeypatch.setattr(connections, "PONG_S", -1.0)
        world.pump.keep_house()
        assert 1008 == await end_of(socket)


@pytest.mark.parametrize("what", ["clock", "market"])
async def test_what_clients_hold_ends_with_clock_or_market(what):
    """They are sent away, and the next ones begin anew."""
    async with World() as world:
        socket = await world.connect("/ws/btcusdt@kline_1m")
        if what == "clock":
            world.exchange.clock = VirtualClock(0.0, T0 + 3_600_000.0, 1.0, wall=lambda: world.wall)
        else:
            world.wall += 1000
            world.pump.tick()
            world.exchange.list_seeded("BTC/USDT", 8)
        world.wall += 1000
        world.pump.tick()
        assert 1001 == await end_of(socket)
        again = await world.connect("/ws/btcusdt@kline_1m")
        world.wall += 60_000
        world.pump.tick()
        assert (await asyncio.wait_for(again.receive_json(), 5))["k"]["x"]


async def test_a_changed_speed_ends_nothing():
    """Virtual time goes on from where it was."""
    async with World() as world:
        socket = await world.connect()
        world.wall += 1000
        world.pump.tick()
        world.exchange.clock = VirtualClock(world.wall, float(world.exchange.clock.now_ms()), 60.0, wall=lambda: world.wall)
        world.wall += 1000
        world.pump.tick()
        assert not next(iter(world.hub.connections)).ended
        assert T0 + 61_000 == world.pump.moment_ms
        assert not socket.closed


async def test_an_event_is_encoded_once_for_all():
    """Twenty sockets hold one and the same object."""
    async with World() as world:
        sockets = [await world.connect() for _ in range(20)]
        world.hub.publish(STREAM, {"n": 1})
        assert 1 == len({id(connection._outbox[0]) for connection in world.hub.connections})
        world.hub.flush()
        assert [{"n": 1}] * 20 == [await socket.receive_json() for socket in sockets]


async def test_a_recorded_book_is_pushed_as_it_was_recorded(recorded):
    """Every diff after the snapshot with its own numbers, time and levels, once, at any pace of ticks."""
    names = ("rest_depth_snapshots", "ws_diffs")
    found = read_markets([recorded / f"protocol/binance_spot_{name}_20211012.txt.gz" for name in names])
    tape = next(item.market for item in found if item.symbol == "NKN/USDT")
    expected = [(each.first_id, each.last_id, each.time_ms, each.bids, each.asks) for each in tape.changes(0, 2**60)]
    async with World() as world:
        world.exchange.list_tape("NKN/USDT", tape)
        world.exchange.clock = VirtualClock(0.0, float(tape.first_ms() - 500), 1.0, wall=lambda: world.wall)
        world.pump.tick()
        socket, told = await world.connect("/ws/nknusdt@depth@100ms"), []
        for pause in (100, 200, 1000, 300, 60_000):
            world.wall += pause
            world.pump.tick()
        for _ in expected:
            event = await asyncio.wait_for(socket.receive_json(), 5)
            bids, asks = ({Decimal(price): Decimal(amount) for price, amount in event[side]} for side in ("b", "a"))
            told.append((event["U"], event["u"], event["E"], bids, asks))
    assert expected == told


async def test_a_clock_that_is_wrong_is_told_wrong():
    """What the fault plane adds to the exchange's time stands in events too."""
    async with World() as world:
        socket = await world.connect("/ws/btcusdt@kline_1m")
        world.exchange.skew_ms = -6000
        world.wall += 60_000
        world.pump.tick()
        event = await asyncio.wait_for(socket.receive_json(), 5)
    assert (T0 + 60_000 - 6000, T0) == (event["E"], event["k"]["t"])


class Watcher:
    """Unmodified ccxt.pro that watches three things, and goes on after each lost connection as its users do."""

    def __init__(self, exchange):
        self.exchange, self.lost, self.ending, self.seen = exchange, 0, False, {"ohlcv": 0, "trades": 0, "book": 0}
        calls = {
            "ohlcv": lambda: exchange.watch_ohlcv("BTC/USDT", "1m"),
            "trades": lambda: exchange.watch_trades("BTC/USDT"),
            "book": lambda: exchange.watch_order_book("BTC/USDT"),
        }
        self.tasks = [asyncio.create_task(self._watch(name, call)) for name, call in calls.items()]

    async def _watch(self, name, call):
        while not self.ending:
            try:
                found = await asyncio.wait_for(call(), 10)
            except ccxt.NetworkError:
                self.lost += 1
                continue
            self.seen[name] += 1
            if name == "book":
                assert found["bids"][0][0] < found["asks"][0][0]
            else:
                assert found

    async def goes_on(self):
        """Wait until two more of each were seen."""
        before = dict(self.seen)
        while any(self.seen[name] < before[name] + 2 for name in before):
            await asyncio.sleep(0.02)
            for task in self.tasks:
                if task.done():
                    task.result()

    async def end(self):
        self.ending = True  # wait_for may lose a cancellation to an answer of the same moment
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.exchange.close()


async def test_ccxt_pro_lives_through_reconnects(tmp_path):
    """Sockets are cut again and again; candles, trades and the book go on, and the book is never crossed."""
    server = Server(tmp_path, "--start-ms", str(T0), "--speed", "600")
    api, socket = f"http://127.0.0.1:{server.rest}/api/v3", f"ws://127.0.0.1:{server.rest}"
    urls = {"public": api, "private": api, "ws": {"spot": f"{socket}/ws", "ws-api": {"spot": f"{socket}/ws-api/v3"}}}
    options = {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False}
    exchange = ccxt.pro.binance({"urls": {"api": urls}, "options": options})
    await exchange.load_markets()
    watcher = Watcher(exchange)
    try:
        for code in (1006, 1001):
            await watcher.goes_on()
            rule = {"match": {"method": "WS", "path": "/ws*"}, "action": {"type": "close-socket", "code": code}, "times": 3}
            await asyncio.to_thread(server.put, "faults", json.dumps([rule]).encode())
        await watcher.goes_on()
    finally:
        await watcher.end()
        assert 0 == server.stop()
    assert watcher.lost >= 2
