"""What happens inside candles and between trades, by numbers that can be followed with a pencil."""

from contextlib import contextmanager, nullcontext

import numpy as np
import pytest

from tradewind_engine.backtest import compiled, kernel, measures
from tradewind_engine.backtest.kernel import COLUMNS, Rules
from tradewind_engine.backtest.report import REASONS
from tradewind_engine.backtest.simulate import NO_TRADES


@contextmanager
def plain():
    """Let the loops of kernel and measures be called as plain Python."""
    with pytest.MonkeyPatch.context() as patch:
        for part in (kernel, measures):
            for name, value in list(vars(part).items()):
                if name.startswith("_") and hasattr(value, "py_func"):
                    patch.setattr(part, name, value.py_func)
        yield


def play(rows, enter, leave=(), *, measure=(), **rules):
    """Run candles given as (open, high, low, close); signals at the closes numbered in `enter` and `leave`."""
    columns = [np.array(column, dtype=float) for column in zip(*rows, strict=True)]
    entry, exit_ = (np.isin(np.arange(len(rows)), list(numbers)) for numbers in (enter, leave))
    equity, trades = np.empty(len(rows)), np.empty((len(rows), COLUMNS))
    if not {"share", "quote", "risk"} & rules.keys():
        rules["share"] = 1.0
    given = Rules(capital=1000.0, **rules)
    words = kernel.words_of(entry), kernel.words_of(exit_)
    inputs = (*columns, entry, exit_, *words, np.array(measure, dtype=float), given)
    totals = kernel.run(*inputs, equity, trades)
    plain_equity, plain_trades = np.empty(len(rows)), np.empty((len(rows), COLUMNS))
    with plain():
        assert kernel.run.py_func(*inputs, plain_equity, plain_trades) == totals  # compiled or not: to the last bit
    np.testing.assert_array_equal(plain_equity, equity)
    np.testing.assert_array_equal(plain_trades[: totals.closed], trades[: totals.closed])
    found = trades[: totals.closed]
    return [(int(row[0]), int(row[1]), row[2], row[3], row[4], REASONS[row[7]]) for row in found.tolist()], equity, totals


FLAT = (100, 100, 100, 100)


def test_a_trailing_stop_follows_the_highest_price_of_candles_before():
    """Bought at 100; the high of 120 moves the stop of 10 % to 108 for the next candle, not for its own low of 100."""
    trades, equity, _ = play([FLAT, (100, 120, 100, 118), (118, 119, 107, 110)], [0], trailing=0.1)
    assert trades == [(1, 2, 100.0, 108.0, 10.0, "TrailingStop")]
    assert equity.tolist() == [1000.0, 1180.0, 1080.0]


def test_the_higher_of_two_stops_acts_and_names_itself():
    """A stop of 5 % at 95 stands above a trailing one of 10 % at 90 while the price has not risen."""
    trades, _, _ = play([FLAT, (100, 100, 94, 96)], [0], stop=0.05, trailing=0.1)
    assert trades == [(1, 1, 100.0, 95.0, 10.0, "StopLoss")]


def test_the_longest_stay_counts_the_entry_candle():
    """Two candles in the trade: bought at the open of 1, decided at the close of 2, sold at the open of 3."""
    trades, _, _ = play([FLAT, FLAT, FLAT, (103, 103, 103, 103)], [0], longest=2)
    assert trades == [(1, 3, 100.0, 103.0, 10.0, "MaxCandles")]


def test_after_a_trade_no_entry_is_decided_until_the_cooldown_is_over():
    """Stopped out in candle 1; after 3 candles of rest the next entry is decided at the close of 4, filled at the open of 5."""
    rows = [FLAT, (100, 100, 80, 100), FLAT, FLAT, FLAT, FLAT, (100, 100, 80, 100)]
    trades, _, _ = play(rows, range(7), stop=0.1, cooldown=3)
    assert [(entered, left) for entered, left, *_ in trades] == [(1, 1), (5, 6)]
    eager, _, _ = play(rows, range(7), stop=0.1)
    assert [(entered, left) for entered, left, *_ in eager] == [(1, 1), (2, 6)]


def test_a_ladder_buys_more_on_the_way_down():
    """100 quote at 100, 200 at 90, 400 at 80: 1 + 2.2222 + 5 = 8.2222 for 700, 85.135 each; sold at 90 for 740."""
    rows = [FLAT, (100, 100, 85, 88), (88, 88, 75, 85), (90, 90, 90, 90), (90, 90, 90, 90)]
    trades, equity, totals = play(rows, [0], [2], quote=100.0, steps=2, spacing=0.1, factor=2.0)
    assert len(trades) == 1
    entered, left, average, sold, amount, reason = trades[0]
    assert (entered, left, sold, reason) == (1, 3, 90.0, "Exit")
    assert amount == pytest.approx(1 + 200 / 90 + 400 / 80)
    assert average == pytest.approx(700 / amount)
    assert equity[-1] == pytest.approx(1000 - 700 + amount * 90)
    assert totals.turnover == pytest.approx(700 + amount * 90)


def test_steps_of_a_ladder_follow_what_the_first_buy_spent():
    """150 buy one whole unit at 100, so the step spends twice 100: two units at 90, not the three that twice 150 would buy."""
    rows = [FLAT, (100, 100, 85, 88), FLAT, FLAT]
    trades, _, _ = play(rows, [0], [2], quote=150.0, steps=1, spacing=0.1, factor=2.0, amount_step=1.0)
    assert trades[0][4] == 1 + 2


def test_a_gap_below_a_step_buys_at_the_open():
    """A limit order never pays more than the market: the step waits at 90, the candle opens at 85."""
    trades, _, _ = play([FLAT, FLAT, (85, 85, 85, 85), FLAT], [0], [2], quote=100.0, steps=1, spacing=0.1)
    assert trades[0][4] == pytest.approx(1 + 100 / 85)


def test_a_ladder_stops_at_its_cap_and_at_its_steps():
    """A cap of 25 % of 1000 leaves 50 for the third buy of 100."""
    rows = [FLAT, (100, 100, 50, 50), (50, 50, 50, 50), (50, 50, 50, 50)]
    trades, _, _ = play(rows, [0], [2], quote=100.0, steps=5, spacing=0.05, cap=0.25)
    assert trades[0][4] == pytest.approx(1 + 100 / 95 + 50 / 90)
    trades, _, _ = play(rows, [0], [2], quote=100.0, steps=1, spacing=0.05)
    assert trades[0][4] == pytest.approx(1 + 100 / 95)


def test_steps_below_the_stop_are_never_bought():
    """The stop of 8 % at 92 comes before the step at 90; the step at 95 comes before the stop, which then stands at 89.6."""
    trades, _, _ = play([FLAT, (100, 100, 85, 90)], [0], quote=100.0, steps=1, spacing=0.1, stop=0.08)
    assert trades[0][3:] == (92.0, 1.0, "StopLoss")
    trades, _, _ = play([FLAT, (100, 100, 85, 90)], [0], quote=100.0, steps=1, spacing=0.05, stop=0.08)
    assert trades[0][3] == pytest.approx(200 / (1 + 100 / 95) * 0.92)


def test_no_target_is_taken_in_a_candle_that_filled_a_step():
    """Whether high or low came first is unknown: the worse is assumed."""
    rows = [FLAT, (100, 110, 90, 100), (100, 100, 100, 100)]
    trades, _, _ = play(rows, [0], quote=100.0, steps=1, spacing=0.1, target=0.05)
    assert trades[0][:2] == (1, 2)


def test_a_step_of_a_ladder_rests_and_pays_the_makers_fee():
    """100 at 100 with a fee of 1 % buy 0.990099; 100 at 90 with one of 0.5 % buy 100 / 90.45; the sale pays 1 % again."""
    rows = [FLAT, (100, 100, 85, 88), FLAT, FLAT]
    trades, _, totals = play(rows, [0], [2], quote=100.0, steps=1, spacing=0.1, fee=0.01, maker=0.005)
    first, second = 100 / 101, 100 / 90.45
    assert trades[0][4] == pytest.approx(first + second)
    assert totals.fees == pytest.approx(first + second * 90 * 0.005 + (first + second) * 100 * 0.01)


def test_amounts_are_whole_steps_of_the_market():
    """1000 buy 3.33 at 300: 3 in steps of 1, 3.3 in steps of 0.1; the rest stays cash."""
    rows = [(300, 300, 300, 300)] * 3
    for step, amount in ((1.0, 3.0), (0.1, 3.3), (0.0, 1000 / 300)):
        trades, equity, _ = play(rows, [0], [1], amount_step=step)
        assert trades[0][4] == pytest.approx(amount, rel=1e-15)
        assert equity[-1] == pytest.approx(1000)
    assert 3 * 0.1 == play([FLAT] * 3, [0], [1], quote=30.0, amount_step=0.1)[0][0][4]  # not 0.2: 0.3 / 0.1 is below 3


def test_an_order_below_the_least_is_not_sent_and_the_next_close_decides_again():
    """40 of quote are below 50: nothing is bought at 1 or 2; a step of a ladder likewise."""
    trades, equity, totals = play([FLAT] * 4, range(4), quote=40.0, min_notional=50.0)
    assert ([], [1000.0] * 4, 0.0) == (trades, equity.tolist(), totals.amount)
    rows = [FLAT, (100, 100, 85, 88), FLAT, FLAT]
    trades, _, _ = play(rows, [0], [2], quote=60.0, steps=1, spacing=0.1, factor=0.5, min_notional=50.0)
    assert trades[0][4] == pytest.approx(0.6)
    half = play([(100, 100, 100, 100), (300, 300, 300, 300), FLAT, FLAT], range(3), [], quote=250.0, amount_step=1.0)
    assert half[2].amount == 2.0  # none of 300 can be bought for 250; at the close of that candle it is decided again


def test_risk_sizes_an_entry_by_how_much_the_price_moves():
    """1 % of 1000 for a fall of 4: 2.5 units, bought at 100; a measure of 0.5 would want 2000 and gets the cash."""
    trades, _, _ = play([FLAT, FLAT, FLAT], [0], [1], risk=0.01, measure=[4, 4, 4])
    assert trades[0][4] == pytest.approx(2.5)
    trades, _, _ = play([FLAT, FLAT, FLAT], [0], [1], risk=0.01, measure=[0.5, 1, 1])
    assert trades[0][4] == pytest.approx(10.0)


@pytest.mark.parametrize("unknown", [np.nan, 0.0])
def test_without_a_measure_nothing_is_bought(unknown):
    """NaN and nothing are no volatility to scale by."""
    trades, equity, totals = play([FLAT, FLAT], [0], risk=0.01, measure=[unknown, 1])
    assert ([], 1000.0, 0.0) == (trades, equity[-1], totals.amount)


def test_moments_of_a_curve():
    """100, 110, 99, 99, 108.9, 121: returns 10 %, -10 %, 0, 10 %, 11.11 %; down 10 %, and 4 candles from 110 to 121."""
    sums, squares = np.empty(5), np.empty(5)
    curve = np.array([100, 110, 99, 99, 108.9, 121.0])
    found = measures.moments(curve, sums, squares, NO_TRADES)
    with plain():
        assert found == measures.moments(curve, np.empty(5), np.empty(5), NO_TRADES)
    returns = np.array([0.1, -0.1, 0.0, 0.1, 1 / 9])
    np.testing.assert_allclose(sums, returns, atol=1e-12)
    np.testing.assert_allclose(squares, returns**2, atol=1e-12)
    assert found.mean == pytest.approx(returns.mean())
    assert found.deviation == pytest.approx(returns.std(ddof=1))
    assert found.downside == pytest.approx(np.sqrt(0.01 / 5))
    assert (found.drawdown, found.longest) == (pytest.approx(0.1), 4)


def test_a_long_curve_is_measured_as_numpy_measures_it():
    """Over several stretches of the processor's cache and a rest: mean, deviations and drawdown of 5,003 closes."""
    curve = 1000 * np.exp(np.cumsum(np.random.default_rng(3).normal(0, 0.01, 5003)))
    returns, peak = curve[1:] / curve[:-1] - 1, np.maximum.accumulate(curve)
    for how, blocks in ((nullcontext, 16), (plain, 3)):
        with how():
            found = measures.moments(curve, np.empty(blocks), np.empty(blocks), NO_TRADES)
            single = measures.moments(curve[:1], np.empty(1), np.empty(1), NO_TRADES)
        assert found.mean == pytest.approx(returns.mean())
        assert found.deviation == pytest.approx(returns.std(ddof=1))
        assert found.downside == pytest.approx(np.sqrt(np.mean(np.minimum(returns, 0) ** 2)))
        assert found.drawdown == (1 - curve / peak).max()
        assert single == (0, 0.0, 0.0, 0.0, 0.0, 0)


def test_the_losses_of_a_fall_are_counted_to_the_end():
    """100, 90, 95: three candles long is no drawdown that ends; it lasts 2, and its depth is 10 %."""
    with plain():
        found = measures.moments(np.array([100.0, 90.0, 95.0]), np.empty(1), np.empty(1), NO_TRADES)
    assert (2, pytest.approx(0.1)) == (found.longest, found.drawdown)


@pytest.mark.parametrize("target", [0.0, 0.05])
def test_what_is_held_to_the_end_is_worth_the_last_close(target):
    """Never left: 10 at 100, over more candles than are looked at together; and a late entry that is left."""
    rows = [FLAT] * 20 + [(104, 104, 104, 104)]
    trades, equity, totals = play(rows, [0], [], target=target)
    assert ([], 1040.0, 10.0, 20) == (trades, equity[-1], totals.amount, totals.in_market)
    late, _, _ = play(rows, [17], [18], target=target)
    assert [(18, 19)] == [(entered, left) for entered, left, *_ in late]


@pytest.mark.parametrize("size", [5, 8, 16, 61])
def test_the_next_flag_is_the_first_one_from_there_on(size):
    """From every place, in whole words and in the rest: as a plain search finds it."""
    for seed in range(20):
        flags = np.random.default_rng(seed).random(size) < 0.2
        words = kernel.words_of(flags)
        for start in range(size + 3):
            expected = next((place for place in range(start, size) if flags[place]), max(size, start))
            for find in (kernel._next, kernel._next.py_func):
                assert expected == find(flags, words, start)


@pytest.mark.parametrize("deciding", [0.002, 0.02, 0.3])
def test_a_curve_that_is_level_between_trades_is_measured_alike(deciding):
    """Told where something was held or not: the same sums in each stretch of time, the same drawdown, to rounding."""
    random = np.random.default_rng(5)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.01, 3000)))
    entry, exit_ = random.random(3000) < deciding, random.random(3000) < deciding
    words = kernel.words_of(entry), kernel.words_of(exit_)
    equity, trades = np.empty(3000), np.empty((3000, COLUMNS))
    for target in (0.0, 0.02):
        rules = Rules(capital=1000.0, share=0.5, fee=0.001, stop=target, target=target)
        totals = kernel.run(*[close] * 4, entry, exit_, *words, np.empty(0), rules, equity, trades)
        told, all_of_it = (np.empty((2, 16)) for _ in range(2))
        found = measures.moments(equity, *told, trades[: totals.closed])
        whole = measures.moments(equity, *all_of_it, NO_TRADES)
        np.testing.assert_allclose(told, all_of_it, rtol=1e-9, atol=1e-12)
        with plain():
            assert found == measures.moments(equity, *told, trades[: totals.closed])
        assert (whole.drawdown, whole.longest) == (found.drawdown, found.longest)
        assert (found.mean, found.deviation) == (pytest.approx(whole.mean, abs=1e-15), pytest.approx(whole.deviation))


@pytest.mark.parametrize(
    ("column", "value"),
    [(1, np.nan), (2, 99.0), (2, np.inf), (3, 101.0), (3, 0.0), (4, -1.0), (5, -1.0), (5, np.nan), (5, np.inf)],
)
def test_a_row_that_is_no_candle_is_seen(column, value):
    """Each rule of `check_candles` for prices and volume, in one pass."""
    columns = [np.arange(5) * 60_000, *(np.full(5, 100.0) for _ in range(4)), np.ones(5)]
    for look in (compiled.fit, compiled.fit.py_func):
        assert look(*columns[1:])
    columns[column][3] = value
    for look in (compiled.fit, compiled.fit.py_func):
        assert not look(*columns[1:])


def test_the_distances_of_open_times_are_told():
    """A minute, and two where a candle is missing."""
    times = np.array([0, 60_000, 120_000, 240_000])
    for look in (compiled.distances, compiled.distances.py_func):
        assert (60_000, 120_000) == look(times)
