"""Closed candles of one symbol as arrays. Gaps stay gaps: a missing candle is a missing row, never a made-up one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]
SECONDS = 100_000_000_000  # an open time below this is in seconds, not milliseconds
MOST_PRICE, MOST_VOLUME = 1e18, 1e30  # no market comes near, and what is added up or multiplied stays a number
COLUMNS = ("ts", "open", "high", "low", "close", "volume")


class CandleError(ValueError):
    """Candles that cannot be used. The message names row, column and what was wanted."""


@dataclass(frozen=True, slots=True)
class Candles:
    """Columns of equal length (n,): `ts` open times in UTC ms, ascending; prices in quote; `volume` in base."""

    ts: Integers
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __len__(self) -> int:
        """Return the number of candles."""
        return int(self.ts.size)

    def __getitem__(self, rows: slice) -> "Candles":
        """Return the candles of a slice of rows, without copying."""
        ts, *prices = (column[rows] for column in self.columns())
        return Candles(ts.astype(np.int64, copy=False), *(price.astype(np.float64, copy=False) for price in prices))

    def columns(self) -> tuple[Integers, Floats, Floats, Floats, Floats, Floats]:
        """Return the columns in the order of COLUMNS."""
        return self.ts, self.open, self.high, self.low, self.close, self.volume

    def column_bytes(self) -> list[bytes]:
        """Return the little-endian bytes of each column, as `data_digest` wants them."""
        return [np.ascontiguousarray(column).astype(column.dtype.newbyteorder("<")).tobytes() for column in self.columns()]

    def between(self, from_ms: int, to_ms: int) -> "Candles":
        """Return the candles that open in [from_ms, to_ms)."""
        start, stop = np.searchsorted(self.ts, [from_ms, to_ms])
        return self[int(start) : int(stop)]


def from_columns(columns: list[bytes]) -> Candles:
    """Return candles from the bytes of `Candles.column_bytes`. Raises CandleError on bytes of other lengths."""
    if len(columns) != len(COLUMNS) or len({len(column) for column in columns}) != 1 or len(columns[0]) % 8:
        raise CandleError("candle columns are six byte strings of one length, eight bytes a candle")
    ts, *prices = columns
    return Candles(np.frombuffer(ts, "<i8").astype(np.int64), *(np.frombuffer(p, "<f8").astype(np.float64) for p in prices))


def check_candles(candles: Candles) -> None:
    """Raise CandleError at the first row that cannot be a candle."""
    ts = candles.ts
    if ts.size == 0:
        raise CandleError("there is no candle")
    if _plainly_good(candles):
        return
    _refuse(ts < 0, "ts", candles, "is negative: open time in UTC milliseconds is wanted")
    _refuse((ts > 0) & (ts < SECONDS), "ts", candles, "looks like seconds: UTC milliseconds are wanted")
    steps = np.diff(ts, prepend=ts[0] - 1)
    _refuse(steps == 0, "ts", candles, "stands twice: remove the duplicate row")
    _refuse(steps < 0, "ts", candles, "is earlier than the row before: sort the rows by ts")
    for name in COLUMNS[1:]:
        values = getattr(candles, name)
        _refuse(~np.isfinite(values), name, candles, "is not a finite number: remove the row (a gap is allowed)")
        if name == "volume":
            _refuse(values < 0, name, candles, "must not be negative")
        else:
            _refuse(values <= 0, name, candles, "must be positive")
        _refuse(values >= (MOST_VOLUME if name == "volume" else MOST_PRICE), name, candles, "is more than any market has")
    _refuse(candles.high < np.maximum(candles.open, candles.close), "high", candles, "is below open or close")
    _refuse(candles.low > np.minimum(candles.open, candles.close), "low", candles, "is above open or close")


def _plainly_good(candles: Candles) -> bool:
    """Return whether no row can be at fault, in few passes: comparisons with NaN are false. The row is looked for only then."""
    ts, prices = candles.ts, (candles.open, candles.high, candles.low, candles.close)
    return bool(
        ts[0] >= 0
        and (ts[0] == 0 or ts[0] >= SECONDS)
        and (ts.size == 1 or (np.diff(ts).min() > 0 and ts[1] >= SECONDS))
        and candles.low.min() > 0
        and candles.volume.min() >= 0
        and candles.high.max() < MOST_PRICE
        and candles.volume.max() < MOST_VOLUME
        and all((candles.high >= price).all() and (candles.low <= price).all() for price in prices)
    )


def gaps(candles: Candles, step_ms: int) -> list[tuple[int, int]]:
    """Return the missing stretches between candles as [from_ms, to_ms) of open times."""
    if candles.ts.size == 0 or candles.ts[-1] - candles.ts[0] == (candles.ts.size - 1) * step_ms:
        return []  # ascending times leave no room for one
    places = np.flatnonzero(np.diff(candles.ts) > step_ms)
    return [(int(candles.ts[i]) + step_ms, int(candles.ts[i + 1])) for i in places]


def _refuse(bad: Booleans, column: str, candles: Candles, problem: str) -> None:
    rows = np.flatnonzero(bad)
    if rows.size:
        row = int(rows[0])
        value = getattr(candles, column)[row]
        raise CandleError(f"row {row + 1}, column {column}: {value} {problem}")
