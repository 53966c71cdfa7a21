"""The work of an optimisation's pod: its shard of the points, kept at the portal on the way; the last one puts all together.

Pods know nothing of each other. Each scores what its number says, hands in what it scored block by block, says that it is done,
and asks who else is. Whoever finds all done runs the whole study on the rows of all; should two find that, they hand in the
same report. A pod that is killed starts again, reads its own blocks, and goes on.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from tradewind_api.document.model import StrategyDocument
from tradewind_api.document.validation import parse_document
from tradewind_api.runner import BacktestConfig
from tradewind_engine.backtest.simulate import Costs, MarketRules
from tradewind_engine.candles import Candles
from tradewind_engine.optimise.book import Aim
from tradewind_engine.optimise.objectives import parse_constraint
from tradewind_engine.optimise.record import Record, fingerprint, rows_in
from tradewind_engine.optimise.scratch import Scratch
from tradewind_engine.optimise.shards import work_shard
from tradewind_engine.optimise.space import Space, make_space
from tradewind_engine.optimise.study import Tell, run_study
from tradewind_engine.optimise.sweep import SweepSettings
from tradewind_engine.optimise.walk_forward import Kind
from tradewind_runner.portal import PortalClient, PortalUnavailableError

log = logging.getLogger("tradewind.runner")
TRIES = 20
KEEP_EVERY_S, KEEP_SHARE = 1.0, 25  # a block is handed in after a second, or when it is one in KEEP_SHARE of the work
MOST_AT_ONCE, MOST_WAITING = 16 << 20, 4 << 20
ROW_BYTES = 400  # of a point in a block, about
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Question:
    """What is searched, as the configuration says it."""

    document: StrategyDocument
    space: Space
    candles: Mapping[str, Candles]
    settings: SweepSettings
    aim: Aim
    exchange: str
    folds: int
    kind: Kind

    @property
    def fingerprint(self) -> str:
        """What scores depend on."""
        return fingerprint(
            self.document, self.space, self.candles, self.settings, exchange=self.exchange, folds=self.folds, kind=self.kind
        )

    def points(self, shards: int) -> int:
        """Return how many points `shards` pods score together, at most; the sample alone where that is what they share."""
        if self.space.size <= self.aim.budget:
            return (1 + self.folds) * self.space.size
        if shards > 1 and not self.folds:
            return self.aim.sample
        return (1 + self.folds) * (self.aim.budget + self.aim.trials)

    def work(self, shard: int, shards: int, record: Record, tell: Tell) -> None:
        """Score one shard into `record`."""
        work_shard(
            shard,
            shards,
            self.document,
            self.space,
            self.candles,
            self.settings,
            self.aim,
            record,
            folds=self.folds,
            kind=self.kind,
            tell=tell,
        )

    def answer(self, record: Record, tell: Tell) -> dict[str, Any]:
        """Return the report."""
        study = run_study(
            self.document,
            self.space,
            self.candles,
            self.settings,
            self.aim,
            exchange=self.exchange,
            folds=self.folds,
            kind=self.kind,
            tell=tell,
            record=record,
        )
        return study.to_json()


def costs_of(config: BacktestConfig) -> Costs:
    """Return what each fill pays."""
    return Costs(config.costs.taker_bps, config.costs.slippage_bps, config.costs.maker_bps)


def markets_of(config: BacktestConfig) -> dict[str, MarketRules]:
    """Return what the markets take, as far as the configuration says it."""
    return {told.symbol: MarketRules(float(told.amount_step), float(told.min_notional)) for told in config.markets}


def question_of(config: BacktestConfig, candles: Mapping[str, Candles], threads: int) -> Question:
    """Return what a configuration asks. Raises InvalidDocumentError, ValueError."""
    asked = config.optimization
    if asked is None:
        raise ValueError("the backtest asks for no optimisation")
    document = parse_document(config.strategy)
    space = make_space(document, {tuned.address: (tuned.min, tuned.max, tuned.step) for tuned in asked.parameters})
    aim = Aim(asked.objective, tuple(map(parse_constraint, asked.constraints)), asked.budget, asked.trials, config.seed)
    settings = SweepSettings(
        config.dataset.timeframe, float(config.capital.amount), costs_of(config), threads, markets=markets_of(config)
    )
    kind: Kind = "anchored" if asked.kind == "Anchored" else "rolling"
    return Question(document, space, candles, settings, aim, config.dataset.exchange, asked.folds, kind)


class Keeper:
    """Hands blocks from the search's thread to the portal, a few at once; while that does not answer they wait."""

    def __init__(self, portal: PortalClient, shard: int, mark: str, *, enough: int) -> None:
        self._portal, self._shard, self._mark, self._enough = portal, shard, mark, enough
        self._loop = asyncio.get_running_loop()
        self._waiting: list[bytes] = []
        self._kept = time.monotonic()
        self.scored = 0  # points that this process has scored itself

    def __call__(self, block: bytes) -> None:
        """Take a block, in the search's thread."""
        self._waiting.append(block)
        self.scored += rows_in(block)
        log.info("shard %d: %d points scored in this pod", self._shard, self.scored)
        if sum(map(len, self._waiting)) >= self._enough or time.monotonic() - self._kept > KEEP_EVERY_S:
            try:
                asyncio.run_coroutine_threadsafe(self._send(), self._loop).result()
            except PortalUnavailableError as exc:
                log.warning("scored points wait: %s", exc)
            self._kept = time.monotonic()

    async def finish(self) -> None:
        """Hand in what waits, and say that the shard is done. Raises PortalUnavailableError when the portal stays away."""
        await patiently(self._send)
        await patiently(lambda: self._portal.keep_block(self._shard, self._mark, b"", done=True))

    async def _send(self) -> None:
        while self._waiting:
            count = 1
            while count < len(self._waiting) and sum(map(len, self._waiting[: count + 1])) <= MOST_AT_ONCE:
                count += 1
            await self._portal.keep_block(self._shard, self._mark, b"".join(self._waiting[:count]), done=False)
            del self._waiting[:count]


async def optimise(
    portal: PortalClient, config: BacktestConfig, candles: Mapping[str, Candles], *, shard: int, threads: int, tell: Tell
) -> dict[str, Any] | None:
    """Return the report, None where other shards are still at work. Raises as `run_study` does, PortalUnavailableError."""
    asked = question_of(config, candles, threads)
    shards = config.optimization.shards if config.optimization else 1
    mark = asked.fingerprint
    enough = min(ROW_BYTES * asked.points(shards) // shards // KEEP_SHARE, MOST_WAITING)
    keeper = Keeper(portal, shard, mark, enough=enough)
    record = Record(asked.space, keeper)
    await _load(record, portal, shard, mark)
    if len(record):
        log.info("shard %d: %d points were scored before", shard, len(record))
    if shards == 1:
        return await asyncio.to_thread(asked.answer, record, tell)
    await asyncio.to_thread(asked.work, shard, shards, record, tell)
    await keeper.finish()
    states = await patiently(portal.shards)
    if sum(state.done for state in states.items) < shards:
        return None
    for other in set(range(shards)) - {shard}:
        await _load(record, portal, other, mark)
    return await asyncio.to_thread(asked.answer, record, tell)


async def _load(record: Record, portal: PortalClient, shard: int, mark: str) -> None:
    """Take what the portal has of a shard into a record, by way of a file: it may be as much as the pod's memory."""

    async def fetch() -> Scratch:
        scratch = Scratch()
        await portal.blocks(shard, mark, scratch.append)
        return scratch

    record.load(await patiently(fetch))


async def patiently(call: Callable[[], Awaitable[Answer]]) -> Answer:
    """Return what `call` returns, asking again while the portal does not answer."""
    for attempt in range(TRIES):
        try:
            return await call()
        except PortalUnavailableError as exc:
            log.warning("the portal is waited for: %s", exc)
            await asyncio.sleep(min(0.5 * 2**attempt, 10.0))
    return await call()
