"""The statistics again, from the papers' definitions and in plain loops: the same numbers to the last digits."""

import itertools
import math

import numpy as np
import pytest
from markets import market

from tradewind_api.document.resolve import template, with_parameters
from tradewind_engine.backtest.engine import run_backtest
from tradewind_engine.honesty.bootstrap import return_interval
from tradewind_engine.honesty.neighbourhood import neighbours_return
from tradewind_engine.honesty.overfitting import overfitting
from tradewind_engine.optimise.search import Aim, search
from tradewind_engine.optimise.space import make_space
from tradewind_engine.optimise.sweep import Sweep, SweepSettings


def paper_pbo(returns, blocks):
    """Bailey and others (2017), section 2: how often the logit of the rank outside of the chosen one is not above 0."""
    stretches = np.split(returns, blocks)
    below = lost = ways = 0
    for half in itertools.combinations(range(blocks), blocks // 2):
        inside = np.concatenate([stretches[index] for index in half])
        outside = np.concatenate([stretches[index] for index in range(blocks) if index not in half])
        best = int(np.argmax([column.mean() / column.std() for column in inside.T]))
        ratios = [column.mean() / column.std() for column in outside.T]
        rank = 1 + sum(ratio < ratios[best] for ratio in ratios)  # 1 is the worst of N
        relative = rank / (len(ratios) + 1)
        below += math.log(relative / (1 - relative)) <= 0
        lost += outside[:, best].sum() < 0
        ways += 1
    assert ways == math.comb(blocks, blocks // 2)
    return below / ways, lost / ways


@pytest.mark.parametrize(
    ("seed", "points", "blocks", "skill"), [(1, 7, 6, 0.0), (2, 8, 8, 0.0), (3, 20, 10, 0.05), (4, 5, 8, 0.2)]
)
def test_overfitting_is_what_the_paper_says(seed, points, blocks, skill):
    """Noise, and noise in which one point has skill: numbers of points even and odd."""
    returns = np.random.default_rng(seed).standard_normal((blocks * 30, points)) * 0.01
    returns[:, 2] += skill * 0.01
    stretches = np.array(np.split(returns, blocks))
    found = overfitting(stretches.sum(axis=1).T, (stretches**2).sum(axis=1).T, 30)
    assert paper_pbo(returns, blocks) == (found.probability, found.loss)


def paper_spread(changes):
    """Politis and Romano (1994), lemma 1: the deviation of a resampled sum with blocks of the mean length 1 / p."""
    n, p = len(changes), 1 / len(changes) ** (1 / 3)
    centred = changes - changes.mean()
    variance = sum(value * value for value in centred) / n
    for lag in range(1, n):
        weight = (1 - lag / n) * (1 - p) ** lag + lag / n * (1 - p) ** (n - lag)
        variance += 2 * weight * sum(centred[index] * centred[index + lag] for index in range(n - lag)) / n
    return math.sqrt(n * variance)


@pytest.mark.parametrize("memory", [-0.6, 0.0, 0.6])
def test_the_interval_is_as_wide_as_the_papers_variance_says(memory):
    """What hangs together in time stays together: single days would give the same width whatever the memory."""
    draw = np.random.default_rng(7).standard_normal(500) * 0.01
    changes = draw.copy()
    for index in range(1, 500):
        changes[index] += memory * changes[index - 1]
    low, high = np.log1p(return_interval(100 * np.exp(np.concatenate([[0.0], np.cumsum(changes)]))))
    assert 2 * 1.6449 * paper_spread(changes) == pytest.approx(high - low, rel=0.1)
    assert changes.sum() == pytest.approx((low + high) / 2, abs=0.15 * (high - low))


def test_the_ground_around_the_best_point_is_the_median_of_its_neighbours_runs():
    """Each neighbour run by itself, one step up and one down each axis."""
    document, candles = template("sma-crossover"), {"": market(14, 1500, memory=0.1)}
    axes = {"fast.period": (2, 14, 2), "slow.period": (16, 40, 4)}
    sweep = Sweep(document, make_space(document, axes), candles, SweepSettings("1h", threads=1))
    found = search(sweep, Aim(objective="totalReturn", constraints=()))

    def gained(fast, slow):
        chosen = with_parameters(document, {"fast.period": fast, "slow.period": slow})
        return run_backtest(chosen, candles, timeframe="1h").to_json()["totalReturn"]

    fast, slow = found.points[found.best]
    around = [(fast - 2, slow), (fast + 2, slow), (fast, slow - 4), (fast, slow + 4)]
    best = gained(fast, slow)
    assert (best > 0, len(around)) == (True, 4)
    wanted = np.median([gained(*point) for point in around]) / best
    assert wanted == pytest.approx(neighbours_return(sweep, found), rel=1e-9)
