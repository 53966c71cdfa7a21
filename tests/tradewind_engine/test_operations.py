"""Operations on numbers that a person can verify."""

import numpy as np
import pytest

from tradewind_api.operations import OPERATIONS
from tradewind_engine.operations import VECTOR, averages, bands, comparisons, logic, oscillators

NAN = float("nan")


def same(expected, actual):
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


def test_every_declared_operation_is_bound_and_no_other():
    """Declarations and arithmetic name the same operations."""
    assert set(OPERATIONS) == set(VECTOR)


def test_sma_is_the_mean_of_the_window():
    """(1+2+3)/3 = 2, (2+3+7)/3 = 4."""
    same([NAN, NAN, 2, 4], averages.sma(np.array([1.0, 2, 3, 7]), 3))


def test_sma_does_not_depend_on_where_history_began():
    """To the last bit: a window is summed afresh."""
    values = np.random.default_rng(1).normal(100, 5, 500)
    assert averages.sma(values, 20)[300:].tolist() == averages.sma(values[281:], 20)[19:].tolist()


def test_ema_weighs_the_newest_value_with_two_over_period_plus_one():
    """Period 3 weighs by half: 4, 4+(8-4)/2 = 6, 6+(2-6)/2 = 4."""
    same([NAN, 4, 6, 4], averages.ema(np.array([NAN, 4.0, 8, 2]), 3))


def test_rsi_starts_with_simple_means():
    """Changes +2, -1, +1 over period 2: 100 - 100/(1+2/1) = 66.67; then gains 1, losses 0.5 -> (1+1)/2=1, 0.5/2=0.25: 80."""
    same([NAN, NAN, 100 - 100 / 3, 80], oscillators.rsi(np.array([10.0, 12, 11, 12]), 2))


def test_rsi_without_losses_is_100():
    """Division by no loss is defined."""
    assert 100.0 == oscillators.rsi(np.arange(1.0, 6), 2)[-1]


def test_rsi_of_wilders_kind_of_example():
    """Fourteen changes of which ten gain 1 and four lose 1: RS 2.5, RSI 71.43."""
    values = 50 + np.cumsum([0.0] + [1.0] * 10 + [-1.0] * 4)
    assert pytest.approx(100 - 100 / 3.5) == oscillators.rsi(values, 14)[14]


def test_bollinger_uses_the_population_deviation():
    """1, 3: mean 2, deviation 1, width 2: 0 and 4."""
    lower, middle, upper = bands.bollinger(np.array([1.0, 3]), 2, 2)
    assert (0.0, 2.0, 4.0) == (lower[1], middle[1], upper[1])


def test_macd_is_zero_on_a_flat_line():
    """Averages of a constant are the constant."""
    same(np.zeros((3, 50)), np.array(oscillators.macd(np.full(50, 7.0), 3, 6, 4)))


def test_rate_of_change_is_in_percent():
    """From 4 to 5 is 25 %; a change from nothing is unknown."""
    same([NAN, 25, NAN], oscillators.rate_of_change(np.array([4.0, 5, 0])[[0, 1, 2]], 1)[[0, 1, 0]])
    assert np.isnan(oscillators.rate_of_change(np.array([0.0, 5]), 1)[1])


def test_highest_and_lowest_look_at_the_window_alone():
    """An old extreme is forgotten."""
    values = np.array([9.0, 1, 5, 4])
    same([NAN, 9, 5, 5], bands.highest(values, 2))
    same([NAN, 1, 1, 4], bands.lowest(values, 2))


def test_crossing_counts_a_touch_before_as_below():
    """Previous <= and current >: from equal to above is a crossing, from above to above is none."""
    first, second = np.array([1.0, 2, 3, 4]), np.full(4, 2.0)
    assert [False, False, True, False] == comparisons.crosses_above(first, second).tolist()
    assert [False, False, True, False] == comparisons.crosses_below(-first, -second).tolist()


def test_nan_compares_false():
    """What is not known yet is neither above nor below nor crossing."""
    unknown, known = np.array([NAN, 1.0]), np.array([0.0, 0.0])
    assert [False, True] == comparisons.above(unknown, known).tolist()
    assert [False, False] == comparisons.crosses_above(unknown, known).tolist()


def test_logic_is_logic():
    """all, any, not."""
    yes, no = np.array([True, True]), np.array([True, False])
    assert ([True, False], [True, True], [False, True]) == (
        logic.every(yes, no).tolist(),
        logic.some(yes, no).tolist(),
        logic.negation(no).tolist(),
    )
