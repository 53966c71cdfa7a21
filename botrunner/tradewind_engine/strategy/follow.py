"""The signals of a running bot: each closed candle is taken in once, however often the window of candles is looked at.

What was taken in is compared with what the window says now. Where an exchange has revised a candle, or some that were missing
have come, the state is made anew from the window, as after a start: a window of `lookback` candles says what history says.
"""

from typing import Any

import numpy as np

from tradewind_api.document.model import StrategyDocument
from tradewind_engine.candles import Candles
from tradewind_engine.strategy.evaluate import Signals
from tradewind_engine.strategy.stepper import Said, Stepper

MORE = 256  # candles for which room is made at once


class Follower:
    """A valid document that follows one symbol's candles."""

    def __init__(self, document: StrategyDocument) -> None:
        self._document = document
        self._stepper = Stepper(document)
        self._seen: Candles | None = None
        self._said = _Rows()

    @property
    def nodes(self) -> int:
        """How many nodes each candle moves on."""
        return len(self._document.nodes)

    def behind(self, window: Candles) -> int:
        """Return how many candles of `window` have not been taken in as they are."""
        return len(window) - self._known(window)

    def signals(self, window: Candles) -> Signals:
        """Return what the document says at the closes of `window`, closed candles from the first that one decision needs."""
        known = self._known(window)
        if not known:
            self._stepper, self._said = Stepper(self._document), _Rows()
        self._seen = window
        return self._stepper.signals(self._said.add(self._stepper.rows(window[known:]), known))

    def _known(self, window: Candles) -> int:
        """Return how many of the window's candles have been taken in as they are; 0 where the state must be made anew."""
        if self._seen is None or not len(window):
            return 0
        start = int(self._seen.ts.searchsorted(window.ts[0]))
        count = len(self._seen) - start
        if count > len(window):
            return 0
        pairs = zip(self._seen.columns(), window.columns(), strict=True)
        return count if all((before[start:] == now[:count]).all() for before, now in pairs) else 0


class _Rows:
    """What was said at the last closes. Rows are added in place: a candle costs what one does, not what a window does."""

    def __init__(self) -> None:
        self._tables: list[Any] = []
        self._stop = 0

    def add(self, said: Said, known: int) -> Said:
        """Add rows, and return them after the last `known` of those before."""
        stop = self._stop + len(said.numbers)
        if not self._tables or stop > len(self._tables[0]):
            before = [table[self._stop - known : self._stop] for table in self._tables]
            self._stop, stop = known, known + len(said.numbers)
            self._tables = [np.empty((stop + MORE, table.shape[1]), table.dtype) for table in said]
            for table, rows in zip(self._tables, before, strict=False):  # not before the first rows
                table[:known] = rows
        for table, rows in zip(self._tables, said, strict=True):
            table[self._stop : stop] = rows
        first, self._stop = self._stop - known, stop
        return Said(*(table[first:stop] for table in self._tables))
