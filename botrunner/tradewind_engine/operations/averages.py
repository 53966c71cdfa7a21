"""Arithmetic of moving averages: over whole series, and `..._step` one candle at a time. NaN of an input is passed through."""

from collections.abc import Callable

import numpy as np

from tradewind_engine.candles import Floats
from tradewind_engine.operations.loops import PLAIN, Loops
from tradewind_engine.operations.recursions import NAN, Follow, follow_weighted, follow_wilder
from tradewind_engine.operations.rolling import RollingSum, Window


def sma(values: Floats, period: int, loops: Loops = PLAIN) -> Floats:
    """Return the mean of the last `period` values, shape (n,), NaN before."""
    return loops.mean(values, period)


def sma_step(period: int) -> Follow:
    """Return `sma` one value at a time."""
    total = RollingSum(period)
    return lambda value: total(value) / period


def ema(values: Floats, period: int, loops: Loops = PLAIN) -> Floats:
    """Return the exponential average of weight 2 / (period + 1), started with the first value, shape (n,)."""
    return loops.weighted(values, 2.0 / (period + 1))


def ema_step(period: int) -> Follow:
    """Return `ema` one value at a time."""
    return follow_weighted(2.0 / (period + 1))


def wma(values: Floats, period: int) -> Floats:
    """Return the linearly weighted mean of the last `period` values, shape (n,), the newest weighing most."""
    result = np.full(values.size, np.nan)
    count = values.size - period + 1
    if count > 0:
        total = values[:count].copy()
        for offset in range(1, period):
            total += (offset + 1.0) * values[offset : offset + count]
        result[period - 1 :] = total / (period * (period + 1) / 2.0)
    return result


def wma_step(period: int) -> Follow:
    """Return `wma` one value at a time."""
    window, weights = Window(period), np.arange(1.0, period + 1)

    def step(value: float) -> float:
        return float(np.add.accumulate(weights * window(value))[-1]) / (period * (period + 1) / 2.0)  # added in order of time

    return step


def rma(values: Floats, period: int, loops: Loops = PLAIN) -> Floats:
    """Return Wilder's average, shape (n,): first the mean of `period` values, then y += (x - y) / period."""
    return loops.wilder(values, period)


def rma_step(period: int) -> Follow:
    """Return `rma` one value at a time."""
    return follow_wilder(period)


def vwap(high: Floats, low: Floats, close: Floats, volume: Floats, period: int, loops: Loops = PLAIN) -> Floats:
    """Return the mean typical price of the last `period` candles weighted by volume, shape (n,); NaN without volume."""
    weights = sma(volume, period, loops)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(weights > 0, sma((high + low + close) / 3.0 * volume, period, loops) / weights, np.nan)


def vwap_step(period: int) -> Callable[[float, float, float, float], float]:
    """Return `vwap` one candle at a time."""
    weights, total = sma_step(period), sma_step(period)

    def step(high: float, low: float, close: float, volume: float) -> float:
        weight, mean = weights(volume), total((high + low + close) / 3.0 * volume)
        return mean / weight if weight > 0 else NAN

    return step
