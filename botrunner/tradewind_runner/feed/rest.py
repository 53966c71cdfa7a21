"""Market data by asking after each close. Gaps make it look further back; they are not filled."""

import asyncio
from collections.abc import Callable

import numpy as np

from tradewind_engine.candles import Candles
from tradewind_engine.timeframes import timeframe_ms
from tradewind_runner.brokers.errors import ExchangeUnavailableError
from tradewind_runner.exchange import Exchange
from tradewind_runner.feed.candle_book import Window
from tradewind_runner.feed.port import Price

LATE_CANDLES, CATCH_UP = 2, 500


class RestFeed:
    """Asks for each window anew; the price is that of the newest candle that was seen."""

    def __init__(self, exchange: Exchange, timeframe: str, lookback: int) -> None:
        self._exchange, self._timeframe, self._lookback = exchange, timeframe, lookback
        self._length = timeframe_ms(timeframe)
        self._prices: dict[str, Price] = {}
        self.listen: Callable[[str, Price], None] = lambda _symbol, _price: None

    async def run(self) -> None:
        """Nothing comes by itself."""

    async def wait(self) -> None:
        """Wait for the next close and a little more, so that the exchange has begun the candle after it."""
        clock = self._exchange.clock
        wait = clock.wall_seconds_until((int(clock.surely_ms()) // self._length + 1) * self._length + clock.error_ms())
        await asyncio.sleep(min(max(wait + 0.05, 0.1), 30.0))

    def first_undecided(self, symbol: str, done_ms: int | None) -> int | None:
        """Return the open time of the first candle after `done_ms` that has surely closed, None when there is none.

        Raises ExchangeUnavailableError when the exchange's time is before what was decided already.
        """
        clock = self._exchange.clock
        newest = int(clock.surely_ms()) // self._length * self._length - self._length
        done = newest - self._length if done_ms is None else done_ms
        if done + self._length > clock.now_ms() + clock.error_ms() + LATE_CANDLES * self._length:
            raise ExchangeUnavailableError(f"{symbol}: the exchange's time is before the last candle that was decided on")
        return None if done >= newest else max(done + self._length, newest - CATCH_UP * self._length)

    async def window(self, symbol: str, *, done_ms: int | None) -> Window | None:
        """Return `lookback` candles before the first undecided one and what follows, the unfinished one among them."""
        first = self.first_undecided(symbol, done_ms)
        if first is None:
            return None
        asked = self._exchange.clock.surely_ms()
        candles = await self.history(symbol, first)
        closed = int(np.searchsorted(candles.ts, asked - self._length, side="right"))
        return Window(candles, closed)

    async def history(self, symbol: str, first: int) -> Candles:
        """Return candles from `lookback` before `first` on. Raises ExchangeUnavailableError."""
        newest = int(self._exchange.clock.now_ms()) // self._length * self._length
        after, lookback = (newest - first) // self._length + 3, self._lookback
        for back in (lookback, 2 * lookback, 4 * lookback, 8 * lookback):
            since = first - back * self._length
            window = await self._exchange.candles(symbol, self._timeframe, since_ms=since, count=back + after)
            before = int(np.searchsorted(window.ts, first))
            if before >= lookback:
                break
        found = window[max(0, before - lookback) :]
        if len(found):
            last = float(found.close[-1])
            self._prices[symbol] = price = Price(last, last, last, asyncio.get_running_loop().time())
            self.listen(symbol, price)
        return found

    def price(self, symbol: str) -> Price | None:
        """Return the newest close that was seen."""
        return self._prices.get(symbol)

    def problem(self) -> str:
        """Say nothing: a failed question is an error of its own."""
        return ""
