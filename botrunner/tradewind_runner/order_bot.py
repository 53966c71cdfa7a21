"""A bot whose orders go to a broker, live or on paper: at each close it decides, an entry is written down with its decision.

Entries fail closed, for every reason that anybody has; each reason stands in the decision. Exits are left to the keepers.
"""

import asyncio
import logging
from dataclasses import replace
from decimal import Decimal
from typing import Any

from tradewind_api.ledger import Decision, Equity, Intended, LedgerState, Position
from tradewind_engine.candles import Candles
from tradewind_engine.strategy.evaluate import Signals
from tradewind_engine.trading.paper import equity_at, node_values, wanted_action
from tradewind_engine.trading.protection import Ask
from tradewind_engine.trading.risk import Circumstances, Proposal, bounds_of, refusals
from tradewind_engine.trading.sizing import entry_budget, exact, market_purchase, share_of_cash
from tradewind_engine.trading.standing import Standing
from tradewind_runner import health
from tradewind_runner.account_watching import RETRY_S
from tradewind_runner.bot_loop import MEASURE_LATER_S
from tradewind_runner.feed.candle_book import Window
from tradewind_runner.order_desk import BlockedError
from tradewind_runner.order_keeping import OrderKeeping
from tradewind_runner.outbox import OutboxFullError

log = logging.getLogger("tradewind.runner")


class OrderBot(OrderKeeping):
    """One bot under one epoch, its orders at a broker."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """See OrderKeeping."""
        super().__init__(*arguments, **named)
        # Steps of ladders that wait, why, and when they are judged again: one timer a symbol, however often it wakes.
        self._steps_refused: dict[str, tuple[str, asyncio.TimerHandle]] = {}

    def _trade(self, symbol: str, window: Window, done_ms: int) -> None:
        if self._wound_down:
            return
        candles = window.candles
        signals = self._signals(symbol, window)
        now, later = self._exchange.clock.now_ms(), asyncio.get_running_loop().call_later
        for index in self._undecided(window, done_ms):
            ts = int(candles.ts[index])
            # Metrics can wait: an order that follows is on its way then.
            later(MEASURE_LATER_S, health.LAG.observe, max(0.0, (now - ts - self._length) / 1000.0))
            self.progress.last_candle_ms = ts
            if self._close_candle(symbol, candles, signals, index, late=(now - ts - self._length) / self._length):
                self.more_at_once = index + 1 < window.closed
                return

    def _close_candle(self, symbol: str, candles: Candles, signals: Signals, index: int, *, late: float) -> bool:
        """Decide on one candle; return whether an order follows, which is written down together with its decision."""
        ts, close = int(candles.ts[index]), exact(candles.close[index])
        held = self.state.positions.get(symbol, Position())
        self._look_back(symbol, held, ts, exact(candles.low[index]))
        action = wanted_action(signals, index, held, self._document)
        equity = equity_at(self.state, self.state.cash, held, symbol=symbol, close=close, prices=self._prices)
        blocked, intent = None, None
        if action == "Enter":
            intent, blocked = self._entry(symbol, candles, signals, index, equity, late)
        nodes, high = node_values(signals, index), exact(candles.high[index])
        said = Decision(symbol=symbol, candle_open_ms=ts, action=action, blocked=blocked, high=high, nodes=nodes)
        self._prices[symbol] = close
        if intent is not None:
            self._staged[intent.client_order_id] = [said, equity]
            task = asyncio.create_task(self._enter(intent))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            return True
        self._book([said, equity], at_ms=ts + self._length)
        self._halt_on_breach()
        if action == "Exit":
            self._sell[symbol] = "Exit" if signals.exit[index] else "MaxCandles"
        self._wake(symbol)
        return action == "Exit"

    def _entry(
        self, symbol: str, candles: Candles, signals: Signals, index: int, equity: Equity, late: float
    ) -> tuple[Intended | None, str | None]:
        """Return the order of an entry, or why there is none."""
        ts = int(candles.ts[index])
        rest = self._document.protect.cooldown_candles or 0
        if self.state.rested.get(symbol, rest) < rest:
            return None, "Cooldown"
        blocked = self._blocked(late) or self.desk.blocked(symbol)
        if blocked is None and self.desk.open_orders(symbol):
            blocked = "OrderOpen: an order of this symbol has not ended"
        if blocked is None and self.state.last_buy_ms.get(symbol, -1) >= ts:
            blocked = "AlreadyOrdered: an earlier pod bought at this candle"
        if blocked is not None:
            return None, blocked
        price = self._price_now(symbol, exact(candles.close[index]))
        share = share_of_cash(self.state, self._spendable(), symbol, len(self.config.symbols))
        budget = entry_budget(self._document, signals, index, share=share, equity=equity.equity, risk=self.config.risk)
        amount, limit, blocked = market_purchase(budget, share, price, self._market(symbol), self._rules(symbol))
        if blocked is not None:
            return None, blocked
        marked = self.state.model_copy(update={"equity": equity.equity})
        blocked = self._refused(Proposal(symbol, amount, price, limit), marked, before=exact(candles.close[index]))
        if blocked is not None:
            return None, blocked
        intent = Intended(
            client_order_id=self._next_id(),
            symbol=symbol,
            side="buy",
            amount=amount,
            price=limit,
            candle_open_ms=ts,
            reason="Entry",
        )
        return intent, None

    async def _enter(self, intent: Intended) -> None:
        began = asyncio.get_running_loop().time()
        try:
            await self._submit(intent)
        except BlockedError as exc:
            said, *rest = self._staged.pop(intent.client_order_id)
            self._book([said.model_copy(update={"blocked": str(exc)}), *rest])
        except OutboxFullError as exc:
            self._staged.pop(intent.client_order_id, None)
            log.warning("nothing is bought: %s", exc)
        else:
            health.ACKNOWLEDGED.observe(asyncio.get_running_loop().time() - began)
        self._halt_on_breach()
        self._wake(intent.symbol)

    async def _step(self, symbol: str) -> bool:
        if (refused := self._steps_refused.pop(symbol, None)) is not None:
            refused[1].cancel()
        return await super()._step(symbol)

    async def _place(self, symbol: str, ask: Ask) -> bool:
        """Send what a plan asks for. A step of a ladder is a purchase like any other: it is judged first, and again later."""
        if ask.side == "buy" and ask.price is not None:
            step, now = Proposal(symbol, ask.amount, ask.price), self._price_now(symbol, ask.price)
            if (reason := self._refused(step, self.state, before=now)) is not None:
                self._steps_refused[symbol] = reason, asyncio.get_running_loop().call_later(RETRY_S, self._wake, symbol)
                return False
        return await super()._place(symbol, ask)

    def trading(self) -> tuple[Standing, int]:
        """Return what the bot may do, why not more, and the last candle decided on."""
        found, last_candle_ms = super().trading()
        return replace(found, reasons=(*found.reasons, *(reason for reason, _ in self._steps_refused.values()))), last_candle_ms

    def _refused(self, proposal: Proposal, state: LedgerState, *, before: Decimal) -> str | None:
        """Return every reason why a purchase must not be sent, None if it may; `before` is what its price is compared with."""
        bounds = bounds_of(self.config.risk, self._exchange.clock.speed)
        reasons = refusals(proposal, state, self.config.risk, self._circumstances(proposal.symbol, before), bounds)
        return "; ".join(reasons) or None

    def _circumstances(self, symbol: str, before: Decimal) -> Circumstances:
        now, price = self._loop_ms(), self._feed.price(symbol)
        free = None if self._balances is None else self._balances.free.get(self.state.currency, Decimal(0))
        return Circumstances(
            now_ms=now,
            symbols=self.config.symbols,
            funds=None if free is None else min(free, self._spendable()),
            before=before,
            price_age_ms=None if price is None else now - int(price.heard_s * 1000),
            open_orders=len(self.desk.open_orders()),
            sent_ms=tuple(self._sent_ms),
        )

    def _spendable(self) -> Decimal:
        """Return the ledger's cash without what open purchases may take of it."""
        open_ = [order for order in self.desk.open_orders() if order.intent.side == "buy"]
        held_back = sum(
            (
                (order.intent.amount - order.filled) * (order.intent.price or self._prices.get(order.intent.symbol, Decimal(0)))
                for order in open_
            ),
            Decimal(0),
        )
        return self.state.cash - held_back

    def _price_now(self, symbol: str, close: Decimal) -> Decimal:
        price = self._feed.price(symbol)
        return close if price is None else exact(price.last)
