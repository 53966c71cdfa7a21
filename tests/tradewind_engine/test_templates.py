"""The shipped strategies decide what their descriptions say, on prices that a person can follow."""

import numpy as np
import pytest

from tradewind_api.document.resolve import template, with_parameters
from tradewind_engine.backtest.engine import run_backtest
from tradewind_engine.backtest.simulate import Costs
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


def test_macd_enters_when_the_line_overtakes_its_average():
    """Averages of 1 and 3 (weights 1 and 1/2) of 8 8 4 8 4: slow 8 8 6 7 5.5, line 0 0 -2 1 -1.5, its average 0 0 -1 0 -0.75.

    The line is below its average at 2, above it at 3, below it again at 4.
    """
    assert ([3], [2, 4]) == signals("macd", [8, 8, 4, 8, 4], macd__fast=1, macd__slow=3, macd__signal=3)


def test_dca_dip_enters_three_percent_below_the_average():
    """Nine hundreds and a ninety-six: the mean of ten is 99.6, and 96 is 3.6 % below; 97 would be 2.7 %."""
    assert [9] == signals("dca-dip", [100] * 9 + [96], mean__period=10)[0]
    assert [] == signals("dca-dip", [100] * 9 + [97], mean__period=10)[0]


def trades(name, rows, **parameters):
    """Return figures and closed trades of 10,000 without costs, on candles given as (open, high, low, close)."""
    columns = [np.array(column, dtype=float) for column in zip(*rows, strict=True)]
    history = Candles(np.arange(len(rows), dtype=np.int64) * 3_600_000, *columns, np.ones(len(rows)))
    document = with_parameters(template(name), {key.replace("__", "."): value for key, value in parameters.items()})
    report = run_backtest(document, {"": history}, timeframe="1h", capital=10_000.0, costs=Costs(0, 0))
    return report, [(t.entry_ms // 3_600_000, t.exit_ms // 3_600_000, t.exit_price, t.profit, t.reason) for t in report.trades]


def test_dca_dip_buys_a_step_and_sells_two_percent_above_the_average():
    """1,000 at 100, then 1,500 at 97.5: 2,500 in all; the target is 2 % above the average price, so 50 are earned.

    The fall to 96 at candle 9 decides; after the trade in candle 11 nothing is bought for six candles, though 80 is a dip:
    the next is decided at 17, so that at the closes of 10, 18 and 19 something is held.
    """
    rows = [(100, 100, 100, 100)] * 9 + [(100, 100, 96, 96), (100, 100, 97, 98), (98, 101, 98, 90)] + [(80, 80, 80, 80)] * 8
    report, found = trades("dca-dip", rows, mean__period=10)
    average = 2500 / (10 + 1500 / 97.5)
    assert [(10, 11, pytest.approx(average * 1.02), pytest.approx(50.0), "TakeProfit")] == found
    assert (1, 3 / 20) == (report.figures["openPositions"], report.figures["timeInMarket"])


def test_dca_dip_gives_up_fifteen_percent_below_the_average():
    """Steps at 97.5, 95, 92.5, 90 spend 1,500, 2,250, 3,375 and the 1,875 that are left of 10,000: 15 % of it is lost."""
    rows = [(100, 100, 100, 100)] * 9 + [(100, 100, 96, 96), (100, 100, 89, 90), (90, 90, 70, 75)]
    _, found = trades("dca-dip", rows, mean__period=10)
    amount = 10 + 1500 / 97.5 + 2250 / 95 + 3375 / 92.5 + 1875 / 90
    assert [(10, 11, pytest.approx(10_000 / amount * 0.85), pytest.approx(-1500.0), "StopLoss")] == found


def test_momentum_earns_what_the_price_rises_between_two_opens():
    """+10 % against two candles ago at candle 2: bought at 110; below zero at candle 4: sold at the open of 5 at 99, -10 %."""
    rows = [(price, price, price, price) for price in (100, 100, 110, 110, 105, 99)]
    report, found = trades("momentum", rows, change__period=2)
    assert [(3, 5, 99.0, pytest.approx(-1000.0), "Exit")] == found
    assert pytest.approx(-0.1) == report.figures["totalReturn"]


@pytest.mark.parametrize("name", ["dca-dip", "momentum", "mean-reversion", "bollinger-breakout", "macd", "sma-crossover"])
def test_a_flat_market_gives_no_reason_to_buy(name):
    """Nothing moves, nothing is bought."""
    assert [] == signals(name, [100.0] * 200)[0]
