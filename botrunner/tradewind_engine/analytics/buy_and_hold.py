"""Buy and hold: what the market did by itself."""

from collections.abc import Iterable

import numpy as np

from tradewind_engine.candles import Candles, Floats


def buy_and_hold_return(histories: Iterable[Candles]) -> float:
    """Return the return of buying each symbol for an equal part at the first open, held to the last close, without costs."""
    found = [history.close[-1] / history.open[0] - 1 for history in histories]
    return float(np.add.reduce(found) / len(found))  # np.mean's sum and quotient, without what it asks first


def buy_and_hold(history: Candles, capital: float) -> Floats:
    """Return the value at each close of `capital` put into one symbol at the first open, without costs, shape (n,)."""
    return capital / float(history.open[0]) * history.close
