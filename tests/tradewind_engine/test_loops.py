"""Compiled and plain loops give the same numbers to the last bit: what a bot computes is what the back-test computed."""

import numpy as np
import pytest

from tradewind_engine.backtest.compiled import COMPILED
from tradewind_engine.operations import window_loops
from tradewind_engine.operations.loops import PLAIN

RANDOM = np.random.default_rng(8)
VALUES = 100 * np.exp(np.cumsum(RANDOM.normal(0, 0.01, 5000)))
BROKEN = np.where(RANDOM.random(5000) < 0.001, np.nan, VALUES)


@pytest.mark.parametrize("values", [VALUES, BROKEN, VALUES[:1], VALUES[:0]], ids=["whole", "broken", "one", "none"])
@pytest.mark.parametrize("name", ["wilder", "strength", "total", "mean", "variance"])
def test_a_loop_over_periods_is_the_same_compiled(name, values):
    """Over several blocks, for periods of one, of powers of two and of sums of them, and beyond the end."""
    for period in (1, 2, 3, 8, 27, 1000, 6000):
        plain, compiled = getattr(PLAIN, name)(values, period), getattr(COMPILED, name)(values, period)
        np.testing.assert_array_equal(compiled, plain, err_msg=f"{name}({period})")


def test_weighted_and_crosses_are_the_same_compiled():
    """The exponential average by its weight, crossings of two series that are equal now and then."""
    np.testing.assert_array_equal(COMPILED.weighted(BROKEN, 0.1), PLAIN.weighted(BROKEN, 0.1))
    first, second = np.round(BROKEN), np.round(VALUES[::-1].copy())
    np.testing.assert_array_equal(COMPILED.crosses(first, second), PLAIN.crosses(first, second))
    assert PLAIN.crosses(first, second).any()


def test_the_loops_that_are_compiled_are_plain_python_too():
    """Sums and variances of blocks, crossings: what numba compiles gives the same where nobody compiles it."""
    values = VALUES[:2300]  # more than a block
    for period in (1, 5, 8):
        out = np.empty(values.size)
        window_loops.mean(values, period, float(period), out, window_loops.room(2, period))
        np.testing.assert_array_equal(out, PLAIN.mean(values, period))
        window_loops.variance(values, period, out, window_loops.room(6, period))
        np.testing.assert_array_equal(out, PLAIN.variance(values, period))
    crossed = np.empty(values.size, dtype=bool)
    window_loops.crosses(values, VALUES[5:2305], crossed)
    np.testing.assert_array_equal(crossed, PLAIN.crosses(values, VALUES[5:2305]))
