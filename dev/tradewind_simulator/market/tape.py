"""A market out of recorded trades: they are printed at their time, and candles of a minute are made of them.

A minute without a trade has no candle. The market ends with the minute of its last trade, so that every candle closes.
"""

from bisect import bisect_right
from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from tradewind_engine.candles import Candles
from tradewind_engine.resampling import merge
from tradewind_engine.trading.book import Print

MINUTE_MS = 60_000


class TradeTape:
    """Recorded trades, oldest first. Says what was printed, and is a source of candles."""

    step_ms = MINUTE_MS

    def __init__(self, prints: Sequence[Print], *, first_ms: int | None = None, end_ms: int | None = None) -> None:
        self._prints = prints
        self._times = [item.time_ms for item in prints]
        self._ids = [item.trade_id for item in prints]
        self._candles = _minutes(prints)
        self._first = self._times[0] if first_ms is None else first_ms
        last = self._times[-1] if end_ms is None else end_ms
        self._end = last // MINUTE_MS * MINUTE_MS + MINUTE_MS

    def trades(self, from_ms: int, to_ms: int) -> list[Print]:
        """Return what was printed after `from_ms` and until `to_ms`."""
        return list(self._prints[bisect_right(self._times, from_ms) : bisect_right(self._times, to_ms)])

    def moment_before(self, trade_id: int) -> int:
        """Return a moment after which all trades from `trade_id` on were printed."""
        place = bisect_right(self._ids, trade_id - 1)
        return (self._times[place] if place < len(self._times) else self._end) - 1

    def candles(self, from_ms: int, to_ms: int, now_ms: int) -> Candles:
        """Return the candles of a stretch; see CandleSource."""
        found = self._candles.between(from_ms, min(to_ms, now_ms + 1))
        if not len(found) or int(found.ts[-1]) + MINUTE_MS <= now_ms:
            return found
        begun = _minutes(self.trades(int(found.ts[-1]) - 1, now_ms))
        parts = zip(found[:-1].columns(), begun.columns(), strict=True)
        ts, *prices = (np.concatenate(pair) for pair in parts)
        return Candles(ts.astype(np.int64), *(column.astype(np.float64) for column in prices))

    def first_price(self) -> Decimal:
        """Return the price of the first trade."""
        return self._prints[0].price

    def first_ms(self) -> int:
        """Return the time of the first trade."""
        return self._first

    def end_ms(self) -> int | None:
        """Return the end of the minute of the last trade."""
        return self._end

    def default_start_ms(self) -> int:
        """Return where virtual time begins by itself: with the first trade."""
        return self._first


def _minutes(prints: Sequence[Print]) -> Candles:
    ts = np.array([item.time_ms for item in prints], dtype=np.int64)
    price = np.array([float(item.price) for item in prints], dtype=np.float64)
    amount = np.array([float(item.amount) for item in prints], dtype=np.float64)
    every = Candles(ts, price, price, price, price, amount)
    return merge(every, MINUTE_MS) if len(prints) else every
