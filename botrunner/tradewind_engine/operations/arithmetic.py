"""Arithmetic on series, shape (n,) each. What is unknown or not a number stays unknown (NaN).

A `..._step` is the same for one candle; it remembers nothing.
"""

import math
from collections.abc import Callable

import numpy as np

from tradewind_engine.candles import Floats
from tradewind_engine.operations.recursions import NAN


def add(first: Floats, second: Floats) -> Floats:
    """Return the sum."""
    return _finite(first + second)


def subtract(first: Floats, second: Floats) -> Floats:
    """Return the first less the second."""
    return _finite(first - second)


def multiply(first: Floats, second: Floats) -> Floats:
    """Return the product; NaN where it is too large for a number."""
    with np.errstate(over="ignore"):
        return _finite(first * second)


def divide(first: Floats, second: Floats) -> Floats:
    """Return the quotient; NaN where the second is 0."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return _finite(first / second)


def typical_price(high: Floats, low: Floats, close: Floats) -> Floats:
    """Return the mean of the three."""
    return (high + low + close) / 3.0


def median_price(high: Floats, low: Floats) -> Floats:
    """Return the mean of the two."""
    return (high + low) / 2.0


def _finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.nan)


def add_step() -> Callable[[float, float], float]:
    """Return `add` for one candle."""
    return lambda first, second: _number(first + second)


def subtract_step() -> Callable[[float, float], float]:
    """Return `subtract` for one candle."""
    return lambda first, second: _number(first - second)


def multiply_step() -> Callable[[float, float], float]:
    """Return `multiply` for one candle."""
    return lambda first, second: _number(first * second)


def divide_step() -> Callable[[float, float], float]:
    """Return `divide` for one candle."""
    return lambda first, second: _number(first / second) if second else NAN


def typical_price_step() -> Callable[[float, float, float], float]:
    """Return `typical_price` for one candle."""
    return lambda high, low, close: (high + low + close) / 3.0


def median_price_step() -> Callable[[float, float], float]:
    """Return `median_price` for one candle."""
    return lambda high, low: (high + low) / 2.0


def _number(value: float) -> float:
    return value if math.isfinite(value) else NAN
