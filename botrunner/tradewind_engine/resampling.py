"""Candles of a longer timeframe from those of a shorter one. Whole candles only: an unfinished one would look ahead."""

import numpy as np

from tradewind_engine.candles import CandleError, Candles
from tradewind_engine.timeframes import timeframe_ms


def resample(candles: Candles, source: str, target: str) -> Candles:
    """Return `candles` of timeframe `source` as candles of timeframe `target`.

    The first and the last candle are left out unless the source covers them from open to close. Missing source candles
    inside are what the market did: a candle is made of those that are there, none where none is.

    Raises:
        CandleError: If `target` is not a whole multiple of `source`.
    """
    short, long = timeframe_ms(source), timeframe_ms(target)
    if long % short:
        raise CandleError(f"{target} candles cannot be made of {source} candles")
    if long == short or not len(candles):
        return candles
    bucket = candles.ts - candles.ts % long
    buckets = np.flatnonzero(np.diff(bucket, prepend=bucket[0] - 1)).size
    whole = slice(
        0 if candles.ts[0] == bucket[0] else 1,
        buckets if candles.ts[-1] + short == bucket[-1] + long else buckets - 1,
    )
    return merge(candles, long)[whole]


def merge(candles: Candles, length_ms: int) -> Candles:
    """Return one candle of `length_ms` for each stretch that has any, also where the first or last is not complete.

    For callers that know that `candles`, at least one, are all there are from the opening of the first stretch to the
    end of the last.
    """
    bucket = candles.ts - candles.ts % length_ms
    starts = np.flatnonzero(np.diff(bucket, prepend=bucket[0] - 1))
    ends = np.append(starts[1:], bucket.size) - 1
    return Candles(
        bucket[starts],
        candles.open[starts],
        np.maximum.reduceat(candles.high, starts),
        np.minimum.reduceat(candles.low, starts),
        candles.close[ends],
        np.add.reduceat(candles.volume, starts),
    )
