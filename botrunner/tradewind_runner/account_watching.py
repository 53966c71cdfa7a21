"""What a bot with orders knows of its account: what earlier pods left, what changes, what there is, what its key may do.

Settles and compares before anything is decided, then watches beside the loop. Decides nothing.
"""

import asyncio
import contextlib
import logging
from typing import Protocol

from tradewind_api.ledger import Intended
from tradewind_api.runner import BotConfig, StartAnswer
from tradewind_engine.trading.rounding import MarketRules
from tradewind_runner.before_close import before_closes
from tradewind_runner.bot_loop import BotLoop
from tradewind_runner.brokers.errors import BrokerError, refusal
from tradewind_runner.brokers.port import Balances, Broker, receive_window_ms
from tradewind_runner.exchange import Exchange
from tradewind_runner.feed.port import Feed
from tradewind_runner.gate import Gate
from tradewind_runner.order_desk import OrderDesk
from tradewind_runner.portal import FencedError
from tradewind_runner.reporter import Reporter
from tradewind_runner.spread import spread

log = logging.getLogger("tradewind.runner")
BALANCES_S, RETRY_S, REFUSED_S = 60.0, 2.0, 60.0
MOST_WARM = 4  # for so many orders at one close the way is open beforehand
KEY_S = 3600.0  # how often the exchange is asked what the key may do: its owner can change that at any time
UNCHECKED = "CredentialsUnchecked: the exchange has not said yet what the key may do"


class Connected(Broker, Protocol):
    """A broker that has to be connected first."""

    async def connect(self) -> object:
        """Make it ready. Raises BrokerError."""


class AccountWatching(BotLoop):
    """A bot's eyes on its account; `desk` is its one way to the exchange."""

    def __init__(
        self,
        config: BotConfig,
        exchange: Exchange,
        reporter: Reporter,
        start: StartAnswer,
        *,
        feed: Feed,
        broker: Connected,
    ) -> None:
        super().__init__(config, exchange, reporter, start, feed=feed)
        self._broker = broker
        clock = exchange.clock
        self.desk = OrderDesk(
            broker,
            self._book,
            clock.now_ms,
            bot_uid=config.bot.uid,
            epoch=start.epoch,
            may_leave=self._may_leave,
            candle_ms=self._length,
        )
        self._balances: Balances | None = None
        self._balances_due = asyncio.Event()
        self._gate = self._unsafe = self._unchecked = self._no_account = ""

    async def _prepare(self) -> None:
        """Settle what earlier pods left, and compare with the exchange, before anything is decided."""
        pause = 0.5
        while True:
            try:
                await self._broker.connect()
                break
            except BrokerError as exc:
                self._wait_for_exchange(f"the exchange does not let us in: {exc}")
                refused = refusal(exc)
                self.desk.halted = refused or None  # only its owner can help; asked again now and then
                await asyncio.sleep(REFUSED_S if refused else pause)
                pause = min(pause * 2, 10.0)
        self.desk.halted = None
        await self._let_stragglers_arrive()
        self.desk.resume(self.state)
        gate = Gate(self._broker, self.desk, self._book, lambda: self.state, self._exchange.clock.now_ms)
        symbols = {*self.config.symbols, *self.state.positions} & self._markets.keys()
        passing = asyncio.create_task(
            gate.pass_through(symbols, {name: self._rules(name) for name in self._markets}, self._prices)
        )
        try:
            while not (await asyncio.wait({passing}, timeout=1.0))[0]:
                self._wait_for_exchange(gate.problem)
        finally:
            passing.cancel()
        passed = passing.result()
        if (passed.blocked or "").startswith(("CredentialsRefused", "Forbidden")):
            self.desk.halted = passed.blocked
        else:
            self._gate = passed.blocked or ""

    async def _let_stragglers_arrive(self) -> None:
        """An order that an earlier pod sent at its end may be on its way until the exchange takes it no more."""
        clock = self._exchange.clock
        if self.config.mode == "Live" and self.state.last_event_ms:
            self._wait_for_exchange("orders of an earlier pod may still be on their way")
            await asyncio.sleep(clock.wall_seconds_until(clock.now_ms() + receive_window_ms(clock.speed)))

    def _wait_for_exchange(self, problem: str) -> None:
        self.progress.problem = problem
        self.progress.went_round = asyncio.get_running_loop().time()
        log.warning("%s", problem)

    def _begin(self, tasks: asyncio.TaskGroup) -> None:
        self._unchecked = UNCHECKED if self.config.mode == "Live" else ""
        watches = (
            self.desk.run,
            self._follow_orders,
            self._keep_balances,
            self._watch_key,
            self._end_when_fenced,
            self._stay_warm,
        )
        for watch in watches:
            tasks.create_task(watch())

    async def _follow_orders(self) -> None:
        """Hear of orders from the exchange's own stream; best effort, the desk looks everything up anyway."""
        told = False
        while True:
            try:
                async for seen in self._broker.updates():
                    told = False
                    if seen is None:
                        self.desk.look_again()
                    else:
                        self.desk.seen(seen)
            except BrokerError as exc:
                log.log(logging.DEBUG if told else logging.WARNING, "the stream of orders: %s", exc)
                told = True
            await asyncio.sleep(spread(RETRY_S))

    async def _end_when_fenced(self) -> None:
        """Stop at once when the exchange shows that a younger pod trades, as when the portal says so."""
        await self.desk.fenced.wait()
        raise FencedError("Fenced", str(self.desk.halted).removeprefix("Fenced: "), {})

    async def _watch_key(self) -> None:
        """Ask what the key may do, at the start and each hour. Nothing is bought before the first answer."""
        pause = RETRY_S
        while True:
            try:
                self._unsafe, self._unchecked = await self._broker.key_trouble(), ""
                if self._unsafe:
                    log.error("%s", self._unsafe)
                pause = KEY_S
            except BrokerError as exc:
                log.warning("what the key may do: %s", exc)
                pause = min(pause * 2, REFUSED_S)
            await asyncio.sleep(pause)

    async def _keep_balances(self) -> None:
        failed = 0
        while True:
            try:
                self._balances, self._no_account, failed = await self._broker.balances(), "", 0
            except BrokerError as exc:
                log.warning("balances: %s", exc)
                failed += 1
                if failed > 1:
                    self._no_account = f"the exchange does not say what the account has: {exc}"
                if refused := refusal(exc):
                    self.desk.halted = self.desk.halted or refused
                await asyncio.sleep(REFUSED_S if refused else RETRY_S)
                continue
            self._balances_due.clear()
            with contextlib.suppress(TimeoutError):  # wait_for would swallow a cancel that comes together with the event
                async with asyncio.timeout(BALANCES_S):
                    await self._balances_due.wait()

    async def _stay_warm(self) -> None:
        """Have the way to the exchange open shortly before each close, so that no order at the close waits for that."""
        async for _ in before_closes(self._exchange.clock, self._length):
            try:
                await self._broker.warm(min(len(self.config.symbols), MOST_WARM))
            except BrokerError as exc:
                log.info("the way of orders: %s", exc)

    async def _may_leave(self, intent: Intended) -> None:
        """Return when an order may go out; see OrderDesk."""
        raise NotImplementedError

    def _rules(self, symbol: str) -> MarketRules:
        market = self._markets[symbol]
        return MarketRules(symbol, market.amount_step, price_tick=market.price_tick, min_notional=market.min_notional)
