"""Gates by time, from the open times of candles in UTC milliseconds, shape (n,); `..._step` is the same for one candle."""

from collections.abc import Callable

import numpy as np

from tradewind_engine.candles import Booleans, Integers

MINUTE_MS, DAY_MINUTES, DAYS = 60_000, 1440, 7


def time_of_day(ts: Integers, start: int, end: int) -> Booleans:
    """Return where the minute of the day is in [start, end), over midnight where end <= start."""
    minute = ts // MINUTE_MS % DAY_MINUTES
    if start < end:
        return np.asarray((minute >= start) & (minute < end), dtype=np.bool_)
    return np.asarray((minute >= start) | (minute < end), dtype=np.bool_)


def weekday(ts: Integers, first: int, last: int) -> Booleans:
    """Return where the day is in [first, last], 1 Monday to 7 Sunday, over Sunday where last < first."""
    day = (ts // (MINUTE_MS * DAY_MINUTES) + 3) % DAYS + 1  # 1 January 1970 was a Thursday
    if first <= last:
        return np.asarray((day >= first) & (day <= last), dtype=np.bool_)
    return np.asarray((day >= first) | (day <= last), dtype=np.bool_)


def time_of_day_step(start: int, end: int) -> Callable[[int], bool]:
    """Return `time_of_day` for one candle."""

    def step(ts: int) -> bool:
        minute = ts // MINUTE_MS % DAY_MINUTES
        return start <= minute < end if start < end else minute >= start or minute < end

    return step


def weekday_step(first: int, last: int) -> Callable[[int], bool]:
    """Return `weekday` for one candle."""

    def step(ts: int) -> bool:
        day = (ts // (MINUTE_MS * DAY_MINUTES) + 3) % DAYS + 1
        return first <= day <= last if first <= last else day >= first or day <= last

    return step
