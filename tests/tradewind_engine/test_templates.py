"""The shipped strategies decide what their descriptions say, on prices that a person can follow."""

import numpy as np
import pytest

from tradewind_api.document.resolve import template, with_parameters
from tradewind_engine.candles import Candles
from tradewind_engine.strategy.evaluate import evaluate


def signals(name, closes, **parameters):
    """Return the candles at which a strategy would enter and those at which it would leave."""
    close = np.array(closes, dtype=float)
    history = Candles(np.arange(close.size, dtype=np.int64), close, close, close, close, np.ones(close.size))
    document = with_parameters(template(name), {key.replace("__", "."): value for key, value in parameters.items()})
    found = evaluate(document, history)
    return np.flatnonzero(found.entry).tolist(), np.flatnonzero(found.exit).tolist()


def test_sma_crossover_enters_when_the_fast_average_overtakes():
    """Averages of 1 and 3: at candle 4 the price 4 is above (1+1+4)/3 for the first time; at 6 it falls below."""
    assert ([4], [6]) == signals("sma-crossover", [3, 2, 1, 1, 4, 4, 1], fast__period=1, slow__period=3)


def test_rsi_enters_in_weakness_and_leaves_in_recovery():
    """Only losses: RSI 0. One gain of 3 after losses of 1: (0+3)/2 against (1+0)/2, RSI 75."""
    assert ([2, 3], [4]) == signals("rsi", [10, 9, 8, 7, 10], rsi__period=2)


def test_momentum_enters_after_a_rise_and_leaves_after_a_fall():
    """Against two candles ago: +10 % at candle 2, -9 % at candle 4."""
    assert ([2], [4]) == signals("momentum", [100, 100, 110, 100, 100], change__period=2)


def test_mean_reversion_buys_below_the_band_and_leaves_above_the_middle():
    """Four tens and a six: mean 9.2, deviation 1.6, band at 7.6; back at 10 the mean of five is 9.2 again."""
    assert ([4], [5]) == signals("mean-reversion", [10, 10, 10, 10, 6, 10], bands__period=5, bands__width=1)


def test_bollinger_breakout_buys_above_the_band_and_leaves_below_the_middle():
    """Tens and a fourteen: mean 10.8, deviation 1.6, band at 12.4; at 9 the price has crossed the mean of 10.6."""
    assert ([5], [6]) == signals("bollinger-breakout", [10, 10, 10, 10, 10, 14, 9], bands__period=5, bands__width=1)


def test_macd_enters_when_the_line_turns_up():
    """A fall and then a rise: the line crosses its average once upwards, and downwards when the rise ends."""
    falling, rising = np.linspace(100, 60, 60), np.linspace(60, 100, 60)
    enter, leave = signals("macd", [*falling, *rising, *falling])
    assert [60] == [index for index in enter if 55 <= index <= 70][:1]
    assert [index for index in leave if 119 <= index <= 130]


def test_dca_dip_enters_three_percent_below_the_average():
    """Nine hundreds and a ninety-six: the mean of ten is 99.6, and 96 is 3.6 % below; 97 would be 2.7 %."""
    assert [9] == signals("dca-dip", [100] * 9 + [96], mean__period=10)[0]
    assert [] == signals("dca-dip", [100] * 9 + [97], mean__period=10)[0]


@pytest.mark.parametrize("name", ["dca-dip", "momentum", "mean-reversion", "bollinger-breakout", "macd", "sma-crossover"])
def test_a_flat_market_gives_no_reason_to_buy(name):
    """Nothing moves, nothing is bought."""
    assert [] == signals(name, [100.0] * 200)[0]
