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
