"""A bot's signals: what the back-test says, whatever windows it looks through, and however the exchange changes its mind."""

import numpy as np
import pytest
from documents import random_candles, random_document

from tradewind_api.document.resolve import template
from tradewind_api.document.validation import lookback_of
from tradewind_engine.candles import Candles
from tradewind_engine.strategy import follow
from tradewind_engine.strategy.evaluate import evaluate
from tradewind_engine.strategy.follow import Follower
from tradewind_engine.strategy.stepper import Stepper

DOCUMENT = template("sma-crossover")
HISTORY = random_candles(3, 400)


def same(expected, found, rows):
    """Both say the same at the last `rows` closes."""
    np.testing.assert_array_equal(expected.entry[-rows:], found.entry[-rows:])
    np.testing.assert_array_equal(expected.exit[-rows:], found.exit[-rows:])
    for name, values in expected.series.items():
        np.testing.assert_allclose(found.series[name][-rows:], values[-rows:], rtol=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_windows_that_move_on_say_what_history_says(seed):
    """By one candle, by several, by none: each window's rows are those of the whole, from the lookback on."""
    document = random_document(seed, longest=300)
    history, need = random_candles(seed, 600), lookback_of(document)
    whole, follower = evaluate(document, history), Follower(document)
    for stop in (need + 5, need + 6, need + 6, need + 20, need + 21, 590):
        window = history[max(0, stop - need - 30) : stop]
        found = follower.signals(window)
        assert len(window) == found.entry.size
        assert (whole.entry[stop - 1], whole.exit[stop - 1]) == (found.entry[-1], found.exit[-1])


@pytest.mark.parametrize("steps", [1, 7, 400])
def test_a_window_that_moves_on_keeps_what_was_said(steps):
    """60 candles that move on over 1,000: each row is what was said when its candle was taken in; no other comes with it."""
    document, history = random_document(4, longest=20), random_candles(4, 1000)
    whole, follower = Stepper(document).feed(history), Follower(document)
    follower.signals(history[:60])
    kept = []
    for stop in range(60 + steps, 1000, steps):
        start = max(0, stop - max(60, steps + 1))
        found = follower.signals(history[start:stop])
        kept.append((start, stop, found))
    for start, stop, found in kept:  # and stays so, whatever was said later
        np.testing.assert_array_equal(whole.entry[start:stop], found.entry)
        np.testing.assert_array_equal(whole.exit[start:stop], found.exit)
        for name, values in whole.series.items():
            np.testing.assert_array_equal(values[start:stop], found.series[name], err_msg=name)


def test_a_candle_is_taken_in_once(monkeypatch):
    """Looked at three times and then with one more: 100, 0, 0 and 1 candles are taken in."""
    taken = []
    rows = follow.Stepper.rows
    monkeypatch.setattr(follow.Stepper, "rows", lambda self, candles: taken.append(len(candles)) or rows(self, candles))
    follower = Follower(DOCUMENT)
    for stop in (100, 100, 100, 101):
        follower.signals(HISTORY[:stop])
    assert [100, 0, 0, 1] == taken


def test_a_revised_candle_makes_the_state_anew():
    """The exchange says another close for candle 90: from then on the signals are those of the revised history."""
    follower = Follower(DOCUMENT)
    follower.signals(HISTORY[:100])
    close, high = HISTORY.close.copy(), HISTORY.high.copy()
    close[90] = high[90] = high[90] * 1.2
    revised = Candles(HISTORY.ts, HISTORY.open, high, HISTORY.low, close, HISTORY.volume)
    same(evaluate(DOCUMENT, revised[:101]), follower.signals(revised[:101]), 50)


def test_candles_that_come_late_and_windows_that_go_back_make_the_state_anew():
    """Candle 95 was missing and is there now; a shorter window; one far later."""
    follower = Follower(DOCUMENT)
    follower.signals(Candles(*(np.delete(column, 95) for column in HISTORY[:100].columns())))
    for window in (HISTORY[:101], HISTORY[:98], HISTORY[200:300], HISTORY[:0]):
        same(evaluate(DOCUMENT, window), follower.signals(window), 50)


def test_a_window_without_news_leaves_conditions_what_they_are():
    """True and False, not one and nought, in what is written down of a decision."""
    document = template("momentum")
    candles = random_candles(3, 60)
    follower = Follower(document)
    first = follower.signals(candles[:50]).series["strong"].dtype
    again = follower.signals(candles[:50]).series["strong"].dtype
    assert (np.bool_, np.bool_) == (first, again)
