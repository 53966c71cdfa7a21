"""Arithmetic of oscillators: over whole series, and `..._step` one candle at a time."""

from collections.abc import Callable
from math import isnan

import numpy as np

from tradewind_engine.candles import Floats
from tradewind_engine.operations.averages import ema, ema_step, sma, sma_step
from tradewind_engine.operations.bands import highest, highest_step, lowest, lowest_step
from tradewind_engine.operations.loops import PLAIN, Loops
from tradewind_engine.operations.recursions import NAN, Follow, follow_strength
from tradewind_engine.operations.rolling import Before, RollingSum, Window


def rsi(values: Floats, period: int, loops: Loops = PLAIN) -> Floats:
    """Return Wilder's relative strength index (New Concepts in Technical Trading Systems, 1978), shape (n,), 0 to 100.

    The first value, after `period` changes, is from simple means of gains and losses; later ones weigh the newest change
    with 1 / period. Without a loss in memory it is 100.
    """
    return loops.strength(values, period)


def rsi_step(period: int) -> Follow:
    """Return `rsi` one value at a time."""
    return follow_strength(period)


def macd(values: Floats, fast: int, slow: int, signal: int, loops: Loops = PLAIN) -> tuple[Floats, Floats, Floats]:
    """Return line, signal and histogram of Appel's MACD, each shape (n,)."""
    line = ema(values, fast, loops) - ema(values, slow, loops)
    average = ema(line, signal, loops)
    return line, average, line - average


def macd_step(fast: int, slow: int, signal: int) -> Callable[[float], tuple[float, float, float]]:
    """Return `macd` one value at a time."""
    quick, calm, averaged = ema_step(fast), ema_step(slow), ema_step(signal)

    def step(value: float) -> tuple[float, float, float]:
        line = quick(value) - calm(value)
        average = averaged(line)
        return line, average, line - average

    return step


def rate_of_change(values: Floats, period: int) -> Floats:
    """Return the change against `period` values ago in percent, shape (n,); NaN where that value was 0."""
    result = np.full(values.size, np.nan)
    if values.size > period:
        old = values[:-period]
        with np.errstate(divide="ignore", invalid="ignore"):
            result[period:] = np.where(old == 0, np.nan, (values[period:] - old) / old * 100.0)
    return result


def rate_of_change_step(period: int) -> Follow:
    """Return `rate_of_change` one value at a time."""
    before = Before(period)

    def step(value: float) -> float:
        old = before(value)
        return (value - old) / old * 100.0 if old else NAN

    return step


def momentum(values: Floats, period: int) -> Floats:
    """Return the difference to `period` values ago, shape (n,)."""
    result = np.full(values.size, np.nan)
    result[period:] = values[period:] - values[:-period]
    return result


def momentum_step(period: int) -> Follow:
    """Return `momentum` one value at a time."""
    before = Before(period)
    return lambda value: value - before(value)


def stochastic(
    high: Floats, low: Floats, close: Floats, period: int, smooth: int, signal: int, loops: Loops = PLAIN
) -> tuple[Floats, Floats]:
    """Return Lane's k, smoothed, and d, its mean, each shape (n,), 0 to 100; NaN where the range is nothing."""
    bottom, top = lowest(low, period), highest(high, period)
    with np.errstate(divide="ignore", invalid="ignore"):
        place = np.where(top > bottom, (close - bottom) / (top - bottom) * 100.0, np.nan)
    k = sma(place, smooth, loops)
    return k, sma(k, signal, loops)


def stochastic_step(period: int, smooth: int, signal: int) -> Callable[[float, float, float], tuple[float, float]]:
    """Return `stochastic` one candle at a time."""
    lower, upper, smoothed, averaged = lowest_step(period), highest_step(period), sma_step(smooth), sma_step(signal)

    def step(high: float, low: float, close: float) -> tuple[float, float]:
        bottom, top = lower(low), upper(high)
        k = smoothed((close - bottom) / (top - bottom) * 100.0 if top > bottom else NAN)
        return k, averaged(k)

    return step


def cci(high: Floats, low: Floats, close: Floats, period: int, loops: Loops = PLAIN) -> Floats:
    """Return Lambert's commodity channel index, shape (n,); NaN where nothing varies."""
    typical = (high + low + close) / 3.0
    mean = sma(typical, period, loops)
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


def cci_step(period: int) -> Callable[[float, float, float], float]:
    """Return `cci` one candle at a time."""
    average, window = sma_step(period), Window(period)

    def step(high: float, low: float, close: float) -> float:
        typical = (high + low + close) / 3.0
        mean = average(typical)
        total = float(np.add.accumulate(np.abs(window(typical) - mean))[-1])  # added in order of time
        return (typical - mean) / (0.015 * total / period) if total > 0 else NAN

    return step


def obv(close: Floats, volume: Floats, period: int, loops: Loops = PLAIN) -> Floats:
    """Return the volume of rising less that of falling candles over the last `period` changes, shape (n,)."""
    signed = np.full(close.size, np.nan)
    signed[1:] = np.sign(np.diff(close)) * volume[1:]
    return loops.total(signed, period)


def obv_step(period: int) -> Callable[[float, float], float]:
    """Return `obv` one candle at a time."""
    before, total = NAN, RollingSum(period)

    def step(close: float, volume: float) -> float:
        nonlocal before
        change, before = close - before, close
        sign = NAN if isnan(change) else (change > 0) - (change < 0)
        return total(sign * volume)

    return step
