"""When a candle counts as closed, what is refused, and what only REST can settle: on times that the test tells."""

import math
import random

import numpy as np
import pytest

from tradewind_engine.candles import Candles
from tradewind_runner.feed.candle_book import CandleBook, Row

MINUTE = 60_000
START = 1_700_000_040_000  # a whole minute


def row(minute, close=100.0, **changes):
    return Row(START + minute * MINUTE, 100.0, max(100.0, close), min(100.0, close), close, 1.0)._replace(**changes)


def candles(*rows):
    table = np.array(rows, dtype=np.float64)
    return Candles(table[:, 0].astype(np.int64), *(table[:, i] for i in range(1, 6)))


def at(minute):
    return START + minute * MINUTE


@pytest.fixture
def book():
    found = CandleBook("BTC/USDT", MINUTE, keep=50, final_words=True)
    assert [] == found.resync(candles(*(row(m) for m in range(10))), asked_ms=at(9.5))
    return found


def kinds(notes):
    return [note.kind for note in notes]


def test_an_answer_closes_what_had_ended_when_it_was_asked_for(book):
    """Asked in the middle of minute 9: minute 8 is the newest closed one, the unfinished one counts for nothing."""
    assert at(8) == book.closed_ms
    window = book.window(at(8), 5)
    assert [at(m) for m in range(3, 10)] == window.candles.ts.tolist()
    assert 6 == window.closed


def test_the_streams_word_closes_at_once(book):
    """Before it, no clock does."""
    assert [] == book.offer(row(9, 101.0), at_ms=at(10.5))
    assert at(8) == book.closed_ms
    assert [] == book.offer(row(9, 102.0), at_ms=at(10.0), final=True)
    assert at(9) == book.closed_ms
    assert 102.0 == book.window(at(9), 3).candles.close[-1]


def test_a_missed_word_is_doubt(book):
    """The next candle begins and nobody said that the one before had ended: its last change may be lost."""
    book.offer(row(10), at_ms=at(10.01))
    assert book.window(at(9), 3) is None
    assert "the end of candle" in book.doubt
    assert [] == book.resync(candles(row(8), row(9, 105.0), row(10)), asked_ms=at(10.02))
    assert 105.0 == book.window(at(9), 3).candles.close[-2]


def test_without_final_words_the_next_candle_closes_the_one_before():
    """So it is on exchanges whose candles do not say that they have ended."""
    book = CandleBook("BTC/USDT", MINUTE, keep=50, final_words=False)
    book.resync(candles(row(8), row(9)), asked_ms=at(9.5))
    book.offer(row(10), at_ms=at(10.01))
    assert "" == book.doubt
    assert at(9) == book.closed_ms


def test_missing_candles_are_asked_for_and_never_filled(book):
    """Minutes 10 to 12 did not come; REST says that there were none, and so they stay missing."""
    book.offer(row(9), at_ms=at(10), final=True)
    assert ["Gap"] == kinds(book.offer(row(13), at_ms=at(13.1)))
    assert book.window(at(9), 3) is None
    book.resync(candles(row(9), row(13)), asked_ms=at(14.1))
    assert [at(7), at(8), at(9), at(13)] == book.window(at(9), 2).candles.ts.tolist()


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        ({"close": math.nan}, "Impossible"),
        ({"high": math.inf}, "Impossible"),
        ({"high": 1e308}, "Impossible"),
        ({"volume": 1e308}, "Impossible"),
        ({"low": -1.0}, "Impossible"),
        ({"high": 99.0}, "Impossible"),
        ({"low": 101.0}, "Impossible"),
        ({"volume": -1.0}, "Impossible"),
        ({"ts": at(9) + 1}, "Impossible"),
        ({"ts": at(12)}, "Future"),
        ({"close": 1000.0, "high": 1000.0}, "Absurd"),
        ({"close": 10.0, "low": 10.0}, "Absurd"),
        ({"low": 10.0}, "Absurd"),
    ],
)
def test_what_cannot_be_is_refused_and_looked_up(book, bad, kind):
    """The row is as if it had never come, and REST is asked before anything counts again."""
    assert [kind] == kinds(book.offer(row(9)._replace(**bad), at_ms=at(9.6)))
    assert row(9) == book.newest
    assert book.window(at(8), 3) is None


def test_a_price_that_rest_confirms_is_a_price(book):
    """A market can fall by half; then the answer of REST says so too."""
    book.offer(row(9, 40.0), at_ms=at(9.6))
    book.resync(candles(row(8), row(9, 40.0), row(10, 40.0)), asked_ms=at(10.1))
    assert 40.0 == book.window(at(9), 3).candles.close[-1]


@pytest.mark.parametrize("absurd", [1000.0, 10.0])
def test_an_absurd_price_stays_refused_however_often_it_comes(book, absurd):
    """The first one is doubt; doubt is no reason to believe the second."""
    for _ in range(3):
        assert ["Absurd"] == kinds(book.offer(row(9, absurd), at_ms=at(9.6)))
    book.resync(candles(row(7), row(8), row(9)), asked_ms=at(9.7))
    assert ["Absurd"] == kinds(book.offer(row(9, absurd), at_ms=at(9.8)))
    assert row(9) == book.newest


def test_a_running_candle_that_rest_contradicts_is_as_rest_says(book):
    """A fall by half within a candle: the stream's last believed row is older than the answer."""
    book.offer(row(9, 50.0), at_ms=at(9.6))
    book.resync(candles(row(7), row(8), row(9, 51.0)), asked_ms=at(9.7))
    assert 51.0 == book.newest.close
    assert [] == kinds(book.offer(row(9, 50.0), at_ms=at(9.8)))


def test_a_revised_candle_is_told(book):
    """By the stream's word that it has ended, or by REST: the numbers are taken over, what was decided stands."""
    assert ["Revised"] == kinds(book.offer(row(8, 101.0), at_ms=at(9.6), final=True))
    assert [] == kinds(book.offer(row(8, 101.0), at_ms=at(9.6), final=True))
    assert ["Revised"] == kinds(book.resync(candles(row(7), row(8, 102.0), row(9)), asked_ms=at(9.7)))
    assert 102.0 == book.window(at(8), 3).candles.close[3]


def test_a_row_from_before_the_word_that_its_candle_has_ended_changes_nothing(book):
    """Two sockets may tell the same, one a little later: what a candle was while it ran is no revision of it."""
    assert [] == kinds(book.offer(row(8, 101.0), at_ms=at(9.6)))
    assert row(8).close == book.window(at(8), 3).candles.close[3]


def test_an_answer_from_before_the_word_that_its_candle_has_ended_changes_nothing(book):
    """REST was asked while minute 9 ran, and answered; by then the stream had told of its end, and of the next one."""
    book.offer(row(9, 103.0), at_ms=at(10.01), final=True)
    book.offer(row(10, 104.0), at_ms=at(10.02))
    assert [] == kinds(book.resync(candles(row(7), row(8), row(9, 101.0)), asked_ms=at(9.99)))
    assert [103.0, 104.0] == book.window(at(9), 3).candles.close[-2:].tolist()


def test_after_a_break_nothing_counts_until_rest_has_answered(book):
    """What the socket would have said is lost."""
    book.lost("the socket broke")
    book.offer(row(9), at_ms=at(10), final=True)
    assert book.window(at(9), 3) is None
    book.resync(candles(row(9), row(10)), asked_ms=at(10.1))
    assert 5 == len(book.window(at(9), 3).candles)


def test_an_answer_that_does_not_join_starts_anew(book):
    """Between minute 9 and minute 20 nobody knows; what is older is not history of what is newer."""
    book.resync(candles(row(20), row(21), row(22)), asked_ms=at(22.5))
    assert book.window(at(21), 2) is None
    assert 3 == len(book.window(at(21), 1).candles)


def test_the_stream_is_ahead_of_an_old_answer(book):
    """The running candle of the stream is newer than the answer that was asked for before it."""
    book.offer(row(9, 103.0), at_ms=at(9.7))
    book.resync(candles(row(8), row(9, 101.0)), asked_ms=at(9.6))
    assert 103.0 == book.newest.close


def test_a_silent_close_is_overdue(book):
    """Minute 9 ended at minute 10; two seconds later the stream should have said so."""
    assert not book.overdue(at(10) + 1_999, 2_000)
    assert book.overdue(at(10) + 2_000, 2_000)


def test_rows_are_bounded():
    """A year of minutes does not stay in memory."""
    book = CandleBook("BTC/USDT", MINUTE, keep=20, final_words=True)
    book.resync(candles(row(0)), asked_ms=at(1))
    for minute in range(1, 100):
        book.offer(row(minute), at_ms=at(minute + 1), final=True)
    assert 20 == len(book.window(at(99), 19).candles)
    assert book.window(at(99), 20) is None


@pytest.mark.parametrize("seed", range(5))
def test_each_window_is_what_was_said_last(book, seed):
    """Whatever came since the last one: more of the running candle, its end, another close of an old one; of any length."""
    chance, said, running = random.Random(seed), {m: row(m) for m in range(10)}, 9
    for _ in range(200):
        minute = chance.choice([running, running, chance.randrange(max(0, running - 20), running)])
        final = minute < running or chance.random() < 0.4
        said[minute] = row(minute, 100.0 + chance.randrange(10))
        assert {"Revised"} >= set(kinds(book.offer(said[minute], at_ms=at(minute + 1), final=final)))
        running += final and minute == running
        if chance.random() < 0.8:
            lookback = chance.randrange(1, 9)
            expected = candles(*(said[m] for m in sorted(said) if m >= running - 1 - lookback))
            window = book.window(at(running - 1), lookback)
            assert [column.tolist() for column in expected.columns()] == [c.tolist() for c in window.candles.columns()]
            assert window.closed == lookback + 1
