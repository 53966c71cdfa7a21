"""Logic on yes-or-no series, shape (n,) each."""

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
