"""The loops of operations and the look over candles, compiled; the numbers are those of the plain ones, to the last bit."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tradewind_engine.backtest import kernel
from tradewind_engine.backtest.loading import loop
from tradewind_engine.candles import Booleans, Floats
from tradewind_engine.operations import recursions, window_loops
from tradewind_engine.operations.loops import Loops


@loop
def fit(open_, high, low, close, volume):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - numba
    """Return whether every row can be a candle."""
    odd = 0
    for i in range(open_.size):  # comparisons with NaN are false
        fits = (high[i] >= open_[i]) & (high[i] >= close[i]) & (low[i] <= open_[i]) & (low[i] <= close[i])
        odd += 1 - (fits & (low[i] > 0.0) & (high[i] < np.inf) & (volume[i] >= 0.0) & (volume[i] < np.inf))
    return odd == 0


@loop
def distances(ts):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - numba
    """Return the smallest and the largest distance of open times, of which there are two at least."""
    later, before = ts[1:], ts[:-1]
    smallest = largest = later[0] - before[0]
    for i in range(later.size):
        smallest = min(smallest, later[i] - before[i])
        largest = max(largest, later[i] - before[i])
    return smallest, largest


@loop
def turn(table, ts, times, numbers, codes):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - numba
    """Fill the columns of a trade table (m, kernel.COLUMNS): times (2, m), numbers (5, m) and codes of reasons (m,)."""
    for i in range(table.shape[0]):
        times[0, i] = ts[int(table[i, kernel.ENTRY_INDEX])]
        times[1, i] = ts[int(table[i, kernel.EXIT_INDEX])]
        for k in range(5):
            numbers[k, i] = table[i, kernel.ENTRY_PRICE + k]
        codes[i] = int(table[i, kernel.REASON])


def _compiled(plain: Callable[..., None]) -> Callable[[Floats, Any], Floats]:
    compiled = loop(plain)

    def call(values: Floats, number: Any) -> Floats:
        out = np.empty(values.size)
        compiled(values, number, out)
        return out

    return call


mean, variance, crosses = loop(window_loops.mean), loop(window_loops.variance), loop(window_loops.crosses)


def _divided(*, by_period: bool) -> Callable[[Floats, int], Floats]:
    def call(values: Floats, period: int) -> Floats:
        out = np.empty(values.size)
        mean(values, period, float(period) if by_period else 1.0, out, window_loops.room(2, period))
        return out

    return call


def _varied(values: Floats, period: int) -> Floats:
    out = np.empty(values.size)
    variance(values, period, out, window_loops.room(6, period))
    return out


def _crossed(first: Floats, second: Floats) -> Booleans:
    out = np.empty(first.size, dtype=np.bool_)
    crosses(first, second, out)
    return out


COMPILED = Loops(
    weighted=_compiled(recursions.weighted),
    wilder=_compiled(recursions.wilder),
    strength=_compiled(recursions.strength),
    total=_divided(by_period=False),
    mean=_divided(by_period=True),
    variance=_varied,
    crosses=_crossed,
)
