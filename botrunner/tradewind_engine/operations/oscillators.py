"""Arithmetic of oscillators."""

import numpy as np

from tradewind_engine.candles import Floats
from tradewind_engine.operations.averages import ema, sma
from tradewind_engine.operations.bands import highest, lowest
from tradewind_engine.operations.recursions import PLAIN, Recursions, after_warm_up
from tradewind_engine.operations.windows import rolling_sum


def rsi(values: Floats, period: int, recursions: Recursions = PLAIN) -> Floats:
    """Return Wilder's relative strength index (New Concepts in Technical Trading Systems, 1978), shape (n,), 0 to 100.

    The first value, after `period` changes, is from simple means of gains and losses; later ones weigh the newest change
    with 1 / period. Without a loss in memory it is 100.
    """
    return after_warm_up(values, recursions.strength, period)


def macd(values: Floats, fast: int, slow: int, signal: int, recursions: Recursions = PLAIN) -> tuple[Floats, Floats, Floats]:
    """Return line, signal and histogram of Appel's MACD, each shape (n,)."""
    line = ema(values, fast, recursions) - ema(values, slow, recursions)
    average = ema(line, signal, recursions)
    return line, average, line - average


def rate_of_change(values: Floats, period: int) -> Floats:
    """Return the change against `period` values ago in percent, shape (n,); NaN where that value was 0."""
    result = np.full(values.size, np.nan)
    if values.size > period:
        old = values[:-period]
        with np.errstate(divide="ignore", invalid="ignore"):
            result[period:] = np.where(old == 0, np.nan, (values[period:] - old) / old * 100.0)
    return result


def momentum(values: Floats, period: int) -> Floats:
    """Return the difference to `period` values ago, shape (n,)."""
    result = np.full(values.size, np.nan)
    result[period:] = values[period:] - values[:-period]
    return result


def stochastic(high: Floats, low: Floats, close: Floats, period: int, smooth: int, signal: int) -> tuple[Floats, Floats]:
    """Return Lane's k, smoothed, and d, its mean, each shape (n,), 0 to 100; NaN where the range is nothing."""
    bottom, top = lowest(low, period), highest(high, period)
    with np.errstate(divide="ignore", invalid="ignore"):
        place = np.where(top > bottom, (close - bottom) / (top - bottom) * 100.0, np.nan)
    k = sma(place, smooth)
    return k, sma(k, signal)


def cci(high: Floats, low: Floats, close: Floats, period: int) -> Floats:
    """Return Lambert's commodity channel index, shape (n,); NaN where nothing varies."""
    typical = (high + low + close) / 3.0
    mean = sma(typical, period)
    result = np.full(close.size, np.nan)
    count = close.size - period + 1
    if count > 0:
        centre = mean[period - 1 :]
        total = np.zeros(count)
        for offset in range(period):
            total += np.abs(typical[offset : offset + count] - centre)
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = (typical[period - 1 :] - centre) / (0.015 * total / period)
        result[period - 1 :] = np.where(total > 0, distance, np.nan)
    return result


def obv(close: Floats, volume: Floats, period: int) -> Floats:
    """Return the volume of rising less that of falling candles over the last `period` changes, shape (n,)."""
    signed = np.full(close.size, np.nan)
    signed[1:] = np.sign(np.diff(close)) * volume[1:]
    return rolling_sum(signed, period)
