"""Operations on numbers that a person can verify."""

import numpy as np
import pytest

from tradewind_api.operations import OPERATIONS
from tradewind_engine.operations import (
    VECTOR,
    arithmetic,
    averages,
    bands,
    comparisons,
    gates,
    logic,
    oscillators,
    volatility,
)

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


def test_wma_weighs_the_newest_most():
    """(1*1 + 2*2 + 3*6) / 6 = 23/6."""
    same([NAN, NAN, 23 / 6], averages.wma(np.array([1.0, 2, 6]), 3))


def test_rma_starts_with_a_mean_and_moves_by_one_period_th():
    """Mean of 2 and 4 is 3; 3 + (7 - 3) / 2 = 5."""
    same([NAN, 3, 5], averages.rma(np.array([2.0, 4, 7]), 2))


def test_vwap_weighs_typical_prices_by_volume():
    """Typical 2 with volume 1 and 6 with volume 3: 20/4 = 5; without any volume unknown."""
    price, volume = np.array([2.0, 6, 6, 6]), np.array([1.0, 3, 0, 0])
    same([NAN, 5, 6, NAN], averages.vwap(price, price, price, volume, 2))


def test_atr_takes_the_gap_from_the_last_close_in():
    """High 12, low 11 after a close of 8: the true range is 4; then 12.5 - 10 = 2.5: mean 3.25."""
    high, low, close = np.array([9.0, 12, 12.5]), np.array([7.0, 11, 10]), np.array([8.0, 11.5, 11])
    same([NAN, NAN, 3.25], volatility.atr(high, low, close, 2))


def test_zscore_counts_deviations_and_is_unknown_on_a_flat_line():
    """1, 3: mean 2, deviation 1, so 3 is 1 away."""
    same([NAN, 1, NAN], volatility.zscore(np.array([1.0, 3, 3]), 2))
    same([NAN, 1.0], volatility.standard_deviation(np.array([1.0, 3]), 2))


def test_donchian_is_the_channel_of_extremes():
    """Highs 5, 7 and lows 1, 3: 1 to 7, middle 4."""
    lower, middle, upper = bands.donchian(np.array([5.0, 7]), np.array([1.0, 3]), 2)
    assert (1.0, 4.0, 7.0) == (lower[1], middle[1], upper[1])


def test_keltner_stands_ranges_around_the_average():
    """Close always 10, range always 2: average 10, bands at 10 -+ 1.5 x 2."""
    close = np.full(4, 10.0)
    lower, middle, upper = bands.keltner(close + 1, close - 1, close, 3, 2, 1.5)
    assert (7.0, 10.0, 13.0) == (lower[3], middle[3], upper[3])


def test_stochastic_is_the_place_in_the_range():
    """Between 1 and 5, at 4: 75; next between 1 and 5, at 2: 25; the mean of both is d."""
    high, low, close = np.array([5.0, 4, 3]), np.array([1.0, 3, 1]), np.array([2.0, 4, 2])
    k, d = oscillators.stochastic(high, low, close, 2, 1, 2)
    same([NAN, 75, 100 / 3], k)
    same([NAN, NAN, (75 + 100 / 3) / 2], d)


def test_cci_measures_in_mean_deviations():
    """Typical 1 and 3: mean 2, mean deviation 1, distance 1: 1 / 0.015."""
    price = np.array([1.0, 3])
    same([NAN, 1 / 0.015], oscillators.cci(price, price, price, 2))


def test_momentum_is_a_difference_and_obv_a_sum_of_signed_volume():
    """Up with 5, down with 3, still with 9: 5 - 3 = 2, -3 + 0 = -3."""
    close, volume = np.array([1.0, 2, 1, 1]), np.array([7.0, 5, 3, 9])
    same([NAN, NAN, 0, -1], oscillators.momentum(close, 2))
    same([NAN, NAN, 2, -3], oscillators.obv(close, volume, 2))


def test_arithmetic_leaves_what_is_no_number_unknown():
    """6 / 3, and 6 / 0; 1e300 times itself is no number either."""
    same([2, NAN], arithmetic.divide(np.array([6.0, 6]), np.array([3.0, 0])))
    same([NAN], arithmetic.multiply(np.array([1e300]), np.array([1e300])))
    same([3], arithmetic.subtract(arithmetic.add(np.array([1.0]), np.array([4.0])), np.array([2.0])))
    same([2], arithmetic.typical_price(np.array([3.0]), np.array([1.0]), np.array([2.0])))
    same([2], arithmetic.median_price(np.array([3.0]), np.array([1.0])))


def test_between_takes_both_ends_in():
    """1 to 2."""
    low, high = np.full(4, 1.0), np.full(4, 2.0)
    assert [False, True, True, False] == comparisons.between(np.array([0.9, 1, 2, 2.1]), low, high).tolist()


def test_rising_wants_every_step_up():
    """1 2 3 3: two rises in a row at the third value only."""
    assert [False, False, True, False] == comparisons.rising(np.array([1.0, 2, 3, 3]), 2).tolist()
    assert [False, True, False, False] == comparisons.falling(np.array([2.0, 1, 1, 2]), 1).tolist()


def test_for_bars_counts_candles_in_a_row():
    """Two in a row: at the second and third; one alone is not enough, nor are fewer candles than asked for."""
    assert [False, True, True, False, False] == logic.held(np.array([True, True, True, False, True]), 2).tolist()


def test_gates_tell_the_time_in_utc():
    """Thursday 1 January 1970: 08:00 is minute 480; Friday is day 5; a gate may reach over midnight and over Sunday."""
    day, hour = 86_400_000, 3_600_000
    ts = np.array([0, 8 * hour, 16 * hour, day, 3 * day])  # Thu, Thu, Thu, Fri, Sun
    assert [False, True, False, False, False] == gates.time_of_day(ts, 480, 960).tolist()
    assert [True, False, True, True, True] == gates.time_of_day(ts, 960, 60).tolist()
    assert [False, False, False, True, False] == gates.weekday(ts, 5, 6).tolist()
    assert [True, True, True, False, True] == gates.weekday(ts, 7, 4).tolist()
