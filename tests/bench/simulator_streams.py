"""The part of `make bench-simulator` over WebSocket: orders a second over the WebSocket API, and 200 clients of the streams.

Orders are as over REST (see `simulator.py`): connections that send their next request when the answer to the last one is
there, two of four requests market orders, one a limit order, one takes that out again, each signed. The clients of the streams
are sockets of another process, each with one combined stream of depth; what they have got at the end is what the diffs'
numbers say there was, and how late it came is the time between the moment that an event tells and its arrival.
"""

import argparse
import asyncio
import base64
import hmac
import json
import statistics
import tempfile
import time

from report import Figures, machine
from simulator import CYCLE, KEY, SECRET, ask, cpu_seconds, start

HANDSHAKE = "GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n\
Sec-WebSocket-Version: 13\r\n\r\n"
FIELDS = (
    {"side": "BUY", "type": "MARKET", "quantity": "0.0001"},
    {"side": "SELL", "type": "MARKET", "quantity": "0.0001"},
    {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001"},
)


class Socket(asyncio.Protocol):
    """A WebSocket client that does as little as can be done: masks are zeros, frames are found by their length."""

    def __init__(self, path):
        self.path, self.buffer, self.open = path, b"", False
        self.ready = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport
        key = base64.b64encode(b"0" * 16).decode()
        transport.write(HANDSHAKE.format(path=self.path, key=key).encode())

    def write(self, payload, opcode=0x81):
        size = len(payload)
        length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
        self.transport.write(bytes((opcode,)) + length + b"\0\0\0\0" + payload)

    def data_received(self, data):
        buffer = self.buffer + data
        if not self.open:
            head, end, buffer = buffer.partition(b"\r\n\r\n")
            if not end:
                self.buffer = head
                return
            assert head.startswith(b"HTTP/1.1 101"), head
            self.open = True
            self.ready.set_result(None)
        place = 0
        while len(buffer) - place >= 2:
            size, begin = buffer[place + 1], place + 2
            if size == 126:
                size, begin = int.from_bytes(buffer[place + 2 : place + 4], "big"), place + 4
            elif size == 127:
                size, begin = int.from_bytes(buffer[place + 2 : place + 10], "big"), place + 10
            if len(buffer) < begin + size:
                break
            opcode = buffer[place]
            place = begin + size
            if opcode == 0x89:
                self.write(buffer[begin:place], 0x8A)
            elif opcode == 0x81:
                self.got(buffer[begin:place])
        self.buffer = buffer[place:]

    def got(self, payload):
        """Take a message."""


class Trader(Socket):
    """Places orders one after the other; with `events` it also hears of all orders of the account."""

    def __init__(self, number, half, *, events):
        super().__init__("/ws-api/v3")
        self.number, self.half, self.events = number, half, events
        self.sent, self.orders, self.told, self.refused, self.running = 0, 0, 0, [], True
        self.ended = asyncio.get_running_loop().create_future()

    def sign(self, method, params):
        params = {"apiKey": KEY, "timestamp": int(time.time() * 1000), **params}
        payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
        params["signature"] = hmac.digest(SECRET, payload.encode(), "sha256").hex()
        self.write(json.dumps({"id": self.sent, "method": method, "params": params}).encode())

    def begin(self):
        if self.events:
            self.sign("userDataStream.subscribe.signature", {})
        else:
            self.send()

    def send(self):
        turn = self.sent % CYCLE
        cid = f"w{self.number}-{self.sent - (turn == CYCLE - 1)}"  # the last of four takes out the one before
        self.sent += 1
        if turn == CYCLE - 1:
            self.sign("order.cancel", {"symbol": "BTCUSDT", "origClientOrderId": cid})
            return
        price = {"price": str(self.half)} if turn == CYCLE - 2 else {}
        self.sign("order.place", {"symbol": "BTCUSDT", "newClientOrderId": cid, **FIELDS[turn], **price})

    def got(self, payload):
        if payload.startswith(b'{"subscriptionId"'):
            self.told += 1
            return
        if b'"status":200' not in payload[:40]:
            self.refused.append(payload[:200].decode())
        elif self.sent and (self.sent - 1) % CYCLE != CYCLE - 1:
            self.orders += 1
        if self.running and len(self.refused) < 3:
            self.send()
        elif not self.ended.done():
            self.ended.set_result(None)


async def trade(port, half, seconds, connections, *, first, events):
    """Return seconds, orders taken, events told and answers other than 200."""
    loop = asyncio.get_running_loop()
    traders = []
    for number in range(first, first + connections):
        traders.append(Trader(number, half, events=events and number == first))
        await loop.create_connection(lambda each=traders[-1]: each, "127.0.0.1", port)
        await traders[-1].ready
    started = time.perf_counter()
    for each in traders:
        each.begin()
    await asyncio.sleep(seconds)
    for each in traders:
        each.running = False
    await asyncio.gather(*(each.ended for each in traders))
    took = time.perf_counter() - started
    refused = [text for each in traders for text in each.refused]
    told = sum(each.told for each in traders)
    for each in traders:
        each.transport.close()
    return took, sum(each.orders for each in traders), told, refused


def ws_orders(figures, seconds, connections, profile):
    """Signed orders over the WebSocket API, without and with somebody who hears of them."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = ("-m", "cProfile", "-s", "tottime", "-o", profile) if profile else ()
        process, rest, control = start(folder, *arguments)
        try:
            half = int(float(ask(rest, "api/v3/ticker/price?symbol=BTCUSDT")["price"]) / 2)
            asyncio.run(trade(rest, half, 1, connections, first=0, events=False))  # warm up
            for events in (False, True):
                before, used = len(ask(control, "v1/accounts/bench/orders")), cpu_seconds(process.pid)
                first = 1000 * (1 + events)
                took, taken, told, refused = asyncio.run(trade(rest, half, seconds, connections, first=first, events=events))
                used = cpu_seconds(process.pid) - used
                after = len(ask(control, "v1/accounts/bench/orders"))
                note = f"{taken} orders in {took:.1f} s, {1e6 * used / max(1, taken):.0f} us of processor each"
                name = "  with user events" if events else "signed orders/s over ws-api, one core"
                figures.add(name, taken / took, least=0 if events else 5000, note=note + (f", {told} events" * events))
                figures.add("  answers other than 200", len(refused), most=0, note="; ".join(refused[:2]))
                figures.add("  orders told less orders there", abs(after - before - taken), most=0)
        finally:
            process.terminate()
            process.wait()


class Listener(Socket):
    """Counts what comes, whether the diffs have a gap, and how late it is."""

    def __init__(self, path):
        super().__init__(path)
        self.count, self.gaps, self.last, self.late = 0, 0, 0, []

    def got(self, payload):
        self.count += 1
        data = json.loads(payload)["data"]
        if self.last and data["U"] != self.last + 1:
            self.gaps += 1
        self.last = data["u"]
        self.late.append(time.time() * 1000 - data["E"])


async def listen(port, pid, seconds, clients):
    """Return the clients' counts, and the processor time that the exchange used for them."""
    loop, found = asyncio.get_running_loop(), []
    for _ in range(clients):
        found.append(Listener("/stream?streams=btcusdt@depth@100ms"))
        await loop.create_connection(lambda: found[-1], "127.0.0.1", port)
        await found[-1].ready
    await asyncio.sleep(1)
    before, used, started = [each.count for each in found], cpu_seconds(pid), time.perf_counter()
    for each in found:
        each.late.clear()
    await asyncio.sleep(seconds)
    took, used = time.perf_counter() - started, cpu_seconds(pid) - used
    rates = [(each.count - count) / took for each, count in zip(found, before, strict=True)]
    late = sorted(value for each in found for value in each.late)
    gaps = sum(each.gaps for each in found)
    alive = sum(not each.transport.is_closing() for each in found)
    for each in found:
        each.transport.close()
    return rates, late, gaps, alive, used / took


def streams(figures, seconds, clients, profile):
    """200 clients with ten messages a second each."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = ("-m", "cProfile", "-s", "tottime", "-o", profile) if profile else ()
        process, rest, _ = start(folder, *arguments)
        try:
            rates, late, gaps, alive, share = asyncio.run(listen(rest, process.pid, seconds, clients))
        finally:
            process.terminate()
            process.wait()
    note = f"median {statistics.median(rates):.2f}, together {sum(rates):.0f}/s"
    figures.add("WebSocket clients that stay", alive, least=clients)
    figures.add("  messages/s of the slowest client", min(rates), least=9.9, note=note)
    figures.add("  gaps in their depth", gaps, most=0)
    figures.add("  late, p99 ms", late[int(len(late) * 0.99)], most=50, note=f"median {statistics.median(late):.1f} ms")
    figures.add("  share of one core", share, most=1.0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--only", choices=["orders", "streams"])
    parser.add_argument("--profile", help="write a cProfile of the exchange there; the figures are then worthless")
    asked = parser.parse_args()
    machine("aiohttp", "orjson")
    figures = Figures()
    if asked.only != "streams":
        ws_orders(figures, asked.seconds, asked.connections, asked.profile)
    if asked.only != "orders":
        streams(figures, asked.seconds, asked.clients, asked.profile)
    figures.end()


if __name__ == "__main__":
    main()
