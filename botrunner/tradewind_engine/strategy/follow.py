"""The signals of a running bot: each closed candle is taken in once, however often the window of candles is looked at.

What was taken in is compared with what the window says now. Where an exchange has revised a candle, or some that were missing
have come, the state is made anew from the window, as after a start: a window of `lookback` candles says what history says.
"""

from typing import Any

import numpy as np

from tradewind_api.document.model import StrategyDocument
from tradewind_engine.candles import Candles
from tradewind_engine.strategy.evaluate import Signals
from tradewind_engine.strategy.stepper import Stepper


class Follower:
    """A valid document that follows one symbol's candles."""

    def __init__(self, document: StrategyDocument) -> None:
        self._document = document
        self._stepper = Stepper(document)
        self._seen: Candles | None = None
        self._said: Signals | None = None

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
            self._stepper = Stepper(self._document)
            self._said = None
        said = self._stepper.feed(window[known:])
        if self._said is not None:
            said = _joined(self._said, said, len(window))
        self._seen, self._said = window, said
        return said

    def _known(self, window: Candles) -> int:
        """Return how many of the window's candles have been taken in as they are; 0 where the state must be made anew."""
        if self._seen is None or not len(window):
            return 0
        start = int(np.searchsorted(self._seen.ts, window.ts[0]))
        before = self._seen[start:]
        count = len(before)
        same = all(np.array_equal(a, b[:count]) for a, b in zip(before.columns(), window.columns(), strict=True))
        return count if same else 0


def _joined(first: Signals, then: Signals, count: int) -> Signals:
    """Return the last `count` rows of both, one after the other."""

    def both(a: Any, b: Any) -> Any:
        return (np.concatenate([a, b]) if len(b) else a)[-count:]  # nothing is no number: conditions would become some

    series = {name: both(values, then.series[name]) for name, values in first.series.items()}
    return Signals(both(first.entry, then.entry), both(first.exit, then.exit), series)
