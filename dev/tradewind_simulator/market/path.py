"""The way that a price is said to have taken through a candle: one for what is printed, for the book and for the candle so far.

Open, the extreme against the candle's direction, the other one, close: a third of the candle from each to the next.
"""

import numpy as np

from tradewind_engine.candles import Candles

PARTS = 3


def stations(open_: float, high: float, low: float, close: float) -> tuple[float, float, float, float]:
    """Return the prices that a candle goes through."""
    first, second = (high, low) if close < open_ else (low, high)
    return open_, first, second, close


def reached_ms(open_ms: int, step_ms: int, station: int) -> int:
    """Return when a candle reaches a station; its close a millisecond before the next candle."""
    return open_ms + station * (step_ms - 1) // PARTS


def begun(candle: Candles, done: float) -> Candles:
    """Return the one candle as far as it is, `done` of it being over (0 to 1)."""
    points = stations(*(float(column[0]) for column in candle.columns()[1:5]))
    price = float(np.interp(done * PARTS, range(PARTS + 1), points))
    passed = (*points[: int(done * PARTS) + 1], price)
    columns = (points[0], max(passed), min(passed), price, round(float(candle.volume[0]) * done, 8))
    return Candles(candle.ts, *(np.array([value]) for value in columns))
