"""The loop of every bot: wait for a close, decide on each closed candle once, book, report. Subclasses make the orders.

Everything a bot does goes through the ledger. Exchange trouble is waited out; nothing is bought meanwhile.
"""

import asyncio
import logging
import time
from collections.abc import Container
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from tradewind_api.document.model import StrategyDocument
from tradewind_api.document.validation import lookback_of, parse_document
from tradewind_api.fold import follow
from tradewind_api.ledger import Decision, EventData, Filled, Halted, LedgerEvent, LedgerState, Started, event
from tradewind_api.resources import REFUSED_NOTICES
from tradewind_api.runner import BotConfig, StartAnswer
from tradewind_engine.strategy.evaluate import Signals
from tradewind_engine.strategy.follow import Follower
from tradewind_engine.timeframes import timeframe_ms
from tradewind_engine.trading.paper import NextId
from tradewind_engine.trading.risk import breach
from tradewind_engine.trading.sizing import PaperMarket
from tradewind_engine.trading.standing import Facts, Standing, standing
from tradewind_runner import health
from tradewind_runner.brokers.errors import ExchangeUnavailableError
from tradewind_runner.exchange import Exchange, Market
from tradewind_runner.feed.candle_book import Window
from tradewind_runner.feed.port import Feed
from tradewind_runner.feed.rest import RestFeed
from tradewind_runner.outbox import OutboxFullError
from tradewind_runner.reporter import Reporter
from tradewind_runner.settings import VERSION
from tradewind_runner.story import told
from tradewind_runner.taking_in import take_in

log = logging.getLogger("tradewind.runner")
LATE_CANDLES, CLOCK_EVERY_S, CLOCK_SOON_S, ERROR_PAUSE_S, MEASURE_LATER_S = 2, 30.0, 2.0, 2.0, 0.05


@dataclass(slots=True)
class Progress:
    """Where the loop is, for probes and heartbeat; `went_round` in seconds of the loop's clock."""

    went_round: float = 0.0
    last_candle_ms: int = 0
    problem: str = "starting: the first candles are not here yet"


class BotLoop:
    """One bot under one epoch."""

    def __init__(
        self, config: BotConfig, exchange: Exchange, reporter: Reporter, start: StartAnswer, *, feed: Feed | None = None
    ) -> None:
        self.config, self.progress = config, Progress()
        self.state: LedgerState = start.state
        self._exchange, self._reporter, self._epoch = exchange, reporter, start.epoch
        self._seq = 0
        self._document: StrategyDocument = parse_document(config.strategy)
        self._lookback, self._length = lookback_of(self._document), timeframe_ms(config.timeframe)
        self._feed: Feed = feed or RestFeed(exchange, config.timeframe, self._lookback)
        self._next_id = NextId(config.bot.uid, start.epoch)
        self._followers: dict[str, Follower] = {}
        self._prices: dict[str, Decimal] = {}
        self._markets: dict[str, Market] = {}
        self._warming: dict[str, str] = {}
        self.update_pending = False
        self.more_at_once = self.stopping = False
        self._refused_entry = ""  # why a limit, or the market, would not have the last entry: its owner should know

    async def run(self) -> None:
        """Connect and trade for ever."""
        await self._connect()
        await self._prepare()
        self.say(self._started())
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_time())
            tasks.create_task(self._feed.run())
            self._begin(tasks)
            while True:
                try:
                    await self._round()
                    self.progress.problem = self._trouble()
                except (ExchangeUnavailableError, OutboxFullError) as exc:
                    health.EXCHANGE_ERRORS.inc()
                    self.progress.problem = str(exc)
                    log.warning("%s", exc)
                    await asyncio.sleep(ERROR_PAUSE_S)
                # Metrics can wait: an order that was just decided on is on its way now.
                asyncio.get_running_loop().call_later(MEASURE_LATER_S, self._measure)
                if not self.more_at_once:
                    await self._feed.wait()
                self.more_at_once = False

    def trading(self) -> tuple[Standing, int]:
        """Return what the bot may do, and the last candle decided on."""
        found = self._standing()
        if self.progress.problem and found.state != "Halted":
            # What is wrong with the stream follows from it, or the reverse: the trader reads it after.
            stale = tuple(reason for reason in found.reasons if reason.startswith("StaleData"))
            others = tuple(reason for reason in found.reasons if reason not in stale)
            found = Standing("Reducing", (*others, f"NotReady: {self.progress.problem}", *stale))
        if self._refused_entry:
            found = replace(found, reasons=(*found.reasons, self._refused_entry))
        return found, self.progress.last_candle_ms

    @property
    def markets(self) -> dict[str, Market]:
        """Rules of the symbols, empty before the exchange has told them."""
        return self._markets

    def flat(self) -> bool:
        """Return whether nothing is held."""
        return not self.state.positions

    def close_positions(self, reason: str, *, only: Container[str] | None = None) -> None:
        """Sell everything, or what is named, as far as it can be done at once."""
        raise NotImplementedError

    def in_doubt(self) -> str:
        """Return which orders nobody knows the end of, an empty string for none."""
        return ""

    async def wind_down(self, seconds: float) -> str:
        """Carry out the stop policy; return what could not be done in time, an empty string if all was."""
        raise NotImplementedError

    async def look_at_prices(self) -> None:
        """Fetch the newest price of what is held and has none: a pod that has just begun knows nothing but the ledger."""

    def reconfigure(self, config: BotConfig) -> None:
        """Go on under a newer configuration of the same strategy. Whoever edits a halted bot has acted: it is told again."""
        newer = config.bot.generation > self.config.bot.generation
        self.config = config
        if newer and self._seq:
            self.say(self._started())

    def say(self, data: EventData) -> None:
        """Book one event of its own."""
        self._book([data])

    async def _prepare(self) -> None:
        """Do what must be done before the bot may trade."""

    def _begin(self, tasks: asyncio.TaskGroup) -> None:
        """Start what goes on beside the loop."""

    def _signals(self, symbol: str, window: Window) -> Signals:
        """Return what the strategy says at each closed candle of the window; each is taken in once."""
        return self._follower(symbol).signals(window.closed_candles)

    def _undecided(self, window: Window, done_ms: int) -> range:
        """Return the rows of closed candles later than `done_ms` at which a decision can be made."""
        first = int(window.candles.ts[: window.closed].searchsorted(done_ms, side="right"))
        return range(max(first, self._lookback - 1), window.closed)

    def _follower(self, symbol: str) -> Follower:
        if symbol not in self._followers:
            self._followers[symbol] = Follower(self._document)
        return self._followers[symbol]

    def _trade(self, symbol: str, window: Window, done_ms: int) -> None:
        """Decide on each candle of the window that is later than `done_ms`."""
        raise NotImplementedError

    async def _connect(self) -> None:
        pause = 0.5
        while True:
            try:
                self._markets = await self._exchange.connect(self.config.symbols, held=self.state.positions)
            except ExchangeUnavailableError as exc:
                self.progress.problem = f"the exchange does not answer: {exc}"
                self.progress.went_round = asyncio.get_running_loop().time()
                log.warning("%s", self.progress.problem)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 10.0)
            else:
                return

    async def _keep_time(self) -> None:
        """Ask the exchange for its time now and then, beside the loop, so that no decision waits for the answer.

        Soon again where a slow answer has left it so vague that nothing may be bought.
        """
        while True:
            await asyncio.sleep(CLOCK_SOON_S if self._exchange.clock.problem() else CLOCK_EVERY_S)
            try:
                await self._exchange.sync_clock()
            except ExchangeUnavailableError as exc:
                health.EXCHANGE_ERRORS.inc()
                log.warning("the exchange's time: %s", exc)

    async def _round(self) -> None:
        """Decide on every closed candle that the ledger has no decision for."""
        self.progress.went_round = asyncio.get_running_loop().time()
        await self.look_at_prices()
        self.close_positions("SymbolRemoved", only=self.state.positions.keys() - set(self.config.symbols))
        for symbol in self.config.symbols:
            await self._decide(symbol)

    async def _decide(self, symbol: str) -> None:
        done = self.state.last_candle_ms.get(symbol)
        window = await self._feed.window(symbol, done_ms=done)
        if window is None:
            return
        self._warming.pop(symbol, None)
        if window.closed < self._lookback:
            found = f"{symbol}: {window.closed} closed candles are there, one decision needs {self._lookback}"
            self._warming[symbol] = found
        newest = int(window.candles.ts[window.closed - 1]) if window.closed else 0
        await take_in(self._follower(symbol), window.closed_candles)
        self._trade(symbol, window, newest - self._length if done is None else done)
        await asyncio.sleep(0)  # an order that was decided on is written down before anything else is looked at

    def _trouble(self) -> str:
        """Return why the bot is not ready, an empty string when it is."""
        return "; ".join(self._warming.values())

    def _halt_on_breach(self) -> None:
        reason = breach(self.state, self.config.risk)
        if reason and not self.state.halted:
            if self.config.risk.on_breach == "Flatten":
                self.close_positions("RiskBreach")
            self.say(Halted(reason=reason.partition(":")[0], message=reason))

    def _started(self) -> Started:
        return Started(
            generation=self.config.bot.generation,
            strategy_digest=self.config.strategy_digest,
            runner_version=VERSION,
            mode=self.config.mode,
            currency=self.config.capital.currency,
            capital=self.config.capital.amount,
        )

    def _facts(self, **more: Any) -> Facts:
        """Return what is known; `more` is what a kind of bot knows besides."""
        return Facts(
            halted=self.state.halted or "",
            kill=self._reporter.kill,
            run_policy="Stopped" if self.stopping else self.config.run_policy,
            close_now=self._reporter.close_now,
            update_pending=self.update_pending,
            **more,
        )

    def _standing(self) -> Standing:
        return standing(self._facts())

    def _blocked(self, late_candles: float) -> str | None:
        """Return why nothing may be bought now, None if it may."""
        if (reason := self._standing().blocked) is not None:
            return reason
        return f"Late: {late_candles:.0f} candles have closed since" if late_candles > LATE_CANDLES else None

    def _envelopes(self, events: list[EventData], at_ms: int | None) -> list[LedgerEvent]:
        """Number events that are about to be booked."""
        clock = self._exchange.clock
        now = int(clock.now_ms()) if clock.synced else self.state.last_event_ms
        at = now if at_ms is None else at_ms
        return [
            event(self.config.bot.uid, self._epoch, seq=number, at_ms=at, data=data)
            for number, data in enumerate(events, start=self._seq + 1)
        ]

    def _book(self, events: list[EventData], *, at_ms: int | None = None) -> None:
        """Keep the events durably as one group, and let the state follow. Raises OutboxFullError; then nothing has happened."""
        group = self._envelopes(events, at_ms)
        self._reporter.put(group)
        self._happened(events, group[0].at_ms)

    def _happened(self, events: list[EventData], at_ms: int) -> None:
        self._seq += len(events)
        self.state = follow(((data, at_ms) for data in events), self.state)
        for data in events:
            if (line := told(data)) is not None:
                log.info("%s", line)
            if isinstance(data, Filled):
                health.ORDERS.labels(data.side).inc()
            elif isinstance(data, Decision) and data.action == "Enter":
                blocked = data.blocked or ""
                self._refused_entry = blocked if blocked.partition(":")[0] in REFUSED_NOTICES else ""

    def _market(self, symbol: str) -> PaperMarket:
        rules, exchange = self._markets[symbol], self.config.exchange
        costs = exchange.taker_fee_bps, exchange.slippage_bps, exchange.maker_fee_bps
        fee, slippage, maker = (Decimal(str(bps)) / 10_000 for bps in costs)
        return PaperMarket(symbol, fee, slippage, rules.amount_step, rules.min_notional, maker)

    def _measure(self) -> None:
        health.HEARTBEAT.set(time.time())
        health.LAST_CANDLE.set(self.progress.last_candle_ms / 1000)
        health.POSITION_OPEN.set(len(self.state.positions))
        health.EQUITY.set(float(self.state.equity))
        health.UNSENT.set(self._reporter.waiting)
        health.show_state(self.trading()[0].state)
        if self.state.peak_equity > 0:
            health.DRAWDOWN.set(float(1 - self.state.equity / self.state.peak_equity))
