"""A live bot for the fault matrix: one simulated exchange serves many tests, each on an account of its own.

`hosted` runs the bot's process object in the test's own loop, so that a test can have shorter patience than a production bot,
and another wall clock; `start_bot` starts the real process. Both have the real sockets.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from faults.matrix import check_envelopes, check_ledger, check_requests
from live_world import LiveWorld
from simulator_process import Server

from tradewind_api.runner import TerminationMessage
from tradewind_engine.trading.identity import epoch_of
from tradewind_runner.bot import BotProcess
from tradewind_runner.bot_loop import BotLoop
from tradewind_runner.settings import RunnerSettings

UID, MINUTE, SPEED, MOST_S = "bot-uid-1", 60_000, 600.0, 60.0
_numbers = itertools.count(1)


class HostedWorld(LiveWorld):
    """A bot's world on an exchange that is there already, with an account of 20,000 USDT and nobody else's requests."""

    def __init__(self, folder: Path, server: Server) -> None:
        self._server, self.account = server, f"trader-{next(_numbers)}"
        super().__init__(folder, speed=SPEED)
        self.key = f"key-of-{self.account}"
        self.portal.credential = {"id": "main", "version": 1, "apiKey": self.key, "secret": "secret"}
        keys = [{"key": self.key, "secret": "secret"}]
        self.control_call("PUT", f"accounts/{self.account}", {"balances": {"USDT": "20000"}, "keys": keys})

    def start_simulator(self) -> None:
        self.rest, self.control = self._server.rest, self._server.control
        self.control_call("DELETE", "journal")
        self.control_call("DELETE", "faults")

    def stop_simulator(self) -> None:
        self.control_call("DELETE", "faults")

    def faults(self, *rules: dict[str, Any]) -> None:
        """Put a script in place of the one before; without rules set everything right."""
        self.control_call("DELETE", "faults")
        self.control_call("PUT", "faults", list(rules))

    def orders(self) -> list[dict[str, Any]]:
        """Return all orders of the account with their trades, oldest first; others' have other ids."""
        return self.control_call("GET", f"accounts/{self.account}/orders")

    def ours(self) -> list[dict[str, Any]]:
        return [order for order in self.orders() if epoch_of(order["clientOrderId"], UID) is not None]

    def requests(self) -> list[dict[str, Any]]:
        return [entry for entry in self.control_call("GET", "journal") if entry["apiKey"] == self.key]

    def decisions(self) -> list[dict[str, Any]]:
        return [item.data for item in self.portal.of_type("Decision")]

    def intents(self, side: str) -> list[dict[str, Any]]:
        return [item.data for item in self.portal.of_type("Intended") if item.data["side"] == side]

    def closed_candles(self) -> dict[int, dict[str, Any]]:
        """Return the last 1,000 candles as the exchange's REST tells them, by the time at which they opened."""
        rows = self._server.get("klines?symbol=BTCUSDT&interval=1m&limit=1000")
        return {int(row[0]): {"high": row[2], "close": row[4]} for row in rows[:-1]}

    def others(self) -> Any:
        """Return what the exchange says of itself once BTC/USDT is not listed any more."""
        return self._server.get("exchangeInfo?symbol=ETHUSDT")

    def check(self) -> None:
        """Check what the matrix promises after every fault, of the ledger as the portal has it."""
        events = [item.typed() for item in sorted(self.portal.events, key=lambda item: (item.epoch, item.seq))]
        check_ledger(self.ours(), events, self.state(), "BTC/USDT")
        check_requests(self.requests(), events)
        check_envelopes(self.portal.events)

    def check_decisions(self, *, revised: float = 1.0) -> None:
        """Each candle was decided on once, in its order, none left out, and only as the exchange closed it.

        `revised`: the stream has told of closes so many times as high just after, which REST has not. A bot that hears of both
        before it decides goes by the newer word.
        """
        opened, there = [item["candleOpenMs"] for item in self.decisions()], self.closed_candles()
        assert {MINUTE} == {later - earlier for earlier, later in pairwise(opened)}
        for item in self.decisions():
            closed = there[item["candleOpenMs"]]
            later = max(float(closed["high"]), round(float(closed["close"]) * revised, 8))
            assert float(item["high"]) in {float(closed["high"]), later}
        for item in [] if revised != 1.0 else self.decisions():
            closes = [float(there[item["candleOpenMs"] - back * MINUTE]["close"]) for back in (0, 1)]
            assert item["nodes"]["fast"] == pytest.approx(sum(closes) / 2, rel=1e-12), "an average of two final closes"


@contextlib.contextmanager
def prices_apart(live: HostedWorld, *, high: float = 1.0, low: float = 1.0, candles: int = 1) -> Iterator[Callable[..., float]]:
    """Yield what makes the market stand still but for some candles, ones to come or earlier ones by the time of the first.

    It returns the price of the others. A market that is replaced closes its streams: the candles come four seconds later, when
    every bot has opened its own again. What a bot must hear of by its stream may be missed if it is a single candle of 0.1 s.
    """

    def put(ts: int = 0) -> float:
        now = live._server.get("time")["serverTime"] // MINUTE * MINUTE
        price, first = float(live._server.get("ticker/price?symbol=BTCUSDT")["price"]), ts or now + 40 * MINUTE
        still, other = f"{price},{price},{price},{price},100", f"{price},{price * high},{price * low},{price},100"
        times = range(now - 90 * MINUTE, now + 3000 * MINUTE, MINUTE)
        rows = [f"{time_ms},{other if first <= time_ms < first + candles * MINUTE else still}" for time_ms in times]
        live._server.put("candles?symbol=BTC/USDT", "\n".join(["ts,open,high,low,close,volume", *rows]).encode())
        return price

    try:
        yield put
    finally:
        live._server.delete("candles?symbol=BTC/USDT")


@dataclass
class Hosted:
    """A bot that runs in the test's loop."""

    process: BotProcess
    task: asyncio.Task[TerminationMessage]

    @property
    def bot(self) -> BotLoop:
        assert self.process.bot is not None
        return self.process.bot

    async def until(self, look: Callable[[], Any]) -> Any:
        """Return what `look` finds once it finds something; fails with the bot's own failure if that ends first."""
        async with asyncio.timeout(MOST_S):
            while not (found := look()):
                if self.task.done():
                    raise AssertionError(f"the bot has ended: {self.task.result()}")
                await asyncio.sleep(0.03)
        return found

    async def decide(self, count: int = 5) -> None:
        """Wait until it has decided on so many more candles."""
        newest = await self.until(lambda: self.bot.progress.last_candle_ms)
        await self.until(lambda: self.bot.progress.last_candle_ms >= newest + count * MINUTE)

    async def stop(self) -> TerminationMessage:
        """Tell it to stop, as SIGTERM does."""
        self.process.stop.set()
        async with asyncio.timeout(MOST_S):
            return await self.task


def hosted(world: HostedWorld, *, portal_port: int | None = None) -> contextlib.AbstractAsyncContextManager[Hosted]:
    """Run a bot of a world; told to stop in the end if it still runs."""
    return running(world.folder, f"http://127.0.0.1:{portal_port or world.portal_port}", state=f"state-{world.portal.epoch}")


@contextlib.asynccontextmanager
async def running(folder: Path, portal_url: str, *, state: str = "state") -> AsyncIterator[Hosted]:
    """Yield the bot of a folder once it exists."""
    settings = RunnerSettings(
        portal_url=portal_url,
        config=folder / "bot.json",
        token_file=folder / "token",
        state_dir=folder / state,
        termination_log=folder / "words",
    )
    process = BotProcess(settings)
    found = Hosted(process, asyncio.create_task(process.run()))
    try:
        await found.until(lambda: process.bot is not None)
        yield found
    finally:
        process.stop.set()
        await asyncio.wait({found.task}, timeout=20.0)
        found.task.cancel()
        await asyncio.gather(found.task, return_exceptions=True)
