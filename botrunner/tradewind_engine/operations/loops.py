"""How the loops over candles are run: by numpy and Python in a bot, compiled in the back-test (`backtest.kernel`).

Both give the same numbers to the last bit; a test holds them to it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tradewind_engine.candles import Booleans, Floats
from tradewind_engine.operations import recursions
from tradewind_engine.operations.windows import rolling_sum, rolling_variance


class Loops(NamedTuple):
    """Each takes series (n,) and at most one number, and returns a series (n,)."""

    weighted: Callable[[Floats, float], Floats]
    wilder: Callable[[Floats, int], Floats]
    strength: Callable[[Floats, int], Floats]
    total: Callable[[Floats, int], Floats]
    mean: Callable[[Floats, int], Floats]
    variance: Callable[[Floats, int], Floats]
    crosses: Callable[[Floats, Floats], Booleans]


def _interpreted(loop: Callable[..., None]) -> Callable[[Floats, Any], Floats]:
    def run(values: Floats, number: Any) -> Floats:
        out = [recursions.NAN] * values.size  # lists are three times as fast as arrays when not compiled
        loop(values.tolist(), number, out)
        return np.array(out)

    return run


def _mean(values: Floats, period: int) -> Floats:
    result = rolling_sum(values, period)
    result /= period
    return result


def _crosses(first: Floats, second: Floats) -> Booleans:
    result = np.zeros(first.size, dtype=np.bool_)
    result[1:] = (first <= second)[:-1] & (first > second)[1:]
    return result


PLAIN = Loops(
    weighted=_interpreted(recursions.weighted),
    wilder=_interpreted(recursions.wilder),
    strength=_interpreted(recursions.strength),
    total=rolling_sum,
    mean=_mean,
    variance=rolling_variance,
    crosses=_crosses,
)
