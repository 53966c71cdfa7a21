"""The probability of back-test overfitting, by combinatorially symmetric cross-validation."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tradewind_engine.candles import Floats, Integers

MOST_POINTS, CHUNK = 400, 2_000
AT_ONCE = 2  # columns


@dataclass(frozen=True, slots=True)
class Overfitting:
    """Over all ways to halve history, of the point that is best in one half, what it is in the other, as fractions of the ways.

    `probability`: at or below the median of all points; 0.5 is what choosing by luck gives, and so does choosing among equally
    good points. `loss`: its returns there add up to a loss, which tells the two apart.
    """

    probability: float
    loss: float


def overfitting(sums: Floats, squares: Floats, periods: int) -> Overfitting | None:
    """Return how choosing the best fares outside of what it was chosen on; None with fewer than two different points.

    History is cut into an even number b of stretches; every choice of b / 2 of them is a half (Bailey, Borwein, Lopez de Prado,
    Zhu, 2017). Points are compared by Sharpe ratio, which follows from the sums of their returns in each stretch.

    Args:
        sums: Of returns in each stretch, shape (points, b).
        squares: Of their squares, shape (points, b).
        periods: Returns in one stretch.
    """
    table = np.concatenate([sums, squares], axis=1)
    return overfitting_of(
        lambda first, last: table[:, first:last], lambda rows: table[rows], len(table), sums.shape[1], periods
    )


def overfitting_of(
    columns: Callable[[int, int], Floats], rows: Callable[[Integers], Floats], count: int, blocks: int, periods: int
) -> Overfitting | None:
    """Return the same of points that are not all held at once.

    Args:
        columns: Gives columns `first` to `last` (not included) of sums and squares side by side, shape (count, last - first).
        rows: Gives all columns of some rows, shape (k, 2 * blocks).
        count: Points.
        blocks: b.
        periods: Returns in one stretch.
    """
    chosen = distinct(columns, count, 2 * blocks)
    if len(chosen) > MOST_POINTS:
        chosen = chosen[np.linspace(0, len(chosen) - 1, MOST_POINTS).astype(int)]
    if len(chosen) < 2:
        return None
    traded = rows(chosen)
    sums, squares = traded[:, :blocks], traded[:, blocks:]
    halves = np.array(
        [np.isin(np.arange(blocks), half) for half in itertools.combinations(range(blocks), blocks // 2)], dtype=float
    )
    below = lost = 0
    for start in range(0, len(halves), CHUNK):
        inside = halves[start : start + CHUNK]
        best = _ratios(inside, sums, squares, periods).argmax(axis=1)
        outside = _ratios(1.0 - inside, sums, squares, periods)
        chosen = outside[np.arange(len(best)), best]
        rank = (outside < chosen[:, None]).sum(axis=1) + 0.5 * ((outside == chosen[:, None]).sum(axis=1) - 1)
        below += int(np.count_nonzero(rank <= (len(sums) - 1) / 2))
        lost += int(np.count_nonzero(((1.0 - inside) * sums[best]).sum(axis=1) < 0))
    return Overfitting(below / len(halves), lost / len(halves))


def distinct(columns: Callable[[int, int], Floats], count: int, width: int) -> Integers:
    """Return one row of each group of equal ones, in the order of their first columns that differ.

    Looked at are AT_ONCE columns at a time, and of them those rows alone that no column before has told from all others.
    """
    places = np.zeros(count, dtype=np.int64)  # in that order; equal for rows that are not told apart yet
    open_ = np.arange(count)
    for first in range(0, width, AT_ONCE):
        if not open_.size:
            break
        values = columns(first, min(first + AT_ONCE, width))[open_]
        order = np.lexsort((*values.T[::-1], places[open_]))
        open_, values = open_[order], values[order]
        before = places[open_]
        other_place = np.concatenate([[True], before[1:] != before[:-1]])
        other = other_place | np.concatenate([[True], (values[1:] != values[:-1]).any(axis=1)])
        begins, begun = np.flatnonzero(other), np.flatnonzero(other_place)
        sizes = np.diff(np.append(begins, open_.size))
        shift = begins - begun[np.searchsorted(begun, begins, side="right") - 1]
        places[open_] = before + np.repeat(shift, sizes)
        open_ = open_[np.repeat(sizes > 1, sizes)]
    return np.asarray(np.unique(places, return_index=True)[1])


def _ratios(choice: Floats, sums: Floats, squares: Floats, periods: int) -> Floats:
    """Return the Sharpe ratio of each point in each choice of stretches, shape (choices, points)."""
    count = periods * choice[0].sum()
    mean = choice @ sums.T / count
    variance = choice @ squares.T / count - mean**2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(variance > 1e-18, mean / np.sqrt(variance), 0.0))
