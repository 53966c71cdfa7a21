"""The statistics behind the verdict, by numbers from their papers or from a pencil."""

import numpy as np
import pytest
from markets import market

from tradewind_api.document.resolve import template, with_parameters
from tradewind_engine.honesty.bootstrap import return_interval
from tradewind_engine.honesty.causality import changed_decisions
from tradewind_engine.honesty.deflated_sharpe import (
    deflated_sharpe,
    expected_best,
    probabilistic_sharpe,
    sharpe_skewness_kurtosis,
)
from tradewind_engine.honesty.leakage import correlation, ranks, tell_tales
from tradewind_engine.honesty.overfitting import overfitting


def test_skewness_and_kurtosis_of_a_coin():
    """One in four wins 3, the others lose 1: mean 0, skewness 2/sqrt(3), kurtosis 7/3."""
    _, skewness, kurtosis = sharpe_skewness_kurtosis(np.array([3.0, -1.0, -1.0, -1.0]))
    assert skewness == pytest.approx(2 / np.sqrt(3))
    assert kurtosis == pytest.approx(7 / 3)


def test_probability_of_a_ratio_of_one_deviation():
    """Normal returns with a ratio of 2 / sqrt(n - 1) are above nothing with the probability of two deviations, 97.7 %."""
    draw = np.random.default_rng(1).standard_normal(10_001)
    returns = (draw - draw.mean()) / draw.std(ddof=1) + 0.02
    assert probabilistic_sharpe(returns) == pytest.approx(0.9772, abs=2e-3)


def test_nothing_is_known_of_returns_that_do_not_vary():
    """Neither for nor against."""
    assert 0.5 == probabilistic_sharpe(np.zeros(100)) == probabilistic_sharpe(np.array([0.1, 0.2]))


@pytest.mark.parametrize(("trials", "expected"), [(1, 0.0), (10, 1.57), (100, 2.53), (1000, 3.26)])
def test_the_best_of_many_without_skill(trials, expected):
    """The expected largest of `trials` standard normal numbers (10: 1.54, 100: 2.51, 1000: 3.24) to what the formula gives."""
    assert expected_best(trials, 1.0) == pytest.approx(expected, abs=0.01)
    simulated = np.random.default_rng(1).standard_normal((4000, trials)).max(axis=1).mean()
    assert expected_best(trials, 1.0) == pytest.approx(simulated, abs=0.06)


@pytest.mark.parametrize(("trials", "probability"), [(100, 0.9004), (46, 0.9505)])
def test_the_worked_figures_of_the_paper(trials, probability):
    """Bailey and Lopez de Prado (2014): 1,250 days, an annual ratio of 2.5, skewness -3, kurtosis 10, ratios of variance 1/2.

    Gains on 1,145 days and losses on 105 have that skewness, and every distribution of two values the kurtosis that belongs
    to it. Of 100 tries the best is expected to show 0.1132 a day; the figures are printed with four digits.
    """
    days = np.array([1.0] * 1145 + [-1.0] * 105)
    returns = (days - days.mean()) / days.std(ddof=1) + 2.5 / np.sqrt(250)
    assert (-3, 10) == pytest.approx(sharpe_skewness_kurtosis(returns)[1:], abs=0.004)
    deviation = np.sqrt(0.5 / 250)
    assert 0.1132 == pytest.approx(expected_best(100, deviation), abs=5e-5)
    assert probability == pytest.approx(deflated_sharpe(returns, trials=trials, deviation=deviation), abs=5e-5)


def test_a_point_that_is_best_everywhere_is_not_overfitted():
    """One point earns in every stretch, the others lose: it is best in every half, and in the other."""
    sums = np.full((5, 8), -0.1)
    sums[2] = 0.1
    squares = np.full((5, 8), 0.02)
    found = overfitting(sums, squares + np.arange(5)[:, None] * 1e-6, 100)
    assert (found.probability, found.loss) == (0.0, 0.0)


def test_points_that_win_in_one_half_only_are_overfitted():
    """Of eight points each earns in one stretch and loses in the others: the best in one half always loses in the other."""
    sums = np.full((8, 8), -0.1) + 0.5 * np.eye(8)
    found = overfitting(sums, np.full((8, 8), 0.02), 100)
    assert found.loss == 1.0
    assert found.probability == 1.0


def test_one_point_cannot_be_overfitted():
    """Nor can copies of it."""
    assert overfitting(np.ones((3, 8)), np.ones((3, 8)), 10) is None


def test_the_interval_holds_the_return_and_widens_with_noise():
    """A calm curve is certain, a wild one is not; the same seed gives the same interval."""
    draw = np.random.default_rng(2).standard_normal(5000)
    calm, wild = (100 * np.exp(np.cumsum(0.0002 + deviation * draw)) for deviation in (1e-5, 1e-2))
    low, high = return_interval(calm)
    assert low <= calm[-1] / calm[0] - 1 <= high
    assert high - low < 0.02
    wide = return_interval(wild)
    assert wide[1] - wide[0] > 0.5
    assert wide == return_interval(wild)


def test_rank_correlation_sees_order_alone():
    """A monotone function of the other: 1; its mirror: -1; a constant: 0."""
    values = np.random.default_rng(3).standard_normal(500)
    assert correlation(ranks(values), ranks(np.exp(values))) == pytest.approx(1.0)
    assert correlation(ranks(values), ranks(-(values**3))) == pytest.approx(-1.0)
    assert correlation(ranks(values), ranks(np.ones(500))) == 0.0
    assert ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [2.0, 0.0, 3.0, 1.0]


def test_an_honest_market_tells_no_tale():
    """Neither a random walk nor one with memory as strong as real candles have."""
    assert tell_tales(market(1)) == {} == tell_tales(market(2, memory=-0.15))


def test_shipped_strategies_decide_alike_on_what_a_bot_sees():
    """None of the twelve decisions looked at changes."""
    assert 0 == changed_decisions(template("macd"), market(4, 3000))
    assert 0 == changed_decisions(with_parameters(template("rsi"), {"rsi.period": 5}), market(5, 3000))
