"""`make bench-bot`: what a live bot's process weighs, how fast it starts, and how fast a closed candle becomes an order.

That is measured from two moments on: when the message that closed the candle is there, and when the strategy has spoken.

As in the image, our modules are compiled to bytecode first, and the interpreter is Debian's where there is one. Against the
real simulated exchange on loopback, which lists 1,500 symbols at 600 times the speed. The wire is the socket: an order counts
when its bytes are given to the kernel. The limiter of ccxt is off, ours is on. What the disk alone takes, in the same folder,
stands beside it, and what a bare loop of about as long takes: a machine that is shared with others takes the processor away
from that too, and calls it used.
"""

import argparse
import asyncio
import compileall
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from asyncio import selector_events
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1])]

from bot_world import wait_for  # noqa: E402 - found by the path above
from live_world import KEY, SECRET, LiveWorld  # noqa: E402 - found by the path above
from report import Figures, machine  # noqa: E402 - found by the path above

from tradewind_api.ledger import LedgerState  # noqa: E402 - found by the path above
from tradewind_api.runner import BotConfig, StartAnswer  # noqa: E402 - found by the path above
from tradewind_runner.bot import settle_down  # noqa: E402 - found by the path above
from tradewind_runner.bot_kinds import make_bot  # noqa: E402 - found by the path above
from tradewind_runner.exchange import Exchange  # noqa: E402 - found by the path above
from tradewind_runner.outbox import Outbox  # noqa: E402 - found by the path above
from tradewind_runner.reporter import Reporter  # noqa: E402 - found by the path above

SYMBOLS = ["BTC/USDT", "ETH/USDT", *(f"C{number}/USDT" for number in range(1498))]
START = """
import time
began = time.perf_counter()
import asyncio, json, sys
from tradewind_runner import bot
from tradewind_api.ledger import LedgerState
from tradewind_api.runner import BotConfig, StartAnswer
from tradewind_runner.bot_kinds import make_bot
from tradewind_runner.exchange import Exchange
config = BotConfig.model_validate_json(open(sys.argv[1]).read())
answer = StartAnswer.model_validate_json(sys.argv[2])

async def main():
    exchange, heard = Exchange(config.exchange), asyncio.Event()
    class Silent:
        kill, close_now = [], False
    async with make_bot(config, exchange, Silent(), answer) as made:
        await made._connect()
        await made._broker.connect()
        made._feed.take = lambda *_: heard.set()
        feed = asyncio.create_task(made._feed.run())
        await heard.wait()
        print(time.perf_counter() - began, time.process_time())
        feed.cancel()
        await asyncio.gather(feed, return_exceptions=True)
    await exchange.close()

asyncio.run(main())
"""
PLAIN = """
import time
began = time.perf_counter()
import ccxt.pro
ccxt.pro.binance()
print(time.perf_counter() - began)
"""


def percentile(values, percent):
    """Return the value that `percent` of the values do not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * percent / 100))]


def memory(pid):
    """Return resident memory in MiB: now, and the most there was."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return tuple(int(lines[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))


def weigh(figures, world, orders):
    """Let the real process trade, then read what it holds."""
    bot = world.start_bot()
    wait_for(lambda: len(world.portal.of_type("Closed")) >= orders, 120)
    now, most = memory(bot.pid)
    figures.add("resident memory of a live bot, MiB", now, most=96, note=f"after {orders} orders; most ever {most:.1f}")
    bot.terminate()
    bot.wait()


def start_time(figures, world, answer, repetitions):
    """Import to the first message of the socket, in fresh interpreters; in turn with what ccxt takes for an object alone."""
    ours, theirs = [START, str(world.folder / "bot.json"), answer], [PLAIN]

    def seconds(program):
        told = subprocess.run([sys.executable, "-c", *program], capture_output=True, text=True, check=True).stdout
        return [float(word) for word in told.split()]

    seconds(theirs)
    found = [seconds(ours) + seconds(theirs) for _ in range(repetitions)]
    wall, processor, plain = (statistics.median(column) for column in zip(*found, strict=True))
    note = f"median of {repetitions}, loopback included; processor {processor:.2f} s; in turn with it ccxt.pro.binance() alone "
    note += f"{plain:.2f} s, ours is {wall / plain:.2f} of that"
    figures.add("import to connected, s", wall, most=0.6, note=note)


def disk(folder, sync, room, lines=200):
    """Return ms of each bare write of a line with its sync, at the end of a file or over room that is on the disk already."""
    line, found = b"x" * 899 + b"\n", []
    path = folder / "disk-alone"
    path.write_bytes(bytes(room))
    file = os.open(path, os.O_WRONLY)
    os.fsync(file)
    for number in range(lines):
        time.sleep(0.01)
        began = time.perf_counter()
        os.pwrite(file, line, number * len(line))
        sync(file)
        found.append((time.perf_counter() - began) * 1000)
    os.close(file)
    path.unlink()
    return found


def processor_alone(times=300):
    """Return ms of each run of one bare loop that lasts 2 ms as a rule: what more it takes is what the machine takes away."""

    def loop(rounds):
        time.sleep(0.01)
        began = time.perf_counter()
        for _ in range(rounds):
            pass
        return (time.perf_counter() - began) * 1000

    rounds = int(2 / statistics.median(loop(50_000) for _ in range(50)) * 50_000)
    return [loop(rounds) for _ in range(times)]


async def trade(world, answer, orders):
    """Return ms from a candle's last message to the order's bytes, the processor's part, ms from the signal, ms of the disk."""
    config = BotConfig.model_validate_json((world.folder / "bot.json").read_text())
    start = StartAnswer.model_validate_json(answer)
    latencies, processor, signals, waits, closed, signalled = [], [], [], [], [0.0, 0.0], [0.0]
    transport = selector_events._SelectorSocketTransport
    write, lines = transport.write, transport.writelines

    def on_wire(data):
        if closed[0] and b"POST /api/v3/order" in bytes(data):
            latencies.append((time.perf_counter() - closed[0]) * 1000)
            signals.append((time.perf_counter() - signalled[0]) * 1000)
            processor.append((time.process_time() - closed[1]) * 1000)

    transport.write = lambda self, data: (on_wire(data), write(self, data))[1]
    transport.writelines = lambda self, data: (on_wire(b"".join(data := list(data))), lines(self, data))[1]
    exchange, outbox = Exchange(config.exchange), Outbox(world.folder / "bench" / "outbox-1.jsonl")
    reporter = Reporter(None, outbox, start)
    on_disk = reporter.on_disk

    async def timed():
        began = time.perf_counter()
        await on_disk()
        waits.append((time.perf_counter() - began) * 1000)

    reporter.on_disk = timed
    try:
        async with make_bot(config, exchange, reporter, start) as bot:
            take, say = bot._feed.take, bot._signals

            def heard(symbol, row, final):
                if final:
                    closed[:] = time.perf_counter(), time.process_time()
                take(symbol, row, final)

            def said(symbol, window):
                found = say(symbol, window)
                signalled[0] = time.perf_counter()
                return found

            bot._feed.take, bot._signals = heard, said
            running = asyncio.create_task(bot.run())
            await settle_down(lambda: not bot.progress.problem)
            while len(latencies) < orders and not running.done():
                await asyncio.sleep(0.1)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    finally:
        transport.write, transport.writelines = write, lines
        outbox.close()
        await exchange.close()
    return latencies, processor, signals, waits


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--starts", type=int, default=5)
    asked = parser.parse_args()
    for folder in ("crds", "botrunner"):
        compileall.compile_dir(Path(__file__).parents[2] / folder, quiet=1)
    machine("ccxt", "aiohttp", "numpy", "pydantic")
    figures = Figures()
    with tempfile.TemporaryDirectory() as folder:
        world = LiveWorld(Path(folder), options=("--symbols", json.dumps(SYMBOLS)))
        try:
            world.configure(parameters={"fast.period": 2, "slow.period": 3})
            credential = {"id": "main", "version": 1, "apiKey": KEY, "secret": SECRET}
            state = json.loads(LedgerState().model_dump_json(by_alias=True))
            answer = json.dumps({"epoch": 9999, "leaseSeconds": 900, "state": state, "credential": credential})
            weigh(figures, world, 20)
            start_time(figures, world, answer, asked.starts)
            alone = {"appended, fsync": (os.fsync, 0), "over room, fdatasync": (os.fdatasync, 1 << 18)}
            alone = {name: disk(world.folder, *how) for name, how in alone.items()}
            bare = processor_alone()
            latencies, processor, signals, waits = asyncio.run(trade(world, answer, asked.orders))
            bare += processor_alone()
            for percent, most in ((50, 2), (99, 10)):
                waited, spent = percentile(waits, percent), percentile(processor, percent)
                note = f"{len(latencies)} orders; processor {spent:.2f}; waiting for the disk {waited:.2f}; the disk alone: "
                note += ", ".join(f"{name} {percentile(found, percent):.2f}" for name, found in alone.items())
                name = f"closed candle to order on the wire, ms, p{percent}"
                figures.add(name, percentile(latencies, percent), most=most, note=note)
                note = (
                    f"a part of the figure above; a bare loop of about 2 ms before and after: {percentile(bare, percent):.2f}"
                )
                figures.add(
                    f"strategy's signal to order on the wire, ms, p{percent}",
                    percentile(signals, percent),
                    most=most,
                    note=note,
                )
        finally:
            world.close()
    figures.end()


if __name__ == "__main__":
    main()
