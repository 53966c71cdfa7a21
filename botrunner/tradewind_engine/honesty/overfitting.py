"""The probability of back-test overfitting, by combinatorially symmetric cross-validation."""

import itertools
from dataclasses import dataclass

import numpy as np

from tradewind_engine.candles import Floats

MOST_POINTS, CHUNK = 400, 2_000


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
    traded = np.unique(np.concatenate([sums, squares], axis=1), axis=0)
    if len(traded) > MOST_POINTS:
        traded = traded[np.linspace(0, len(traded) - 1, MOST_POINTS).astype(int)]
    if len(traded) < 2:
        return None
    blocks = sums.shape[1]
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


def _ratios(choice: Floats, sums: Floats, squares: Floats, periods: int) -> Floats:
    """Return the Sharpe ratio of each point in each choice of stretches, shape (choices, points)."""
    count = periods * choice[0].sum()
    mean = choice @ sums.T / count
    variance = choice @ squares.T / count - mean**2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(variance > 1e-18, mean / np.sqrt(variance), 0.0))
