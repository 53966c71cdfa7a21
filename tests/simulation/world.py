"""A bot's life on virtual time: the real process, desk, gate, loop, outbox and reporter, between our exchange and portal.

A kill ends the event loop between two of its steps and nothing of it runs any more; the next pod begins on a new loop at the
same moment, with the disk or without it. The world is checked while it goes on, and at the end, when the faults have stopped.
"""

import asyncio
import contextlib
import gc
import logging
import shutil
import tempfile
import warnings
from collections import Counter
from decimal import Decimal
from pathlib import Path

from chaos import Chaos
from venue import MINUTE, SYMBOL, T0, Venue, VenueBroker, VenueMarket
from virtual_time import VirtualLoop

from tradewind_api.document.digest import strategy_digest
from tradewind_api.document.validation import parse_document
from tradewind_api.fold import fold
from tradewind_api.ledger import LedgerEvent, LedgerState
from tradewind_api.runner import BotConfig, EventAnswer, LeaseAnswer, StartAnswer
from tradewind_runner.bot import BotProcess
from tradewind_runner.feed.rest import RestFeed
from tradewind_runner.order_bot import OrderBot
from tradewind_runner.outbox import Outbox, OutboxFullError, outbox_path
from tradewind_runner.portal import EpochUnknownError, FencedError, PortalUnavailableError, SequenceGapError
from tradewind_runner.reporter import Reporter
from tradewind_runner.settings import RunnerSettings

UID = "simulated-bot-uid"
QUIET_S = 900
DOCUMENT = {
    "schema": "tradewind.strategy/v1",
    "timeframe": "1m",
    "nodes": [
        {"id": "fast", "op": "sma", "in": ["close"], "params": {"period": 2}},
        {"id": "slow", "op": "sma", "in": ["close"], "params": {"period": 5}},
        {"id": "up", "op": "crosses_above", "in": ["fast", "slow"]},
        {"id": "down", "op": "crosses_below", "in": ["fast", "slow"]},
    ],
    "entry": {"when": "up", "size": {"percentOfEquity": 50}},
    "exit": {"when": "down"},
    "protect": {"stopLossPercent": 0.3, "takeProfitPercent": 0.8},
}


class Killed(BaseException):
    """The process is gone."""


class BrokenPromiseError(AssertionError):
    """What must never happen has happened."""


class KillableLoop(VirtualLoop):
    """Ends at a moment that `killed` chooses, asked between any two steps."""

    def __init__(self, seconds: float, killed) -> None:
        super().__init__()
        self.seconds, self._killed = seconds, killed
        self.set_exception_handler(lambda _loop, _context: None)

    def _run_once(self) -> None:
        if self._killed():
            raise Killed
        super()._run_once()


class Portal:
    """Keeps epochs and events; each answer may be lost after it was meant."""

    def __init__(self, chaos: Chaos) -> None:
        self.chaos = chaos
        self.events: list[LedgerEvent] = []
        self.acknowledged: dict[int, int] = {}
        self.state, self.epoch = LedgerState(), 0
        self.kill: list[str] = []
        self._away = 0.0

    async def start(self, request):
        await self._call("start")
        self.epoch += 1
        answer = StartAnswer(epoch=self.epoch, lease_seconds=900, state=self.state, kill=self.kill)
        return await self._answered("start", answer)

    async def events_(self, batch):
        await self._call("events")
        self._check(batch.epoch)
        known = self.acknowledged.get(batch.epoch, 0)
        fresh = [item for item in batch.events if item.seq > known]
        if fresh and fresh[0].seq != known + 1:
            raise SequenceGapError("SequenceGap", f"{known + 1} is next", {})
        if fresh:
            self.state = fold(fresh, self.state)
            self.events += fresh
            self.acknowledged[batch.epoch] = fresh[-1].seq
        seq = self.acknowledged.get(batch.epoch, 0)
        return await self._answered("events", EventAnswer(acknowledged_seq=seq, lease_seconds=900, kill=self.kill))

    async def lease(self, request):
        await self._call("lease")
        self._check(request.epoch)
        if self.chaos.happens("kill-switch", 0.003):
            self.kill = ["bot"]
        elif self.kill and self.chaos.draw("released") < 0.1:
            self.kill = []
        return await self._answered("lease", LeaseAnswer(lease_seconds=900, kill=self.kill))

    def _check(self, epoch: int) -> None:
        if epoch < self.epoch:
            raise FencedError("Fenced", f"epoch {self.epoch} is in force", {})
        if epoch > self.epoch:
            raise EpochUnknownError("EpochUnknown", "start again", {})

    async def _call(self, what: str) -> None:
        await asyncio.sleep(0.01)
        now = asyncio.get_running_loop().time()
        if self.chaos.happens(f"portal-{what}-away", 0.01):
            self._away = now + 120 * self.chaos.draw("away")
        if now < self._away and not self.chaos.quiet:
            raise PortalUnavailableError("502")

    async def _answered(self, what: str, answer):
        await asyncio.sleep(0.01)
        if self.chaos.happens(f"portal-{what}-lost", 0.04):
            raise PortalUnavailableError("the answer was lost")
        return answer


class PortalClient:
    """What the runner holds of it; of a killed process nothing reaches the portal."""

    def __init__(self, portal: Portal) -> None:
        self.start, self.events, self.lease = portal.start, portal.events_, portal.lease


class FullAtTimes(Outbox):
    """A disk that is full at times."""

    chaos: Chaos

    def append(self, group: list[LedgerEvent]) -> None:
        if self.chaos.happens("disk-full", 0.01):
            raise OutboxFullError("events cannot be written down: the disk is full")
        super().append(group)


class World:
    """One bot for `hours`; `run` raises BrokenPromiseError, or returns the figures."""

    def __init__(self, seed: int, hours: float, *, only=None, kill_at_step: int | None = None) -> None:
        self.chaos = Chaos(seed, only)
        self.seconds, self.end = 0.0, hours * 3600
        self.venue = Venue(self.chaos, int(hours * 60) + QUIET_S // 60 + 60)
        self.portal = Portal(self.chaos)
        self.kill_at_step, self.steps, self.kills = kill_at_step, 0, 0
        self.steps_of_moment: dict[int, int] = {}
        self.written: set[str] = set()
        self.broken: list[str] = []
        self.outbox_waits = lambda: False
        self.outbox: Outbox | None = None
        self.outbox_left = 0
        self.folder = Path(tempfile.mkdtemp(prefix="tw-simulation-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
        self.config = BotConfig.model_validate(
            {
                "bot": {"uid": UID, "name": "b", "namespace": "n", "tenant": "t", "plan": "pro", "generation": 1},
                "mode": "Live",
                "exchange": {"name": "venue", "ccxtId": "binance", "takerFeeBps": 10},
                "symbols": [SYMBOL],
                "timeframe": "1m",
                "strategy": DOCUMENT,
                "strategyDigest": strategy_digest(parse_document(DOCUMENT)),
                "capital": {"currency": "USDT", "amount": "10000"},
                "stopPolicy": "CancelOrders",
            }
        )
        (self.folder / "bot.json").write_text(self.config.model_dump_json(by_alias=True))
        self.pod = 0

    def run(self) -> Counter[str]:
        """Live through it all."""
        logging.getLogger("tradewind.runner").setLevel(logging.CRITICAL)
        try:
            while self.seconds < self.end + QUIET_S:
                self._life()
            self._check_end()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
        return Counter(name.rpartition("#")[0] for name in self.chaos.fired)

    # One pod

    def _life(self) -> None:
        loop = KillableLoop(self.seconds, self._killed)
        self._loop = loop
        asyncio.set_event_loop(None)
        try:
            with contextlib.suppress(Killed):
                loop.run_until_complete(self._pod(loop))
        finally:
            self.seconds = loop.seconds
            self.venue.listeners.clear()
            _bury(loop)
            if self.outbox is not None:
                self.outbox.close()
        self.seconds += 0.5 + 15 * self.chaos.draw("restart")
        if self.chaos.happens("disk-lost", 0.4):
            self.pod += 1

    def _killed(self) -> bool:
        self.steps += 1
        self.steps_of_moment[int(self._loop.seconds)] = self.steps
        if self.steps == self.kill_at_step:
            self.kills += 1
            self.chaos.fired.append(f"kill-step#{self.steps}")
            return True
        if self.venue.placing or self.outbox_waits():
            killed = self.chaos.happens("kill-in-flight", 0.008)
        else:
            killed = self.chaos.happens("kill", 0.00004)
        self.kills += killed
        return killed

    async def _pod(self, loop: KillableLoop) -> None:
        state_dir = self.folder / f"pod-{self.pod}"
        process = BotProcess(RunnerSettings(config=self.folder / "bot.json", state_dir=state_dir))
        client = PortalClient(self.portal)
        answer = await process._start(client, process.file.read())
        FullAtTimes.chaos = self.chaos
        outbox = self.outbox = FullAtTimes(outbox_path(state_dir, answer.epoch))
        reporter = Reporter(client, outbox, answer)
        self.outbox_waits = lambda: reporter.waiting > 0
        market = VenueMarket(self.venue, loop.time)
        broker = VenueBroker(self.venue, loop.time, lambda intent: self._durable(intent, outbox))
        feed = RestFeed(market, "1m", 7)
        bot = process.bot = OrderBot(self.config, market, reporter, answer, feed=feed, broker=broker)
        if loop.time() < self.end:
            loop.call_at(self.end, lambda: setattr(self.chaos, "quiet", True))
        stop_at = self.end + QUIET_S
        if self.chaos.happens("stopped", 0.3) and loop.time() < self.end:
            stop_at = loop.time() + 60 + 1800 * self.chaos.draw("life")
        loop.call_at(stop_at, process.stop.set)
        with contextlib.suppress(FencedError, EpochUnknownError, SequenceGapError):
            await process._trade(bot, reporter)
        self.outbox_left = reporter.waiting

    # Promises

    def _durable(self, intent, outbox: Outbox) -> None:
        cid = intent.client_order_id
        if cid in self.written:
            return
        known = any(item.data.get("clientOrderId") == cid for item in outbox.batch(10_000)) or any(
            item.data.get("clientOrderId") == cid for item in self.portal.events[-500:]
        )
        if not known:
            self.broken.append(f"{cid} was sent before it was written down")
        self.written.add(cid)

    def _check_end(self) -> None:
        venue, state = self.venue, fold(self.portal.events)
        venue.go_on(T0 + self.seconds * 1000)
        promise = _Promises()
        promise.broken += self.broken
        promise.same("state folded by the portal and from its events", state, self.portal.state)
        if self.outbox_left:
            promise.broken.append(f"{self.outbox_left} events never reached the portal although it was there")
        ours = {f"{trade.trade_id}": trade for order in venue.orders for trade in order.trades}
        booked = Counter(str(item.data["tradeId"]) for item in self.portal.events if item.type == "Filled")
        promise.same("trades of ours, by id, and how often each is booked", Counter(dict.fromkeys(ours, 1)), booked)
        held = state.positions[SYMBOL].amount if SYMBOL in state.positions else Decimal(0)
        promise.same("amount held", venue.base, held)
        promise.same("cash", venue.cash, state.cash)
        open_there = {order.intent.client_order_id for order in venue.orders if order.status == "Open"}
        cost = state.positions[SYMBOL].cost if SYMBOL in state.positions else Decimal(0)
        promise.same("cash by what was gained and what is held", state.capital + state.realized_pnl - cost, state.cash)
        promise.same("open orders", open_there, set(state.open_intents))
        promise.same("orders sent again although the first one may be there", [], venue.sent_without_absence)
        adjusted = [item for item in self.portal.events if item.type in {"Adjusted", "Halted"} and "Dust" not in str(item.data)]
        promise.same("adjustments and halts", [], [(item.type, item.data) for item in adjusted])
        entries = Counter(self._candle(order) for order in venue.orders if order.intent.side == "buy" and order.filled)
        promise.same("candles that were bought on more than once", {}, {k: n for k, n in entries.items() if n > 1})
        if venue.largest > Decimal(5600):
            promise.broken.append(f"at one time {venue.largest} USDT were held, half of the equity is allowed")
        decisions = [item.data["candleOpenMs"] for item in self.portal.events if item.type == "Decision"]
        promise.same("candles decided on more than once", [], [k for k, n in Counter(decisions).items() if n > 1])
        newest = max(decisions, default=0)
        if newest < T0 + self.end * 1000 + (QUIET_S - 180) * 1000 - MINUTE:
            promise.broken.append("it did not decide any more when the faults had stopped")
        promise.keep()

    def _candle(self, order) -> int:
        return int(order.intent.candle_open_ms)


class _Promises:
    def __init__(self) -> None:
        self.broken: list[str] = []

    def same(self, what: str, expected, found) -> None:
        if expected != found:
            if isinstance(expected, Counter) and isinstance(found, Counter):
                expected, found = expected - found, found - expected
            self.broken.append(f"{what}: expected {expected}, found {found}"[:600])

    def keep(self) -> None:
        if self.broken:
            raise BrokenPromiseError("\n".join(self.broken))


def _bury(loop: KillableLoop) -> None:
    """Let go of a killed process's tasks: none of their code may do anything any more."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False
            with contextlib.suppress(BaseException):
                task.get_coro().close()
        loop._ready.clear()
        loop._scheduled.clear()
        loop.close()
        gc.collect(0)
