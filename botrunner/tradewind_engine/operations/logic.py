"""Logic on yes-or-no series, shape (n,) each; `..._step` is the same one candle at a time."""

from collections.abc import Callable

import numpy as np

from tradewind_engine.candles import Booleans


def every(*inputs: Booleans) -> Booleans:
    """Return where all inputs hold."""
    return np.asarray(np.logical_and.reduce(inputs), dtype=np.bool_)


def some(*inputs: Booleans) -> Booleans:
    """Return where at least one input holds."""
    return np.asarray(np.logical_or.reduce(inputs), dtype=np.bool_)


def negation(value: Booleans) -> Booleans:
    """Return where the input does not hold."""
    return ~value


def held(value: Booleans, bars: int) -> Booleans:
    """Return where the input holds and has held on the `bars` - 1 candles before; false before there are so many."""
    index = np.arange(value.size)
    last_no = np.maximum.accumulate(np.where(value, -1, index))
    return np.asarray(index - last_no >= bars, dtype=np.bool_)


def every_step() -> Callable[..., bool]:
    """Return `every` for one candle."""
    return lambda *inputs: all(inputs)


def some_step() -> Callable[..., bool]:
    """Return `some` for one candle."""
    return lambda *inputs: any(inputs)


def negation_step() -> Callable[[bool], bool]:
    """Return `negation` for one candle."""
    return lambda value: not value


def held_step(bars: int) -> Callable[[bool], bool]:
    """Return `held` one candle at a time."""
    lasted = 0

    def step(value: bool) -> bool:
        nonlocal lasted
        lasted = lasted + 1 if value else 0
        return lasted >= bars

    return step
