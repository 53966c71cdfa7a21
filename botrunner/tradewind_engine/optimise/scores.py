"""What a sweep measures of each point: columns of arrays, small enough for a million points."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tradewind_engine.candles import Floats, Integers

BLOCKS = 16  # stretches of time that cross-validation puts together anew


@dataclass(frozen=True, slots=True)
class Scores:
    """One row a point, shape (n,); of stretches (n, BLOCKS). Fractions; per candle, not annualised.

    `sums` and `squares` are those of returns in each of BLOCKS equal stretches: from them follows the Sharpe ratio of any
    choice of stretches.
    """

    total_return: Floats
    drawdown: Floats
    mean: Floats
    deviation: Floats
    downside: Floats
    trades: Integers
    won: Integers
    time_in_market: Floats
    turnover: Floats
    sums: Floats
    squares: Floats
    candles: int

    @classmethod
    def empty(cls, points: int, candles: int) -> "Scores":
        """Return room for `points` points over `candles` candles."""
        made: dict[str, Any] = {name: np.full(points, np.nan) for name in COLUMNS}
        made |= {name: np.zeros(points, dtype=np.int64) for name in ("trades", "won")}
        made |= {name: np.zeros((points, BLOCKS)) for name in ("sums", "squares")}
        return cls(**made, candles=candles)

    @property
    def sharpe(self) -> Floats:
        """Mean over deviation a candle; 0 where nothing varies."""
        return _ratio(self.mean, self.deviation)

    def put(self, numbers: Sequence[int], rows: Sequence[int], other: "Scores") -> None:
        """Make rows `numbers` those that `other` has at `rows`."""
        there, here = np.array(numbers, dtype=np.int64), np.array(rows, dtype=np.int64)
        for name in COLUMNS:
            getattr(self, name)[there] = getattr(other, name)[here]

    def stretches(self) -> Floats:
        """Return the sums and squares of each row side by side, shape (n, 2 * BLOCKS): the last columns of its table."""
        return np.concatenate([self.sums, self.squares], axis=1)

    def table(self) -> Floats:
        """Return everything but `candles` as numbers, shape (n, WIDTH); whole numbers are exact below 2 ** 53."""
        return np.column_stack([getattr(self, name) for name in COLUMNS]).astype(np.float64)

    @classmethod
    def from_table(cls, table: Floats, candles: int) -> "Scores":
        """Return the scores of which `table` is."""
        made: dict[str, Any] = {}
        start = 0
        for name in COLUMNS:
            width = BLOCKS if name in ("sums", "squares") else 1
            column = np.ascontiguousarray(table[:, start : start + width])
            column = column if width > 1 else column[:, 0]
            made[name] = column.astype(np.int64) if name in ("trades", "won") else column
            start += width
        return cls(**made, candles=candles)

    def rows(self, numbers: Sequence[int]) -> "Scores":
        """Return some rows, in the order of `numbers`."""
        chosen = np.array(numbers, dtype=np.int64)
        return Scores(**{name: getattr(self, name)[chosen] for name in COLUMNS}, candles=self.candles)

    def row(self, index: int) -> dict[str, float | int]:
        """Return the figures of one point under their names in reports."""
        return {
            "totalReturn": float(self.total_return[index]),
            "maxDrawdown": float(self.drawdown[index]),
            "trades": int(self.trades[index]),
            "timeInMarket": float(self.time_in_market[index]),
        }


COLUMNS = tuple(name for name in Scores.__dataclass_fields__ if name != "candles")


WIDTH = len(COLUMNS) - 2 + 2 * BLOCKS


def _ratio(above: Floats, below: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > 0, above / below, np.where(np.isnan(above), np.nan, 0.0))
