"""`make bench-simulator`: signed orders a second that the simulated exchange takes on one core.

The exchange is a process of its own, held to one core; the client is another process on another core, with keep-alive
connections, each of which sends its next request when the answer to the last one is there. Every order has its own client
order id and is signed by the client; every signature, filter, balance and limit is checked, every request is in the journal.
Of four requests two are market orders (buy, sell) that are filled, one is a limit order that rests and one takes it out again:
the figure counts the three orders and not the cancellation. What was answered is compared with what the exchange has.
"""

import argparse
import asyncio
import hmac
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from report import Figures, machine

KEY, SECRET = "k" * 64, b"s" * 64
CYCLE = 4
FIELDS = {
    0: "side=BUY&type=MARKET&quantity=0.0001",
    1: "side=SELL&type=MARKET&quantity=0.0001",
    2: "side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price={half}",
}


class Wire(asyncio.Protocol):
    """A connection that never rests."""

    def __init__(self, name, half, ended):
        self.name, self.half, self.ended = name, half, ended
        self.sent, self.orders, self.refused, self.running = 0, 0, [], True
        self.buffer = b""

    def connection_made(self, transport):
        self.transport = transport
        self.send()

    def send(self):
        turn = self.sent % CYCLE
        cid = f"{self.name}-{self.sent - (turn == CYCLE - 1)}"  # the last of four takes out the one before
        self.sent += 1
        stamp = f"timestamp={int(time.time() * 1000)}"
        if turn == CYCLE - 1:
            payload = f"symbol=BTCUSDT&origClientOrderId={cid}&{stamp}"
        else:
            payload = f"symbol=BTCUSDT&{FIELDS[turn].format(half=self.half)}&newClientOrderId={cid}&{stamp}"
        signed = f"{payload}&signature={hmac.digest(SECRET, payload.encode(), 'sha256').hex()}"
        if turn == CYCLE - 1:
            head = f"DELETE /api/v3/order?{signed} HTTP/1.1\r\nHost: x\r\nX-MBX-APIKEY: {KEY}\r\n\r\n"
        else:
            head = (
                f"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nX-MBX-APIKEY: {KEY}\r\n"
                f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(signed)}\r\n\r\n{signed}"
            )
        self.transport.write(head.encode())

    def data_received(self, data):
        self.buffer += data
        head, end, body = self.buffer.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self.buffer = body[length:]
        if not head.startswith(b"HTTP/1.1 200"):
            self.refused.append(body[:200].decode())
        elif (self.sent - 1) % CYCLE != CYCLE - 1:
            self.orders += 1
        if self.running and len(self.refused) < 3:
            self.send()
        else:
            self.ended.set_result(None)


async def drive(port, half, seconds, connections, run):
    """Return seconds, orders taken and answers other than 200. `run` keeps the ids of one run from those of another."""
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    wires = []
    for number in range(connections):
        wires.append(Wire(f"{run}{number}", half, loop.create_future()))
        await loop.create_connection(lambda wire=wires[-1]: wire, "127.0.0.1", port)
    await asyncio.sleep(seconds)
    for wire in wires:
        wire.running = False
    await asyncio.gather(*(wire.ended for wire in wires))
    took = time.perf_counter() - started
    return took, sum(wire.orders for wire in wires), [text for wire in wires for text in wire.refused]


def ask(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}") as answer:
        return json.loads(answer.read())


def cpu_seconds(pid):
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def start(folder, *arguments):
    """Start an exchange on the first core; return the process and its two ports."""
    rest, control = free_ports(2)
    first, *others = sorted(os.sched_getaffinity(0))
    command = [sys.executable, *arguments, "-m", "tradewind_simulator", "--port", str(rest), "--control-port", str(control)]
    accounts = {"bench": {"balances": {"USDT": "100000000", "BTC": "1000"}, "keys": [{"key": KEY, "secret": SECRET.decode()}]}}
    limits = ["--weight-limit", "0", "--order-limit-10s", "0", "--order-limit-day", "0"]
    command += ["--state-dir", folder, "--accounts", json.dumps(accounts), *limits]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    os.sched_setaffinity(process.pid, {first})
    os.sched_setaffinity(0, set(others) or {first})
    for _ in range(200):
        try:
            ask(control, "v1/status")
        except OSError:
            time.sleep(0.05)
        else:
            return process, rest, control
    raise SystemExit("the exchange does not answer")


def orders(figures, seconds, connections, profile):
    """Signed orders over REST."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = ("-m", "cProfile", "-s", "tottime", "-o", profile) if profile else ()
        process, rest, control = start(folder, *arguments)
        try:
            half = int(float(ask(rest, "api/v3/ticker/price?symbol=BTCUSDT")["price"]) / 2)
            asyncio.run(drive(rest, half, 1, connections, "w"))  # warm up
            before, used = len(ask(control, "v1/accounts/bench/orders")), cpu_seconds(process.pid)
            took, taken, refused = asyncio.run(drive(rest, half, seconds, connections, "b"))
            used = cpu_seconds(process.pid) - used
            after = len(ask(control, "v1/accounts/bench/orders"))
        finally:
            process.terminate()
            process.wait()
    note = f"{taken} orders in {took:.1f} s, {used:.1f} s of processor, {1e6 * used / max(1, taken):.0f} us each"
    figures.add("signed REST orders/s, one core", taken / took, least=2000, note=note)
    figures.add("  answers other than 200", len(refused), most=0, note="; ".join(refused[:2]))
    figures.add("  orders told less orders there", abs(after - before - taken), most=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--profile", help="write a cProfile of the exchange there; the figures are then worthless")
    asked = parser.parse_args()
    machine("aiohttp", "orjson")
    figures = Figures()
    orders(figures, asked.seconds, asked.connections, asked.profile)
    figures.end()


if __name__ == "__main__":
    main()
