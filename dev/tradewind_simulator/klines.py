"""Klines as the exchange sends them: any interval, the one in progress last, twelve columns, prices as strings."""

import numpy as np

from tradewind_api.document.model import TIMEFRAME_MS
from tradewind_engine.candles import Candles, Floats, Integers
from tradewind_engine.resampling import merge
from tradewind_simulator.market.source import CandleSource

MOST, DEFAULT = 1000, 500


def klines(
    source: CandleSource, interval: str, *, now_ms: int, start_ms: int | None, end_ms: int | None, limit: int
) -> Candles:
    """Return at most `limit` candles of `interval` that open in [start_ms, end_ms].

    Without a start the newest ones, with a start the oldest from there on. The interval must be a multiple of the source's.
    """
    length = TIMEFRAME_MS[interval]
    now_open = now_ms // length * length
    end = now_open if end_ms is None else min(end_ms, now_open)
    if start_ms is None:
        start = max(end // length * length - (limit - 1) * length, source.first_ms() // length * length)
    else:
        start = max(-(-start_ms // length) * length, source.first_ms() // length * length)
    while start <= end:
        stop = min(start + limit * length, end // length * length + length)
        found = source.candles(start, stop, now_ms)
        if len(found):
            return merge(found, length)
        if start_ms is None:
            break
        start = stop  # a gap as long as the page: go on behind it, as the exchange does
    return source.candles(0, 0, now_ms)


def rows(candles: Candles, interval: str) -> list[list[int | str]]:
    """Return the twelve columns of the exchange's documentation."""
    length = TIMEFRAME_MS[interval]
    found: list[list[int | str]] = []
    columns = (*candles.columns(), trade_counts(candles.volume))
    for ts, open_, high, low, close, volume, count in zip(*(column.tolist() for column in columns), strict=True):
        quote = volume * close
        found.append(
            [
                ts,
                f"{open_:.8f}",
                f"{high:.8f}",
                f"{low:.8f}",
                f"{close:.8f}",
                f"{volume:.8f}",
                ts + length - 1,
                f"{quote:.8f}",
                count,
                f"{volume / 2:.8f}",
                f"{quote / 2:.8f}",
                "0",
            ]
        )
    return found


def trade_counts(volume: Floats) -> Integers:
    """Return how many trades a candle is said to be made of: as many as it has whole units, at least one."""
    return np.maximum(1, volume.astype(np.int64))
