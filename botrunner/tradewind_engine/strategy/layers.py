"""Candles of a document's timeframes, and what a longer one's newest closed candle says at a shorter one's close.

Whole candles only: one that has not closed is not seen, so a longer timeframe cannot look ahead either.
"""

from typing import Any

import numpy as np

from tradewind_api.document.model import TIMEFRAME_MS, StrategyDocument
from tradewind_api.operations import PRICES
from tradewind_engine.candles import Candles, Integers
from tradewind_engine.resampling import resample


class Grid:
    """One symbol's candles in each timeframe of a document; the same for every evaluation, whatever its parameters."""

    def __init__(self, document: StrategyDocument, candles: Candles) -> None:
        self.own: str = document.timeframe
        longer = {node.timeframe for node in document.nodes if node.timeframe} - {self.own}
        self.candles: dict[str, Candles] = {self.own: candles}
        self.candles |= {name: resample(candles, self.own, name) for name in sorted(longer)}
        self._places: dict[tuple[str, str], Integers] = {}

    def aligned(self, values: Any, source: str, target: str) -> Any:
        """Return a series of timeframe `source` as seen at the closes of `target`; unknown before its first candle closed."""
        place = self._place(source, target)
        if not values.size:
            return np.full(place.size, np.False_ if values.dtype == np.bool_ else np.nan)
        found = values[np.maximum(place, 0)]
        found[place < 0] = False if values.dtype == np.bool_ else np.nan
        return found

    def _place(self, source: str, target: str) -> Integers:
        """Return the row of the last `source` candle that had closed at each `target` close, -1 where none had."""
        if (source, target) not in self._places:
            closes = [self.candles[name].ts + TIMEFRAME_MS[name] for name in (source, target)]
            self._places[source, target] = np.searchsorted(closes[0], closes[1], side="right").astype(np.int64) - 1
        return self._places[source, target]


class Layers:
    """The series of one evaluation, by reference, each in its own timeframe."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self._series: dict[str, tuple[str, Any]] = {}
        self._seen: dict[tuple[str, str], Any] = {}

    def put(self, name: str, timeframe: str, values: Any) -> None:
        """Keep a series of `timeframe`."""
        self._series[name] = timeframe, values

    def show(self, name: str, timeframe: str, values: Any) -> None:
        """Keep how a series of another timeframe is seen at the closes of `timeframe`."""
        self._seen[name, timeframe] = values

    def at(self, reference: str, timeframe: str) -> Any:
        """Return what is known of a price or a series at the closes of `timeframe`, shape (n,)."""
        if reference in PRICES:
            return getattr(self.grid.candles[timeframe], reference)
        home, values = self._series[reference]
        if home == timeframe:
            return values
        if (reference, timeframe) not in self._seen:
            self._seen[reference, timeframe] = self.grid.aligned(values, home, timeframe)
        return self._seen[reference, timeframe]

    def own(self, reference: str) -> Any:
        """Return what is known of a price or a series at the document's closes, shape (n,)."""
        return self.at(reference, self.grid.own)
