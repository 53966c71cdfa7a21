"""Arithmetic of bands and extremes."""

from tradewind_engine.candles import Floats
from tradewind_engine.operations.averages import ema, sma
from tradewind_engine.operations.recursions import PLAIN, Recursions
from tradewind_engine.operations.volatility import atr, standard_deviation
from tradewind_engine.operations.windows import rolling_max, rolling_min


def bollinger(values: Floats, period: int, width: float) -> tuple[Floats, Floats, Floats]:
    """Return lower, middle and upper band, each shape (n,): the mean and `width` population standard deviations around."""
    middle = sma(values, period)
    spread = width * standard_deviation(values, period)
    return middle - spread, middle, middle + spread


def donchian(high: Floats, low: Floats, period: int) -> tuple[Floats, Floats, Floats]:
    """Return the lowest low, the middle and the highest high of the last `period` candles, each shape (n,)."""
    lower, upper = lowest(low, period), highest(high, period)
    return lower, (lower + upper) / 2.0, upper


def keltner(
    high: Floats,
    low: Floats,
    close: Floats,
    period: int,
    range_period: int,
    width: float,
    recursions: Recursions = PLAIN,
) -> tuple[Floats, Floats, Floats]:
    """Return the exponential average of the close and `width` average true ranges around it, each shape (n,)."""
    middle, spread = ema(close, period, recursions), width * atr(high, low, close, range_period, recursions)
    return middle - spread, middle, middle + spread


def highest(values: Floats, period: int) -> Floats:
    """Return the largest of the last `period` values, shape (n,), NaN before and where one of them is NaN."""
    return rolling_max(values, period)


def lowest(values: Floats, period: int) -> Floats:
    """Return the smallest of the last `period` values, shape (n,), NaN before and where one of them is NaN."""
    return rolling_min(values, period)
