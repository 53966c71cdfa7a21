"""Whether the best point stands among good ones, or alone."""

import numpy as np

from tradewind_engine.optimise.search import Search, neighbours
from tradewind_engine.optimise.sweep import Sweep


def neighbours_return(sweep: Sweep, search: Search) -> float | None:
    """Return the median total return of the points one step from the best along one axis, as a fraction of the best's.

    Returns:
        None where the best makes no profit or has no neighbour. Near 1 the ground is flat; at 0 or below, the peak is a needle.
    """
    best = float(search.scores.total_return[search.best])
    space = sweep.space
    place = tuple(values.index(value) for values, value in zip(space.axes.values(), search.points[search.best], strict=True))
    around = neighbours(place, np.array(space.shape))
    if best <= 0 or not around:
        return None
    scores = sweep.score([space.point(np.array(other)) for other in around])
    return float(np.median(scores.total_return)) / best
