"""A market out of recorded candles. Gaps stay gaps; when the recording ends, so does the market."""

import numpy as np

from tradewind_engine.candles import Candles
from tradewind_engine.timeframes import infer_timeframe, timeframe_ms
from tradewind_simulator.market.path import begun


class RecordedMarket:
    """Candles of one file. While a candle is in progress its price goes through its extremes; closed, it is as recorded."""

    def __init__(self, candles: Candles) -> None:
        self.timeframe = infer_timeframe(candles.ts)
        self.step_ms = timeframe_ms(self.timeframe)
        self._candles = candles

    def candles(self, from_ms: int, to_ms: int, now_ms: int) -> Candles:
        """Return the candles of a stretch; see CandleSource."""
        found = self._candles.between(from_ms, min(to_ms, now_ms + 1))
        if not len(found) or int(found.ts[-1]) + self.step_ms <= now_ms:
            return found
        done = (now_ms - int(found.ts[-1])) / self.step_ms
        parts = zip(found[:-1].columns(), begun(found[len(found) - 1 :], done).columns(), strict=True)
        ts, *prices = (np.concatenate(pair) for pair in parts)
        return Candles(ts.astype(np.int64), *(column.astype(np.float64) for column in prices))

    def first_ms(self) -> int:
        """Return the open time of the first candle."""
        return int(self._candles.ts[0])

    def end_ms(self) -> int | None:
        """Return the close of the last candle."""
        return int(self._candles.ts[-1]) + self.step_ms

    def last_price(self) -> float:
        """Return the last close."""
        return float(self._candles.close[-1])

    def default_start_ms(self) -> int:
        """Return where virtual time begins by itself: after 1,000 candles, or after a quarter of a shorter file."""
        return int(self._candles.ts[min(1000, len(self._candles) // 4)])
