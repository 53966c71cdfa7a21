"""Timeframes: their length, and how many of them a year has. Crypto trades every day of it."""

import numpy as np

from tradewind_api.document.model import TIMEFRAME_MS
from tradewind_engine.candles import CandleError, Integers

YEAR_MS = 365 * 86_400_000


def timeframe_ms(timeframe: str) -> int:
    """Return the length of `timeframe` in milliseconds. Raises CandleError for one that is not known."""
    try:
        return TIMEFRAME_MS[timeframe]
    except KeyError:
        raise CandleError(f"unknown timeframe {timeframe!r}; there are {', '.join(TIMEFRAME_MS)}") from None


def periods_per_year(timeframe: str) -> float:
    """Return how many candles of `timeframe` 365 days have."""
    return YEAR_MS / timeframe_ms(timeframe)


def infer_timeframe(ts: Integers) -> str:
    """Return the timeframe of ascending open times: their smallest distance, which all others must be multiples of.

    Raises:
        CandleError: If there are fewer than two, or the distance is no timeframe, or they do not lie on one grid.
    """
    if ts.size < 2:
        raise CandleError("a timeframe cannot be told from fewer than two candles")
    steps = np.diff(ts)
    step = int(steps.min())
    name = next((name for name, length in TIMEFRAME_MS.items() if length == step), None)
    if name is None:
        raise CandleError(f"candles are {step} ms apart, which is no timeframe; there are {', '.join(TIMEFRAME_MS)}")
    if steps.max() == step:
        return name
    odd = np.flatnonzero(steps % step)
    if odd.size:
        row = int(odd[0]) + 1
        raise CandleError(f"row {row + 1}: ts {int(ts[row])} is not on the grid of {name} candles")
    return name
