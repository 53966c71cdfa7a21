"""A bot on paper under the fill model `Candle`: the back-test's rules, candle by candle. A candle's events are a group."""

import asyncio
import logging
from collections.abc import Container

from tradewind_api.ledger import EventData
from tradewind_engine.trading.paper import Situation, candle_events, sell_all
from tradewind_engine.trading.sizing import exact
from tradewind_runner import health
from tradewind_runner.bot_loop import BotLoop
from tradewind_runner.brokers.errors import ExchangeUnavailableError
from tradewind_runner.feed.candle_book import Window

log = logging.getLogger("tradewind.runner")
PRICES_S = 3.0


class PaperBot(BotLoop):
    """Fills at the next candle's open, which must have begun."""

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
        """Fetch the newest price of what is held and has none."""
        for symbol in [name for name in self.state.positions if name in self._markets and name not in self._prices]:
            since = int(self._exchange.clock.now_ms()) // self._length * self._length - self._length
            found = await self._exchange.candles(symbol, self.config.timeframe, since_ms=since, count=2)
            if len(found):
                self._prices[symbol] = exact(found.close[-1])

    async def wind_down(self, seconds: float) -> str:
        """Sell all that is held where the policy says so; return what could not be sold."""
        self.stopping = True
        if self.config.stop_policy != "CancelOrdersAndClosePositions":
            return ""
        try:
            async with asyncio.timeout(min(seconds, PRICES_S)):
                await self.look_at_prices()
        except (ExchangeUnavailableError, TimeoutError) as exc:
            log.warning("no price to sell at: %r", exc)
        self.close_positions("Stop")
        return f"still held: {', '.join(sorted(self.state.positions))}" if self.state.positions else ""

    def _trade(self, symbol: str, window: Window, done_ms: int) -> None:
        candles = window.candles
        signals = self._signals(symbol, window)
        now = self._exchange.clock.now_ms()
        for index in self._undecided(window, done_ms):
            if index + 1 == len(candles):
                return  # the last one has no next open yet
            ts = int(candles.ts[index])
            late = (now - ts - self._length) / self._length
            situation = Situation(
                self._document,
                self._market(symbol),
                self.config.risk,
                len(self.config.symbols),
                self._prices,
                self._blocked(late),
                ts + self._length,
            )
            events = candle_events(self.state, candles, signals, index, situation, self._next_id)
            self._prices[symbol] = exact(candles.close[index])
            self._book(events, at_ms=ts + self._length)
            self._halt_on_breach()
            self.progress.last_candle_ms = ts
            health.LAG.observe(max(0.0, (now - ts - self._length) / 1000.0))
