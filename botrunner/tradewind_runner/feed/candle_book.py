"""One symbol's candles, from the messages of a stream and the answers of REST. Pure: it is told every time, it has no clock.

A candle is closed when the exchange says so, never because some clock does: by the stream's own word, by an answer that was
asked for after its close, or, where a stream has no such word, by the candle after it. What may have been lost between two
messages is doubt, and doubt ends only with an answer of REST. Refused are rows that cannot be candles, rows of the future and
prices outside the band around the last one, however often they come: a price that moved so far is one when REST says it too.
Missing candles stay missing.
"""

import math
from bisect import bisect_left
from typing import Literal, NamedTuple

import numpy as np

from tradewind_engine.candles import MOST_PRICE, MOST_VOLUME, Candles, Floats

Kind = Literal["Impossible", "Future", "Absurd", "Gap", "Revised"]


class Row(NamedTuple):
    """A candle as it is sent: open time in UTC ms, prices in quote, volume in base."""

    ts: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class Note(NamedTuple):
    """Something about the data that a person may want to know."""

    kind: Kind
    text: str


class Window(NamedTuple):
    """Candles up to the newest; the first `closed` of them are closed, at most one more is not."""

    candles: Candles
    closed: int

    @property
    def closed_candles(self) -> Candles:
        """Those that are closed."""
        return self.candles if self.closed == len(self.candles) else self.candles[: self.closed]


class CandleBook:
    """`final_words`: the stream says when a candle is final; without it the next candle closes the one before."""

    def __init__(self, symbol: str, length_ms: int, *, keep: int, final_words: bool, band_percent: float = 20.0) -> None:
        self.symbol, self.length_ms = symbol, length_ms
        self.doubt = "nothing is known yet"
        self.closed_ms = -1  # open time of the newest closed candle
        self._keep, self._final_words, self._band = keep, final_words, band_percent / 100.0
        self._rows: list[Row] = []
        self._whole_from = -1  # all that the exchange has from here on is here
        self._told: tuple[list[Row], Floats] = [], np.empty((6, 0))  # the rows of the last window, and their columns
        self._contested = False  # a price was refused, and REST has not answered since

    @property
    def newest(self) -> Row | None:
        """The newest row, closed or not."""
        return self._rows[-1] if self._rows else None

    @property
    def confirmed(self) -> bool:
        """Whether REST has answered once: a first price by the stream alone has nothing that it could be compared with."""
        return self._whole_from >= 0

    def lost(self, why: str) -> None:
        """Take note that messages may have been missed: nothing counts as closed any more until REST has answered."""
        self.doubt = self.doubt or why

    def offer(self, row: Row, *, at_ms: float, final: bool = False) -> list[Note]:
        """Take a message that came at `at_ms`, exchange time. `final`: the exchange says that this candle has ended."""
        refused = self._refusal(row, at_ms)
        if refused is not None:
            self.lost(refused.text)
            self._contested = self._contested or refused.kind == "Absurd"
            return [refused]
        newest = self.newest
        if newest is not None and row.ts <= self.closed_ms:
            late = self._final_words and not final  # from before the word that it has ended, by a slower socket
            return [] if late else self._revise(row)
        notes: list[Note] = []
        if newest is not None and row.ts > newest.ts:
            if row.ts > newest.ts + self.length_ms:
                missing = (row.ts - newest.ts) // self.length_ms - 1
                notes.append(Note("Gap", f"{self.symbol}: {missing} candles are missing before {row.ts}"))
                self.lost(notes[-1].text)
            elif newest.ts > self.closed_ms and self._final_words:
                self.lost(f"{self.symbol}: the end of candle {newest.ts} was not seen")
            if not self.doubt:
                self._close(newest.ts)
        self._put(row)
        if final:
            self._close(row.ts)
        return notes

    def resync(self, candles: Candles, *, asked_ms: float, grace_ms: float = 0.0) -> list[Note]:
        """Take an answer of REST: all there is from its first candle on, asked for at `asked_ms`, exchange time.

        The newest candle counts as closed `grace_ms` after its end, because our idea of the exchange's time is not exact.
        """
        if not len(candles):
            return []
        answered = [
            Row(int(ts), *prices) for ts, *prices in zip(*(column.tolist() for column in candles.columns()), strict=True)
        ]
        answered = [row for row in answered if row.ts <= asked_ms + self.length_ms]
        first, last = answered[0].ts, answered[-1].ts
        known = {row.ts: row for row in self._rows if row.ts <= self.closed_ms}
        if last + self.length_ms > asked_ms and self.confirmed:  # it was running yet: the stream is ahead of the answer
            running = {} if self._contested else {row.ts: row for row in self._rows[-1:]}
            answered[-1] = known.get(last) or running.get(last) or answered[-1]
        notes = [self._revised(known[row.ts], row) for row in answered if known.get(row.ts, row) != row]
        joined = bool(self._rows) and 0 <= self._whole_from <= first <= self._rows[-1].ts
        before = [row for row in self._rows if row.ts < first] if joined else []
        newer = [row for row in self._rows if row.ts > last and self.confirmed]
        self._contested = False
        self._rows = (before + answered + newer)[-self._keep :]
        self._whole_from = (
            self._rows[0].ts if len(before) + len(answered) + len(newer) > self._keep or not joined else self._whole_from
        )
        self.closed_ms = max([self.closed_ms, *(row.ts for row in answered[:-1])])
        if last + self.length_ms + grace_ms <= asked_ms:
            self.closed_ms = max(self.closed_ms, last)
        self.doubt = ""
        return notes

    def window(self, first_ms: int, lookback: int, *, short: bool = False) -> Window | None:
        """Return `lookback` candles before `first_ms` and all after; None where it is not closed or REST must be asked first.

        `short`: fewer will do, because REST was asked and has no more.
        """
        start = bisect_left(self._rows, first_ms, key=lambda row: row.ts) - lookback
        if self.doubt or (start < 0 and not short) or first_ms > self.closed_ms:
            return None
        rows = self._rows[max(0, start) :]
        ts, *prices = self._columns(rows)
        return Window(Candles(ts.astype(np.int64), *prices), len(rows) - (rows[-1].ts > self.closed_ms))

    def overdue(self, now_ms: float, grace_ms: float) -> bool:
        """Return whether a candle must have closed by now, and a little, of which the stream has not said so."""
        return (int(now_ms - grace_ms) // self.length_ms - 1) * self.length_ms > self.closed_ms

    def _columns(self, rows: list[Row]) -> Floats:
        """Return rows as columns, shape (6, n), made anew of those only that the last window had not or has otherwise.

        It differs by a candle or two, and to convert 5,000 takes six times as long as a decision may.
        """
        known, columns = self._told
        start = bisect_left(known, rows[0].ts, key=lambda row: row.ts)
        same = min(len(known) - start, len(rows))
        if same and known[start + same - 1] != rows[same - 1]:
            same -= 1  # it was running
        if known[start : start + same] != rows[:same]:
            same = 0
        newer = np.array(rows[same:], dtype=np.float64).reshape(-1, 6)
        columns = np.concatenate([columns[:, start : start + same], newer.T], axis=1)
        self._told = rows, columns
        return columns

    def _refusal(self, row: Row, at_ms: float) -> Note | None:
        numbers = row[1:]
        possible = all(map(math.isfinite, numbers)) and row.low > 0 and row.high < MOST_PRICE and 0 <= row.volume < MOST_VOLUME
        if not possible or row.high < max(row.open, row.close) or row.low > min(row.open, row.close) or row.ts % self.length_ms:
            return Note("Impossible", f"{self.symbol}: no candle can be {row}")
        if row.ts > at_ms + self.length_ms:
            return Note("Future", f"{self.symbol}: candle {row.ts} is of the future, it is {at_ms:.0f}")
        newest = self.newest
        if newest is not None and self.confirmed:
            low, high = newest.close * (1 - self._band), newest.close * (1 + self._band)
            if (
                not low <= row.close <= high
                or (row.low < low and row.low < newest.low)
                or (row.high > high and row.high > newest.high)
            ):
                return Note("Absurd", f"{self.symbol}: {row.close} after {newest.close} is outside the band")
        return None

    def _revise(self, row: Row) -> list[Note]:
        at = bisect_left(self._rows, row.ts, key=lambda known: known.ts)
        if at == len(self._rows) or self._rows[at].ts != row.ts or self._rows[at] == row:
            return []
        note = self._revised(self._rows[at], row)
        self._rows[at] = row
        return [note]

    def _revised(self, was: Row, now: Row) -> Note:
        return Note("Revised", f"{self.symbol}: candle {was.ts} was {was[1:]} and is {now[1:]}; what was decided on it stands")

    def _close(self, ts: int) -> None:
        self.closed_ms = max(self.closed_ms, ts)

    def _put(self, row: Row) -> None:
        if self._rows and self._rows[-1].ts == row.ts:
            self._rows[-1] = row
        elif not self._rows or self._rows[-1].ts < row.ts:
            self._rows.append(row)
            if len(self._rows) > self._keep:
                del self._rows[0]
                self._whole_from = self._rows[0].ts
