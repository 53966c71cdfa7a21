"""Orders kept in line with what should be: stops and ladder steps rest at the exchange, what must go is sold, ends are tidy.

For each symbol a keeper asks a pure plan for the next step, whenever something has happened; after a restart it asks the same.
Exits go on for as long as the exchange takes them, without a disk too. Entries are the subclass's.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Container
from dataclasses import replace
from decimal import Decimal
from typing import Any

from tradewind_api.ledger import Adjusted, Closed, EventData, Filled, Intended, Position, Triggered
from tradewind_api.runner import BotConfig, StartAnswer
from tradewind_engine.trading.identity import epoch_of
from tradewind_engine.trading.orders import Order
from tradewind_engine.trading.protection import Ask, Wishes, missed_stop, plan, sellable, step_ask, stop_ask
from tradewind_engine.trading.reconcile import written_off
from tradewind_engine.trading.risk import BREACHES
from tradewind_engine.trading.sizing import exact, share_of_cash, stop_price, target_price
from tradewind_engine.trading.standing import Facts, Standing
from tradewind_runner import health
from tradewind_runner.account_watching import RETRY_S, AccountWatching, Connected
from tradewind_runner.brokers.errors import BrokerError
from tradewind_runner.exchange import Exchange
from tradewind_runner.feed.port import Feed, Price
from tradewind_runner.order_desk import BlockedError, HeldBackError
from tradewind_runner.outbox import OutboxFullError
from tradewind_runner.reporter import Reporter

log = logging.getLogger("tradewind.runner")
STEPS_AT_ONCE = 12
CLOSE = "CancelOrdersAndClosePositions"


class OrderKeeping(AccountWatching):
    """What a bot with orders at a broker does between decisions."""

    def __init__(
        self,
        config: BotConfig,
        exchange: Exchange,
        reporter: Reporter,
        start: StartAnswer,
        *,
        feed: Feed,
        broker: Connected,
        books: Callable[[], str] = str,
    ) -> None:
        """Make it. `books` says what is wrong with the market that a paper order is filled in: nothing, where a broker asks."""
        super().__init__(config, exchange, reporter, start, feed=feed, broker=broker)
        self._wakes: dict[str, asyncio.Event] = {}
        self._sell: dict[str, str] = dict(start.state.leaving)  # an earlier pod had not sold it yet
        self._guarded_here: set[str] = set()
        self._unsold: set[str] = set()  # what the exchange would not let us sell when it was asked last
        self._staged: dict[str, list[EventData]] = {}
        self._sent_ms: deque[int] = deque(maxlen=64)
        self._under_way: set[asyncio.Task[None]] = set()
        self._wound_down = False  # nothing is begun any more, nor decided: it would be cut short
        self._books, self._disk = books, ""
        self._began_ms = 0.0  # exchange time from which on each price is heard

    # What goes on beside the loop

    def _begin(self, tasks: asyncio.TaskGroup) -> None:
        super()._begin(tasks)
        self._feed.listen = self._hear
        self._began_ms = self._exchange.clock.now_ms()
        for symbol in sorted({*self.config.symbols, *self.state.positions} & self._markets.keys()):
            self._wakes[symbol] = asyncio.Event()
            self._wakes[symbol].set()
            tasks.create_task(self._keep(symbol))

    # Keepers

    async def _keep(self, symbol: str) -> None:
        """Bring what rests on the exchange in line with what should, whenever something has happened."""
        loop = asyncio.get_running_loop()
        while True:
            await self._wakes[symbol].wait()
            self._wakes[symbol].clear()
            for _ in range(STEPS_AT_ONCE):
                try:
                    if not await self._step(symbol):
                        break
                except (BlockedError, OutboxFullError) as exc:
                    log.info("%s waits: %s", symbol, exc)
                    loop.call_later(RETRY_S, self._wake, symbol)
                    break

    async def _step(self, symbol: str) -> bool:
        """Do the next thing for a symbol; return whether there may be one after it."""
        held, orders = self.state.positions.get(symbol, Position()), self.desk.open_orders(symbol)
        amount = sellable(held, self._rules(symbol), self._prices.get(symbol))
        if held.amount > 0 and not orders and (amount == 0 and (symbol in self._sell or held.amount < self._step_of(symbol))):
            self._book([written_off(symbol, held.amount, self._step_of(symbol))])
            held = Position()
        if held.amount <= 0:
            if not orders:
                self._sell.pop(symbol, None)
            self._guarded_here.discard(symbol)
            self._unsold.discard(symbol)
        found = plan(orders, self._wishes(symbol, held), amount)
        for cid in found.cancel:
            order = await self.desk.cancel(cid)
            if symbol in self._sell and not order.closed:
                self._unsold.add(symbol)
        if found.place is not None:
            return await self._place(symbol, found.place)
        return bool(found.cancel)

    def _wishes(self, symbol: str, held: Position) -> Wishes:
        if held.amount <= 0:
            return Wishes()
        closing = self.config.stop_policy == CLOSE
        if closing and (self._reporter.kill or self.stopping):  # bought perhaps after everything was told to be sold
            self._sell.setdefault(symbol, "Killed" if self._reporter.kill else "Stop")
        if self.state.halted in BREACHES and self.config.risk.on_breach == "Flatten":
            self._sell.setdefault(symbol, "RiskBreach")
        if symbol in self._sell:
            return Wishes(sell=self._sell[symbol])
        if self._reporter.kill or (self.stopping and self.config.stop_policy == "CancelOrders"):
            return Wishes()
        rules = self._rules(symbol)
        stop = None if symbol in self._guarded_here else stop_ask(held, self._document, rules)
        if self._standing().state != "Active":
            return Wishes(stop=stop)
        share = share_of_cash(self.state, self.state.cash, symbol, len(self.config.symbols))
        market, equity, risk = self._market(symbol), self.state.equity, self.config.risk
        return Wishes(stop=stop, step=step_ask(held, self._document, market, rules, share=share, equity=equity, risk=risk))

    async def _place(self, symbol: str, ask: Ask) -> bool:
        """Send what a plan asks for; return whether to go on."""
        intent = Intended(
            client_order_id=self._next_id(),
            symbol=symbol,
            side=ask.side,
            order_type=ask.order_type,
            amount=ask.amount,
            price=ask.price,
            stop_price=ask.stop_price,
            candle_open_ms=self.state.last_candle_ms.get(symbol, 0),
            reason=ask.reason,
        )
        began = asyncio.get_running_loop().time()
        order = await self._submit(intent)
        health.ACKNOWLEDGED.observe(asyncio.get_running_loop().time() - began)
        if order.status != "Rejected":
            self._unsold.discard(symbol)
            return True
        if ask.order_type == "stop":
            self._guarded_here.add(symbol)  # the exchange does not take it: it is guarded by us
            return True
        if ask.side == "sell":
            self._unsold.add(symbol)
        asyncio.get_running_loop().call_later(RETRY_S, self._wake, symbol)
        await self._look_at_balances(symbol)
        return False

    async def _look_at_balances(self, symbol: str) -> None:
        """An exit was refused: what the account no longer has is taken out of the ledger, unless an order of ours took it."""
        before = Decimal(0)
        try:
            while (missing := await self._missing(symbol)) > 0 and missing != before:
                before = missing
                await self.desk.look_over(symbol)  # a pod that was taken for dead may have sold
        except BrokerError as exc:
            log.warning("balances: %s", exc)
            return
        if missing > 0:
            self._book(
                [Adjusted(symbol=symbol, amount=-missing, reason=f"Reconciled: the account lacks {missing} of {symbol}")]
            )

    async def _missing(self, symbol: str) -> Decimal:
        """Return how much more of a symbol the ledger has than the account, and than sales that have not ended can have taken.

        A stop may be filled before anybody tells of all its trades. Raises BrokerError.
        """
        self._balances = await self._broker.balances()
        held = self.state.positions.get(symbol, Position())
        sales = [order for order in self.desk.open_orders(symbol) if order.intent.side == "sell"]
        under_way = sum((order.intent.amount - order.filled for order in sales), Decimal(0))
        return held.amount - under_way - self._balances.total.get(symbol.split("/", maxsplit=1)[0], Decimal(0))

    def _hear(self, symbol: str, price: Price) -> None:
        """Guard what the exchange does not: targets, stops that it has not taken, and stops that fell through."""
        held = self.state.positions.get(symbol)
        if held is None or held.amount <= 0 or symbol in self._sell or self._wound_down:
            return
        level, reason = stop_price(held, self._document)
        target = target_price(held, self._document)
        if level > 0 and exact(price.low) <= level:
            stops = [order.intent for order in self.desk.open_orders(symbol) if order.intent.order_type == "stop"]
            if not stops or any(stop.price is not None and exact(price.last) < stop.price for stop in stops):
                self._trigger(symbol, reason, level, exact(price.low))
        elif target is not None and exact(price.high) >= target:
            self._trigger(symbol, "TakeProfit", target, exact(price.high))

    def _look_back(self, symbol: str, held: Position, ts: int, low: Decimal) -> None:
        """Sell what a candle has stopped out while nobody watched: the pod was down, or no message told of it.

        An exchange that had the stop watches by itself; what it did is booked before anything is decided.
        """
        watched = ts >= self._began_ms
        stop = missed_stop(held, self._document, ts, low, length_ms=self._length, watched=watched)
        if stop is None or symbol in self._sell:
            return
        resting = [order for order in self.desk.open_orders(symbol) if order.intent.order_type == "stop"]
        if any(order.filled > 0 for order in resting):
            return
        there = [order for order in resting if watched or self._of_an_earlier_pod(order)]
        if self.config.mode == "Paper" or not there:
            self._trigger(symbol, stop[1], stop[0], low, ts)

    def _of_an_earlier_pod(self, order: Order) -> bool:
        return epoch_of(order.intent.client_order_id, self.config.bot.uid) != self._epoch

    def _trigger(self, symbol: str, reason: str, level: Decimal, price: Decimal, ts: int | None = None) -> None:
        """Have all of it sold: written down before anything is sent, because the price may be back when the next pod looks."""
        self._sell[symbol] = reason
        candle = self.state.last_candle_ms.get(symbol, 0) if ts is None else ts
        try:
            self._book([Triggered(symbol=symbol, reason=reason, level=level, price=price, candle_open_ms=candle)])
        except OutboxFullError as exc:
            log.warning("%s is sold (%s), which is not written down: %s", symbol, reason, exc)
        self._wake(symbol)

    def _wake(self, symbol: str) -> None:
        if symbol in self._wakes:
            self._wakes[symbol].set()

    async def _submit(self, intent: Intended) -> Order:
        if self._wound_down or (self.stopping and not self._goes_with_the_end(intent)):
            raise BlockedError("Stopping: nothing new is begun")
        self._sent_ms.append(self._loop_ms())
        return await self.desk.submit(intent)

    async def _may_leave(self, intent: Intended) -> None:
        """Return when an order is on the disk and still wanted. An exit goes without a disk too, and whatever has come up.

        Nothing goes any more once the portal has told of a younger pod: that one answers for this symbol now.
        """
        buying = intent.side == "buy"
        try:
            await self._reporter.on_disk()
        except OutboxFullError as exc:
            self._disk = str(exc)
            if buying:
                raise
        if self._reporter.over is not None:
            raise HeldBackError(f"Fenced: {self._reporter.over}")
        if buying and (reason := self._standing().blocked) is not None:
            raise HeldBackError(reason)

    def _goes_with_the_end(self, intent: Intended) -> bool:
        """Return whether an order belongs to the stop policy: what closes a position, or the stop that it is left with.

        What was to be sold before is sold under each policy: its stop is cancelled for that, so that nobody guards it.
        """
        if intent.side == "buy":
            return False
        policy = self.config.stop_policy
        return policy == CLOSE or intent.symbol in self._sell or (policy == "LeaveOpen" and intent.order_type == "stop")

    # Ends

    def flat(self) -> bool:
        """Return whether nothing is held and nothing is under way."""
        return super().flat() and not self.desk.open_orders()

    def close_positions(self, reason: str, *, only: Container[str] | None = None) -> None:
        """Have everything sold, or what is named; the keepers do it."""
        for symbol in self.state.positions:
            if symbol not in self._sell and (only is None or symbol in only):
                self._sell[symbol] = reason
                self._wake(symbol)

    async def wind_down(self, seconds: float) -> str:
        """Carry out the stop policy; return what could not be done within the time, an empty string if all was."""
        self.stopping = True
        policy, loop = self.config.stop_policy, asyncio.get_running_loop()
        deadline = loop.time() + seconds
        if policy == CLOSE:
            self.close_positions("Stop")
        if policy != "LeaveOpen":
            await self._cancel_all(deadline)
        for symbol in self._wakes:
            self._wake(symbol)
        while (left := self._left(policy)) and loop.time() < deadline and not self._facts().refused:
            await asyncio.sleep(0.05)
        self._wound_down = True
        return left

    async def _cancel_all(self, deadline: float) -> None:
        for order in self.desk.open_orders():
            if order.intent.order_type != "market":
                try:
                    async with asyncio.timeout_at(deadline):
                        await self.desk.cancel(order.intent.client_order_id)
                except TimeoutError:
                    return

    def in_doubt(self) -> str:
        """Return which orders nobody knows the end of, an empty string for none."""
        doubt = [order.intent.client_order_id for order in self.desk.open_orders() if order.in_doubt]
        return f"not known what became of: {', '.join(doubt)}" if doubt else ""

    def _left(self, policy: str) -> str:
        resting = [order.intent.client_order_id for order in self.desk.open_orders() if not order.in_doubt]
        held = sorted(
            name
            for name, position in self.state.positions.items()
            if position.amount > 0 and (policy == CLOSE or (name in self._sell and name in self._wakes))
        )
        words = [self.in_doubt()]
        words += [f"still open: {', '.join(resting)}" if resting and policy != "LeaveOpen" else ""]
        words += [f"still held: {', '.join(held)}" if held else ""]
        return "; ".join(word for word in words if word)

    # What is known

    def trading(self) -> tuple[Standing, int]:
        """Return what the bot may do, why not more, and the last candle decided on."""
        found, last_candle_ms = super().trading()
        doubts = {self.desk.blocked(symbol) for symbol in self.config.symbols} - {None, self.desk.halted}
        return replace(found, reasons=(*found.reasons, *sorted(map(str, doubts)))), last_candle_ms

    def _trouble(self) -> str:
        unsold = [
            f"Unsold: the exchange takes no sale of {name}, or does not end the stop before it" for name in sorted(self._unsold)
        ]
        return self.desk.halted or "; ".join([*unsold, *filter(None, [self._no_account, super()._trouble()])])

    def _facts(self, **more: Any) -> Facts:
        return super()._facts(
            **more,
            refused=self.desk.halted or "",
            unsafe=self._unsafe,
            unchecked=self._unchecked,
            lease_ended=self.config.mode == "Live" and self._reporter.lease_ended(),
            gate=self._gate,
            disk=self._disk,
            data=self._feed.problem() or self._exchange.clock.problem() or self._books(),
        )

    def _book(self, events: list[EventData], *, at_ms: int | None = None) -> None:
        """Book; an intent takes its decision along. Without a disk only purchases are refused: exits are kept in memory."""
        first = events[0]
        if isinstance(first, Intended) and first.client_order_id in self._staged:
            events = [*self._staged[first.client_order_id], *events]
        group = self._envelopes(events, at_ms)
        try:
            self._reporter.put(group)
            self._disk = ""
        except OutboxFullError as exc:
            self._disk = str(exc)
            if any(isinstance(item, Intended) and item.side == "buy" for item in events) or not self._reporter.hold(group):
                raise
        if isinstance(first, Intended):
            self._staged.pop(first.client_order_id, None)
        self._happened(events, group[0].at_ms)

    def _happened(self, events: list[EventData], at_ms: int) -> None:
        super()._happened(events, at_ms)
        if any(isinstance(data, Filled | Closed | Adjusted) for data in events):
            self._balances_due.set()
            for wake in self._wakes.values():
                wake.set()

    def _loop_ms(self) -> int:
        return int(asyncio.get_running_loop().time() * 1000)

    def _step_of(self, symbol: str) -> Decimal:
        return self._markets[symbol].amount_step
