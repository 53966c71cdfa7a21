"""Whether the best point stands among good ones, or alone."""

import numpy as np

from tradewind_engine.optimise.search import Search, neighbours
from tradewind_engine.optimise.sweep import Sweep


def neighbours_return(sweep: Sweep, search: Search) -> float | None:
    """Return the median total return of the points one step from the best along one axis, as a fraction of the best's.

    Returns:
        None where the best makes no profit or has no neighbour. Near 1 the ground is flat; at 0 or below, the peak is a needle.
    """
    best = float(search.scores_of(np.array([search.best])).total_return[0])
    space = sweep.space
    around = neighbours(tuple(search.book.place(search.best).tolist()), np.array(space.shape))
    if best <= 0 or not around:
        return None
    scores = sweep.score(space.points(np.array(around)))
    return float(np.median(scores.total_return)) / best
