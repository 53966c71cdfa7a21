"""A paper bot's loop: wait for a candle's close, fetch, decide, book, report. Everything it does goes through the ledger."""

import asyncio
import logging
import time
from collections.abc import Container
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from tradewind_api.document.model import StrategyDocument
from tradewind_api.document.validation import lookback_of, parse_document
from tradewind_api.ledger import EventData, Halted, LedgerState, Started, event, fold
from tradewind_api.runner import BotConfig, StartAnswer
from tradewind_engine.candles import Candles
from tradewind_engine.strategy.evaluate import evaluate
from tradewind_engine.timeframes import timeframe_ms
from tradewind_engine.trading.paper import NextId, PaperMarket, Situation, candle_events, exact, sell_all
from tradewind_engine.trading.risk import breach
from tradewind_runner import health
from tradewind_runner.brokers.errors import ExchangeUnavailableError
from tradewind_runner.exchange import Exchange, Market
from tradewind_runner.outbox import OutboxFullError
from tradewind_runner.reporter import Reporter
from tradewind_runner.settings import VERSION

log = logging.getLogger("tradewind.runner")
LATE_CANDLES, CATCH_UP, CLOCK_EVERY_S, ERROR_PAUSE_S = 2, 500, 30.0, 2.0


@dataclass(slots=True)
class Progress:
    """Where the loop is, for probes and heartbeat."""

    went_round: float = 0.0
    last_candle_ms: int = 0
    problem: str = "starting: the first candles are not here yet"


class PaperBot:
    """One bot under one epoch."""

    def __init__(self, config: BotConfig, exchange: Exchange, reporter: Reporter, start: StartAnswer) -> None:
        self.config, self.progress = config, Progress()
        self.state: LedgerState = start.state
        self._exchange, self._reporter, self._epoch = exchange, reporter, start.epoch
        self._seq = 0
        self._document: StrategyDocument = parse_document(config.strategy)
        self._next_id = NextId(config.bot.uid, start.epoch)
        self._prices: dict[str, Decimal] = {}
        self._markets: dict[str, Market] = {}
        self._clock_synced = 0.0
        self._warming: dict[str, str] = {}
        self.update_pending = False

    async def run(self) -> None:
        """Connect and trade for ever; exchange trouble is waited out, nothing is bought meanwhile."""
        await self._connect()
        self.say(self._started())
        while True:
            try:
                await self._round()
                self.progress.problem = "; ".join(self._warming.values())
            except (ExchangeUnavailableError, OutboxFullError) as exc:
                health.EXCHANGE_ERRORS.inc()
                self.progress.problem = str(exc)
                log.warning("%s", exc)
                await asyncio.sleep(ERROR_PAUSE_S)
            self._measure()
            await self._sleep_until_close()

    def trading(self) -> tuple[bool, int]:
        """Return whether entries are possible, and the last candle decided on."""
        return self._blocked(0) is None and not self.progress.problem, self.progress.last_candle_ms

    def flat(self) -> bool:
        """Return whether nothing is held."""
        return not self.state.positions

    def close_positions(self, reason: str, *, only: Container[str] | None = None) -> None:
        """Sell everything at the last close that was seen; what has no price yet stays, see `look_at_prices`."""
        events: list[EventData] = []
        for symbol, held in self.state.positions.items():
            price = self._prices.get(symbol)
            if price is not None and symbol in self._markets and (only is None or symbol in only):
                ts = self.state.last_candle_ms.get(symbol, 0)
                events += sell_all(held, self._market(symbol), price, ts=ts, reason=reason, cid=self._next_id())
        if events:
            self._book(events)

    async def look_at_prices(self) -> None:
        """Fetch the newest price of what is held and has none: a pod that has just begun knows nothing but the ledger."""
        length = timeframe_ms(self.config.timeframe)
        for symbol in [name for name in self.state.positions if name in self._markets and name not in self._prices]:
            since = int(self._exchange.clock.now_ms()) // length * length - length
            found = await self._exchange.candles(symbol, self.config.timeframe, since_ms=since, count=2)
            if len(found):
                self._prices[symbol] = exact(found.close[-1])

    def reconfigure(self, config: BotConfig) -> None:
        """Go on under a newer configuration of the same strategy. Whoever edits a halted bot has acted: it is told again."""
        newer = config.bot.generation > self.config.bot.generation
        self.config = config
        if newer and self._seq:
            self.say(self._started())

    def say(self, data: EventData) -> None:
        """Book one event of its own."""
        self._book([data])

    async def _connect(self) -> None:
        pause = 0.5
        while True:
            try:
                self._markets = await self._exchange.connect(self.config.symbols, held=self.state.positions)
            except ExchangeUnavailableError as exc:
                self.progress.problem = f"the exchange does not answer: {exc}"
                self.progress.went_round = time.monotonic()
                log.warning("%s", self.progress.problem)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 10.0)
            else:
                return

    async def _round(self) -> None:
        """Decide on every closed candle that the ledger has no decision for."""
        self.progress.went_round = time.monotonic()
        if time.monotonic() - self._clock_synced > CLOCK_EVERY_S:
            await self._exchange.sync_clock()
            self._clock_synced = time.monotonic()
        await self.look_at_prices()
        self.close_positions("SymbolRemoved", only=self.state.positions.keys() - set(self.config.symbols))
        for symbol in self.config.symbols:
            await self._decide(symbol)

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

    async def _decide(self, symbol: str) -> None:
        length, lookback = timeframe_ms(self.config.timeframe), lookback_of(self._document)
        newest_closed = int(self._exchange.clock.now_ms()) // length * length - length
        done = self.state.last_candle_ms.get(symbol, newest_closed - length)
        if done > newest_closed + LATE_CANDLES * length:
            raise ExchangeUnavailableError(f"{symbol}: the exchange's time is before the last candle that was decided on")
        if done >= newest_closed:
            return
        first = max(done + length, newest_closed - CATCH_UP * length)
        window = await self._history(symbol, first, lookback, (newest_closed - first) // length + 3)
        self._warming.pop(symbol, None)
        if len(window) <= lookback:
            self._warming[symbol] = f"{symbol}: {len(window) - 1} closed candles are there, one decision needs {lookback}"
        self._trade(symbol, window, first, lookback)

    async def _history(self, symbol: str, first: int, lookback: int, after: int) -> Candles:
        """Return `lookback` candles before `first` and what follows. Gaps make it look further back; they are not filled."""
        length = timeframe_ms(self.config.timeframe)
        for back in (lookback, 2 * lookback, 4 * lookback, 8 * lookback):
            since = first - back * length
            window = await self._exchange.candles(symbol, self.config.timeframe, since_ms=since, count=back + after)
            before = int(np.searchsorted(window.ts, first))
            if before >= lookback:
                break
        cut = max(0, before - lookback)
        return window[cut:]

    def _trade(self, symbol: str, window: Candles, first: int, lookback: int) -> None:
        length = timeframe_ms(self.config.timeframe)
        signals = evaluate(self._document, window)
        now = self._exchange.clock.now_ms()
        for index in range(len(window) - 1):  # the last one has no next open yet, whether it is closed or not
            ts = int(window.ts[index])
            if ts < first or ts + length > now or index + 1 < lookback:
                continue
            late = (now - ts - length) / length
            situation = Situation(
                self._document,
                self._market(symbol),
                self.config.risk,
                len(self.config.symbols),
                self._prices,
                self._blocked(late),
                ts + length,
            )
            events = candle_events(self.state, window, signals, index, situation, self._next_id)
            self._prices[symbol] = exact(window.close[index])
            self._book(events, at_ms=ts + length)
            self._halt_on_breach()
            self.progress.last_candle_ms = ts
            health.LAG.set(max(0.0, (now - ts - length) / 1000.0))

    def _blocked(self, late_candles: float) -> str | None:
        """Return why nothing may be bought now, None if it may."""
        if self.state.halted:
            return f"Halted: {self.state.halted}"
        if self._reporter.kill:
            return f"Killed: {', '.join(self._reporter.kill)}"
        if self.config.run_policy != "Running":
            return self.config.run_policy
        if self._reporter.close_now:
            return "CloseNow"
        if self.update_pending:
            return "UpdatePending"
        if late_candles > LATE_CANDLES:
            return f"Late: {late_candles:.0f} candles have closed since"
        return None

    def _market(self, symbol: str) -> PaperMarket:
        rules, exchange = self._markets[symbol], self.config.exchange
        fee, slippage = (Decimal(str(bps)) / 10_000 for bps in (exchange.taker_fee_bps, exchange.slippage_bps))
        return PaperMarket(symbol, fee, slippage, rules.amount_step, rules.min_notional)

    def _book(self, events: list[EventData], *, at_ms: int | None = None) -> None:
        """Number the events, keep them durably as one group, and let the state follow."""
        clock = self._exchange.clock
        now = int(clock.now_ms()) if clock.synced else self.state.last_event_ms
        at = now if at_ms is None else at_ms
        group = []
        for number, data in enumerate(events, start=self._seq + 1):
            group.append(event(self.config.bot.uid, self._epoch, seq=number, at_ms=at, data=data))
        self._reporter.put(group)
        self._seq += len(group)
        self.state = fold(group, self.state)
        for entry in group:
            if entry.type == "Filled":
                health.ORDERS.labels(str(entry.data["side"])).inc()

    def _measure(self) -> None:
        health.HEARTBEAT.set(time.time())
        health.LAST_CANDLE.set(self.progress.last_candle_ms / 1000)
        health.POSITION_OPEN.set(len(self.state.positions))
        health.EQUITY.set(float(self.state.equity))
        health.UNSENT.set(self._reporter.waiting)
        if self.state.peak_equity > 0:
            health.DRAWDOWN.set(float(1 - self.state.equity / self.state.peak_equity))

    async def _sleep_until_close(self) -> None:
        """Wait for the next close and a little more, so that the exchange has begun the candle after it."""
        length = timeframe_ms(self.config.timeframe)
        clock = self._exchange.clock
        wait = clock.wall_seconds_until((int(clock.now_ms()) // length + 1) * length)
        await asyncio.sleep(min(max(wait + 0.05, 0.1), 30.0))
