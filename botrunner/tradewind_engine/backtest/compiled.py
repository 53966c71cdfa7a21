"""The loops of operations and the look over candles, compiled; the numbers are those of the plain ones, to the last bit."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from tradewind_engine.candles import Booleans, Floats
from tradewind_engine.operations import recursions, window_loops
from tradewind_engine.operations.loops import Loops


@njit(cache=True, nogil=True, error_model="numpy")
def survey(ts, open_, high, low, close, volume):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - numba
    """Look at candles once, two at least.

    Returns:
        Whether every row can be a candle, and the smallest and the largest distance of open times. Ascending times are the
        caller's to read from the smallest.
    """
    odd = 0
    for i in range(open_.size):  # comparisons with NaN are false
        fits = (high[i] >= open_[i]) & (high[i] >= close[i]) & (low[i] <= open_[i]) & (low[i] <= close[i])
        odd += 1 - (fits & (low[i] > 0.0) & (high[i] < np.inf) & (volume[i] >= 0.0) & (volume[i] < np.inf))
    later, before = ts[1:], ts[:-1]
    smallest = largest = later[0] - before[0]
    for i in range(later.size):
        smallest = min(smallest, later[i] - before[i])
        largest = max(largest, later[i] - before[i])
    return odd == 0, smallest, largest


def _compiled(loop: Callable[..., None]) -> Callable[[Floats, Any], Floats]:
    compiled = njit(cache=True, nogil=True, error_model="numpy")(loop)

    def call(values: Floats, number: Any) -> Floats:
        out = np.empty(values.size)
        compiled(values, number, out)
        return out

    return call


_mean = njit(cache=True, nogil=True, error_model="numpy")(window_loops.mean)
_crosses = njit(cache=True, nogil=True, error_model="numpy")(window_loops.crosses)


def _divided(*, by_period: bool) -> Callable[[Floats, int], Floats]:
    def call(values: Floats, period: int) -> Floats:
        out = np.empty(values.size)
        _mean(values, period, float(period) if by_period else 1.0, out)
        return out

    return call


def _crossed(first: Floats, second: Floats) -> Booleans:
    out = np.empty(first.size, dtype=np.bool_)
    _crosses(first, second, out)
    return out


COMPILED = Loops(
    weighted=_compiled(recursions.weighted),
    wilder=_compiled(recursions.wilder),
    strength=_compiled(recursions.strength),
    total=_divided(by_period=False),
    mean=_divided(by_period=True),
    variance=_compiled(window_loops.variance),
    crosses=_crossed,
)
