"""Twenty planted biases and twenty clean results: what the verdict says of each."""

import dataclasses
from functools import cache

import numpy as np
import pytest
from markets import from_closes, market

from tradewind_api.document.resolve import template, with_parameters
from tradewind_api.document.validation import parse_document
from tradewind_engine.backtest.engine import run_backtest
from tradewind_engine.backtest.simulate import Costs
from tradewind_engine.honesty.verdict import ONE_TRY, Selection, judge
from tradewind_engine.optimise.book import Aim
from tradewind_engine.optimise.objectives import parse_constraint
from tradewind_engine.optimise.space import make_space
from tradewind_engine.optimise.study import run_study
from tradewind_engine.optimise.sweep import Sweep, SweepSettings

pytestmark = pytest.mark.slow

SMA = with_parameters(template("sma-crossover"), {"fast.period": 2, "slow.period": 12})
HOURLY = SweepSettings("1h", threads=1)
FOLLOW = parse_document(
    {
        "schema": "tradewind.strategy/v1",
        "timeframe": "1h",
        "nodes": [
            {"id": "up", "op": "rising", "in": ["close"], "params": {"bars": 1}},
            {"id": "down", "op": "falling", "in": ["close"], "params": {"bars": 1}},
        ],
        "entry": {"when": "up"},
        "exit": {"when": "down"},
    }
)


def verdict(document, candles, selection=ONE_TRY, fee=10):
    return judge(run_backtest(document, {"": candles}, timeframe="1h", costs=Costs(fee, 0)), selection)


def blended(seed):
    """Each close knows half of the next move, as after an interpolation."""
    true = market(seed)
    close = true.close.copy()
    close[:-1] = np.sqrt(true.close[:-1] * true.close[1:])
    random = np.random.default_rng(seed)
    return from_closes(close, random)


def telling_volume(seed):
    """Volume is higher before a rise."""
    true = market(seed)
    volume = true.volume.copy()
    volume[:-1] *= np.exp(300 * np.log(true.close[1:] / true.open[1:]) * 0.5)
    return dataclasses.replace(true, volume=volume)


def smoothed(seed):
    """Closes are centred averages: a filter that looked ahead."""
    true = market(seed)
    close = np.convolve(np.pad(true.close, 2, mode="edge"), np.ones(5) / 5, mode="valid")
    return from_closes(close, np.random.default_rng(seed))


def early_high(seed):
    """The high of a candle is already that of the next."""
    true = market(seed)
    high = true.high.copy()
    high[:-1] = np.maximum(high[:-1], true.high[1:])
    return dataclasses.replace(true, high=high)


def best_of_many(seed):
    """The best of 400 parameter sets on a random walk, handed in with their number."""
    candles = market(seed)
    space = make_space(SMA, {"fast.period": (2, 21, 1), "slow.period": (22, 98, 4)})
    points = [space.point(place) for place in space.places()]
    scores = Sweep(SMA, space, {"": candles}, HOURLY).score(points)
    best = with_parameters(SMA, space.parameters(points[int(scores.total_return.argmax())]))
    return verdict(best, candles, Selection(trials=len(points)))


def curve_fit(seed):
    """An optimisation on a random walk without fees to hide behind."""
    space = make_space(SMA, {"fast.period": (2, 21, 1), "slow.period": (22, 98, 4)})
    aim = Aim(objective="totalReturn", constraints=(parse_constraint("trades>=30"),))
    return run_study(SMA, space, {"": market(seed, drift=1e-5)}, HOURLY, aim, folds=4).verdict


def few_trades(seed):
    """A handful of lucky trades."""
    document = with_parameters(template("sma-crossover"), {"fast.period": 50, "slow.period": 200})
    return verdict(document, market(seed, 1500, drift=1e-4))


def no_costs(seed):
    """An edge of a hundredth of a percent a trade, traded a thousand times for nothing."""
    return verdict(FOLLOW, market(seed, memory=0.08), fee=0)


PLANTED = [
    *[pytest.param(lambda make=make, seed=seed: verdict(SMA, make(seed)), {"FutureInData"}, id=f"{make.__name__}-{seed}")
      for make, seed in ((blended, 1), (telling_volume, 2), (smoothed, 3), (early_high, 4))],
    *[pytest.param(lambda make=make, seed=seed: make(seed), codes, id=f"{make.__name__}-{seed}")
      for make, codes in ((best_of_many, {"CouldBeLuck"}), (curve_fit, {"Overfitted", "FailsOutOfSample"}),
                         (few_trades, {"TooFewTrades"}), (no_costs, {"CostsLeftOut"})) for seed in (1, 2, 3, 4)],
]  # fmt: skip


def follows_memory(seed):
    """A market with memory, and a strategy that follows it, after costs."""
    return verdict(FOLLOW, market(seed, memory=0.2), fee=6)


def tuned_on_memory(seed):
    """The same, its parameters chosen by a study."""
    space = make_space(FOLLOW, {"up.bars": (1, 3, 1), "down.bars": (1, 3, 1)})
    settings = SweepSettings("1h", threads=1, costs=Costs(6, 0))
    return run_study(FOLLOW, space, {"": market(seed, memory=0.2)}, settings, Aim(), folds=3).verdict


def honest_loss(seed):
    """A strategy without edge that pays its costs: nobody doubts the loss."""
    return verdict(SMA, market(seed))


CLEAN = [
    pytest.param(cache(lambda make=make, seed=seed: make(seed)), id=f"{make.__name__}-{seed}")
    for make, seeds in ((follows_memory, range(20, 28)), (tuned_on_memory, range(20, 26)), (honest_loss, range(20, 26)))
    for seed in seeds
]


def test_there_are_twenty_of_each():
    """The bound of 19 of 20 and 0 of 20 counts these."""
    assert (20, 20) == (len(PLANTED), len(CLEAN))


@pytest.mark.parametrize(("make", "codes"), PLANTED)
def test_a_planted_bias_is_flagged(make, codes):
    """All twenty are, and by a reason that fits. Where the best of many tries loses, no profit is claimed and none doubted."""
    found = make()
    assert found.trust != "high"
    assert codes & {reason.code for reason in found.reasons}


@pytest.mark.parametrize("make", CLEAN)
def test_a_clean_result_is_not_called_low(make):
    """A market with memory can be doubted, as samples are finite, but not dismissed."""
    found = make()
    assert found.trust != "low", found.reasons


def test_most_clean_results_are_trusted_fully():
    """A verdict that doubts everything says nothing: at least three in four of the clean ones are high."""
    assert sum(case.values[0]().trust == "high" for case in CLEAN) >= 15
