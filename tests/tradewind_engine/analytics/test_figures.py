"""Each figure by numbers that can be followed with a pencil, and those of the kernel's one pass beside their definitions."""

import numpy as np
import pytest

from tradewind_engine.analytics.buy_and_hold import buy_and_hold, buy_and_hold_return
from tradewind_engine.analytics.cagr import cagr
from tradewind_engine.analytics.calmar import calmar
from tradewind_engine.analytics.costs import cost_split
from tradewind_engine.analytics.drawdown import longest_drawdown, max_drawdown, underwater
from tradewind_engine.analytics.expectancy import expectancy
from tradewind_engine.analytics.monthly_returns import monthly_returns
from tradewind_engine.analytics.profit_factor import profit_factor
from tradewind_engine.analytics.sharpe import sharpe
from tradewind_engine.analytics.sortino import sortino
from tradewind_engine.analytics.time_in_market import time_in_market
from tradewind_engine.analytics.total_return import total_return
from tradewind_engine.analytics.turnover import turnover
from tradewind_engine.analytics.win_rate import win_rate
from tradewind_engine.backtest import measures
from tradewind_engine.backtest.curves import extreme_rows
from tradewind_engine.backtest.simulate import NO_TRADES
from tradewind_engine.candles import Candles

DAY = 86_400_000
NOTHING = np.empty(0)
PROFITS = np.array([30.0, -10.0, 0.0, -10.0])


def test_total_return_is_final_over_capital_less_one():
    """1,000 that became 1,250 returned a quarter."""
    assert 0.25 == total_return(1250.0, 1000.0)


def test_growth_a_year_is_the_root_of_the_growth():
    """Two years of days at 1.21 are 10 % a year; half a year at 1.1 is 21 %."""
    assert pytest.approx(0.1) == cagr(1.21, periods=730, periods_per_year=365)
    assert pytest.approx(0.21) == cagr(1.1, periods=365, periods_per_year=730)


def test_growth_a_year_of_less_than_a_week_is_not_told():
    """Six days would be raised to the sixtieth power."""
    assert cagr(1.01, periods=6, periods_per_year=365) is None


def test_a_drawdown_is_the_loss_from_the_highest_value_so_far():
    """From 120 to 90 is a quarter; 150 is a new peak, 120 a fifth below it."""
    assert [0.0, 0.0, 0.25, 0.0, 0.2] == pytest.approx(underwater(np.array([100.0, 120.0, 90.0, 150.0, 120.0])).tolist())
    assert 0.25 == max_drawdown(np.array([100.0, 120.0, 90.0, 150.0, 120.0]))


@pytest.mark.parametrize(
    ("candles", "curve"),
    [
        (3, [100.0, 120.0, 90.0, 110.0, 121.0]),  # from 120 to 121
        (3, [100.0, 120.0, 90.0, 110.0, 115.0]),  # it never came back: to the end
        (0, [100.0, 100.0, 100.0]),  # nothing was lost
        (0, [100.0]),
    ],
)
def test_a_drawdown_lasts_from_a_peak_to_the_next_higher_close(candles, curve):
    """Counted in candles."""
    assert candles == longest_drawdown(np.array(curve))


def test_sharpe_is_the_mean_over_the_sample_deviation_a_year():
    """Returns of 1 % and 3 %: mean 2 %, deviation 1.414 %; of four candles a year twice 1.414."""
    returns = np.array([0.01, 0.03])
    assert pytest.approx(2 * 2**0.5) == sharpe(returns.mean(), returns.std(ddof=1), periods_per_year=4)
    assert 0.0 == sharpe(0.0, 0.0, periods_per_year=365)


def test_sortino_looks_at_losses_only():
    """Returns of 4 %, -2 %, 0, 0: mean 0.5 %, root of the mean square of losses 1 %; of four candles a year 1."""
    assert pytest.approx(1.0) == sortino(0.005, 0.01, periods_per_year=4)
    assert 0.0 == sortino(0.005, 0.0, periods_per_year=4)


def test_calmar_is_growth_a_year_over_the_largest_drawdown():
    """30 % a year with 20 % lost on the way; without a loss there is no ratio."""
    assert pytest.approx(1.5) == calmar(0.3, 0.2)
    assert (None, None) == (calmar(0.3, 0.0), calmar(None, 0.2))


def test_figures_of_trades():
    """One of four won; 30 won and 20 lost; 10 in all are 2.5 a trade."""
    assert (0.25, 1.5, 2.5) == (win_rate(1, 4), profit_factor(30.0, 20.0), expectancy(10.0, 4))


def test_without_trades_there_is_nothing_to_measure():
    """None rather than a number that was not measured."""
    assert (0.0, None, None) == (win_rate(0, 0), profit_factor(0.0, 0.0), expectancy(0.0, 0))
    assert profit_factor(5.0, 0.0) is None


def test_the_tally_looks_at_each_trade_once():
    """Gains and losses in their order, a trade of no profit in neither; without trades nothing."""
    for tally in (measures.tally, measures.tally.py_func):
        gains, losses = np.zeros(4), np.zeros(4)
        assert (1, 2, 30.0, -10.0) == tally(PROFITS, gains, losses)
        assert [30.0, -10.0, -10.0] == [*gains[:1], *losses[:2]]
        assert (0, 0, 0.0, 0.0) == tally(NOTHING, NOTHING, NOTHING)


def test_market_time_and_turnover():
    """A quarter of the candles held; 30,000 traded with 10,000."""
    assert (0.25, 3.0) == (time_in_market(25, 100), turnover(30_000.0, 10_000.0))


def test_costs_and_profit_add_up():
    """100 before costs, 20 and 10 went off, 70 are left."""
    assert (100.0, 20.0, 10.0, 70.0) == cost_split(70.0, fees=20.0, slippage=10.0)


def test_a_month_starts_where_the_last_one_ended():
    """1,000 to 1,100 in January, to 990 in February; March has no candle; April doubles it."""
    ts = np.array([0, 30, 31, 58, 90]) * DAY
    found = monthly_returns(ts, np.array([1050.0, 1100.0, 1000.0, 990.0, 1980.0]), 1000.0)
    assert ["1970-01", "1970-02", "1970-04"] == [month for month, _ in found]
    assert [0.1, -0.1, 1.0] == pytest.approx([value for _, value in found])


def test_buy_and_hold_buys_the_first_open():
    """At 50; the closes of 60 and 75 are 20 % and 50 % more. Half of it in each of two symbols is the mean."""
    one, two = (np.array([[50.0, 60.0], [60.0, 75.0]]), np.array([[10.0, 10.0], [10.0, 10.0]]))
    histories = [
        Candles(np.array([0, 1]), *(prices[:, column] for column in (0, 1, 0, 1)), np.ones(2)) for prices in (one, two)
    ]
    assert [120.0, 150.0] == buy_and_hold(histories[0], 100.0).tolist()
    assert 0.25 == buy_and_hold_return(histories)


@pytest.mark.parametrize("seed", range(5))
def test_the_kernel_measures_what_the_definitions_say(seed):
    """Its one pass gives drawdown, its length, deviation and downside deviation of any curve."""
    rng = np.random.default_rng(seed)
    curve = 1000 * np.exp(np.cumsum(rng.normal(0, 0.01, 500 + seed)))
    found = measures.moments(curve, np.empty(1), np.empty(1), NO_TRADES)
    returns = np.diff(curve) / curve[:-1]
    assert pytest.approx(max_drawdown(curve), rel=1e-12) == found.drawdown
    assert longest_drawdown(curve) == found.longest
    assert pytest.approx(returns.std(ddof=1), rel=1e-9) == found.deviation
    assert pytest.approx(np.sqrt(np.mean(np.minimum(returns, 0) ** 2)), rel=1e-9) == found.downside


def test_a_thinned_curve_keeps_every_extreme():
    """Of 10,000 values with one spike up and one down, 100 rows have both, and the first and the last."""
    values = np.zeros(10_000)
    values[4321], values[8765] = 5.0, -7.0
    rows = extreme_rows(values, 100).tolist()
    assert {0, 4321, 8765, 9999} <= set(rows)
    assert len(rows) <= 100
    assert sorted(set(rows)) == rows


def test_few_values_are_all_kept():
    """Nothing is thinned that need not be."""
    assert [0, 1, 2] == extreme_rows(np.array([3.0, 1.0, 2.0]), 1000).tolist()
