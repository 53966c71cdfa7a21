"""A bot's life on virtual time: the real process, desk, gate, loop, outbox and reporter, between our exchange and portal.

A pod dies between two of its steps, or is frozen, or is thought dead and goes on; then the next one begins, with the disk or
without it. The world is checked while it goes on, and at the end, when the faults have stopped.
"""

import asyncio
import contextlib
import logging
import random
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from unittest.mock import patch

from chaos import Chaos
from journal import Journal
from killing import KillableLoop, Killed, Life
from portals import Portal, PortalClient
from promises import LOST, TWICE, check
from venue import SYMBOL, Venue, VenueBroker, VenueMarket

from tradewind_api.document.digest import strategy_digest
from tradewind_api.document.validation import parse_document
from tradewind_api.ledger import Intended
from tradewind_api.runner import BotConfig
from tradewind_runner import bot
from tradewind_runner.feed.rest import RestFeed
from tradewind_runner.order_bot import OrderBot
from tradewind_runner.outbox import outbox_path
from tradewind_runner.portal import EpochUnknownError, FencedError, SequenceGapError
from tradewind_runner.reporter import Reporter
from tradewind_runner.settings import RunnerSettings

UID = "simulated-bot-uid"
QUIET_S = 900
RISK_IN_FLIGHT, RISK = 0.005, 0.00004  # of ending at one step, while an order or an event is on its way, and else
ENDS = {"frozen": 0.06, "cut off": 0.06, "left": 0.06}  # the rest is killed
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
LADDER = {"steps": 2, "spacingPercent": 0.1, "sizeFactor": 1.0, "capPercent": 50}
DOCUMENTS = {
    "stop": DOCUMENT,
    "trailing": DOCUMENT | {"protect": {"trailingStopPercent": 0.3, "maxCandlesInTrade": 15}},
    "ladder": DOCUMENT | {"entry": {"when": "up", "size": {"percentOfEquity": 15}, "ladder": LADDER}},
}
POLICIES = ("CancelOrders", "LeaveOpen", "CancelOrdersAndClosePositions")


class Pod(Life):
    """One process of the bot, on a disk of its own or on that of one before it."""

    def __init__(self, disk: int) -> None:
        super().__init__()
        self.disk, self.epoch = disk, 0
        self.journal: Journal | None = None
        self.client: PortalClient | None = None
        self.reporter: Reporter | None = None
        self.bot: OrderBot | None = None
        self.left, self.placing, self.cut_until = 0, 0, 0.0
        self.task: asyncio.Task[None] | None = None
        self.gone = asyncio.Event()

    @property
    def in_flight(self) -> bool:
        """Whether an order or an event of it is on its way."""
        return self.placing > 0 or (self.journal is not None and self.journal.events > 0)


class World:
    """One bot for `hours`; `run` raises BrokenPromiseError, or returns the figures.

    `end_at` is a step before which a pod is ended, and how: see `_end`. Strategy and stop policy are the seed's, unless
    `trades` names one of DOCUMENTS.
    """

    def __init__(self, seed: int, hours: float, *, only=None, end_at=(0, ""), quiet_s=QUIET_S, trades="") -> None:
        self.chaos = Chaos(seed, only)
        document = DOCUMENTS[trades or tuple(DOCUMENTS)[seed % len(DOCUMENTS)]]
        self.end, self.quiet_s = hours * 3600, quiet_s
        self.venue = Venue(self.chaos, int(hours * 60) + quiet_s // 60 + 60)
        self.portal = Portal(self.chaos)
        self.end_at, self.steps, self.kills = end_at, 0, 0
        self.steps_of_orders: list[int] = []
        self.written: set[str] = set()
        self.broken: list[tuple[str, str]] = []
        self.pods: list[Pod] = []
        self.blind = 0
        self._disks = 0
        self._risk = self.chaos.span("span")
        shm = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(prefix="tw-simulation-", dir=shm if shm.is_dir() else None))
        self.config = BotConfig.model_validate(
            {
                "bot": {"uid": UID, "name": "b", "namespace": "n", "tenant": "t", "plan": "pro", "generation": 1},
                "mode": "Live",
                "exchange": {"name": "venue", "ccxtId": "binance", "takerFeeBps": 10},
                "symbols": [SYMBOL],
                "timeframe": "1m",
                "strategy": document,
                "strategyDigest": strategy_digest(parse_document(document)),
                "capital": {"currency": "USDT", "amount": "10000"},
                "stopPolicy": POLICIES[seed // len(DOCUMENTS) % len(POLICIES)],
            }
        )
        self._configure(self.config)

    def run(self) -> Counter[str]:
        """Live through it all."""
        random.seed(self.chaos.seed)  # of the pauses that bots spread
        logging.getLogger("tradewind.runner").setLevel(logging.CRITICAL)
        self.loop = loop = KillableLoop(self._before)
        try:
            with patch.object(bot, "WATCH_S", 5.0):  # it is edited once
                loop.run_until_complete(self._live())
            check(self)
        finally:
            loop.bury()
            for pod in self.pods:
                if pod.journal is not None:
                    pod.journal.close()
            shutil.rmtree(self.folder, ignore_errors=True)
        return Counter(name.rpartition("#")[0] for name in self.chaos.fired)

    # One pod after another, at times beside another

    async def _live(self) -> None:
        self.loop.call_at(self.end, self._be_quiet)
        while self.loop.time() < self.end + self.quiet_s:
            pod = Pod(self._disks)
            self.pods.append(pod)
            pod.task = self.loop.begin(pod, self._pod(pod))
            await pod.gone.wait()
            await asyncio.sleep(0.5 + 15 * self.chaos.draw("restart"))
            for task in [item.task for item in self.pods if item.task.done()]:
                if not isinstance(task.exception(), Killed | None):
                    raise task.exception()
            if (pod.alive and not pod.task.done()) or self.chaos.happens("disk-lost", 0.4):
                self._disks += 1

    def _be_quiet(self) -> None:
        """End the faults, and have nothing left open that could be filled when nobody is there to book it."""
        self.chaos.quiet = True
        if self.config.stop_policy == "LeaveOpen":
            self._configure(self.config.model_copy(update={"stop_policy": "CancelOrders"}))

    def _configure(self, config: BotConfig) -> None:
        (self.folder / "new.json").write_text(config.model_dump_json(by_alias=True))
        (self.folder / "new.json").replace(self.folder / "bot.json")

    def _before(self, pod: Pod) -> None:
        """Decide whether a pod's next step is done: asked before each of them."""
        self.steps += 1
        self._risk -= RISK_IN_FLIGHT if pod.in_flight else RISK
        if self.steps == self.end_at[0]:
            self._end(pod, self.end_at[1])
        elif self._risk <= 0:
            self._risk = self.chaos.span("span")
            if self.chaos.happens("end", 1):
                self._end(pod, self.chaos.one_of("end", ENDS) or "killed")

    def _end(self, pod: Pod, how: str) -> None:
        """End a pod, or have it taken for dead: it is frozen for a while, or goes on, with the portal or cut off from it."""
        if how == "killed" or pod is not self.pods[-1]:
            self._kill(pod)
            return
        seconds = max(0.0, min(5 + 400 * self.chaos.draw("thaw") ** 2, self.end - self.loop.time()))
        if how == "frozen":
            self.loop.freeze(pod, seconds)
        elif how == "cut off":
            pod.cut_until = self.loop.time() + seconds
        pod.gone.set()

    def _kill(self, pod: Pod) -> None:
        self.kills += 1
        self.loop.kill(pod)
        self.venue.listeners.pop(pod, None)
        if pod.journal is not None:
            pod.journal.close()
            if self.chaos.happens("power-lost", 0.3):
                pod.journal.lose_power()
        pod.gone.set()

    async def _pod(self, pod: Pod) -> None:
        loop, state_dir = self.loop, self.folder / f"pod-{pod.disk}"
        process = bot.BotProcess(RunnerSettings(config=self.folder / "bot.json", state_dir=state_dir))
        client = pod.client = PortalClient(self.portal, lambda: loop.time() < pod.cut_until)
        config = process.file.read()  # not ours: it may have been edited since
        answer = await process._start(client, config)
        pod.epoch = answer.epoch
        journal = pod.journal = Journal(outbox_path(state_dir, answer.epoch), self.chaos, lambda: self._kill(pod))
        reporter = pod.reporter = Reporter(client, journal, answer)
        market = VenueMarket(self.venue, loop.time)
        broker = VenueBroker(self.venue, loop.time, pod, self._durable)
        feed = RestFeed(market, "1m", 7)
        process.bot = pod.bot = OrderBot(config, market, reporter, answer, feed=feed, broker=broker)
        stop_at = self.end + self.quiet_s
        if self.chaos.happens("stopped", 0.3) and loop.time() < self.end:
            stop_at = loop.time() + 60 + 1800 * self.chaos.draw("life")
        loop.call_at(stop_at, process.stop.set)
        try:
            with contextlib.suppress(FencedError, EpochUnknownError, SequenceGapError):
                await process._trade(process.bot, reporter)
        finally:
            pod.left = reporter.waiting
            pod.gone.set()

    def _durable(self, pod: Pod, intent: Intended) -> None:
        """Look at an order that goes out: it stands in the ledger or on a disk that keeps it, and its pod may send it now."""
        cid = intent.client_order_id
        if intent.side == "buy" and (reason := pod.bot._standing().blocked):
            self.broken.append((TWICE, f"{cid} was sent in spite of {reason}"))
        self.steps_of_orders.append(self.steps)
        if pod.client.fenced:
            self.broken.append((TWICE, f"{cid} was sent by a pod that had been told of a younger one"))
        if cid not in self.written:
            self.written.add(cid)
            exit_in_memory = intent.side == "sell" and pod.journal.holds(cid)
            if not (exit_in_memory or pod.journal.keeps(cid) or cid in self.portal.intended):
                self.broken.append((LOST, f"{cid} was sent before it was written down"))
