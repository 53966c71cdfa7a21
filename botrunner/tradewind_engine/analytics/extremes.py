"""Best and worst trade."""

from tradewind_engine.candles import Floats


def best_and_worst(profits: Floats) -> tuple[float | None, float | None]:
    """Return the largest and the smallest profit of a closed trade in quote currency; None without trades.

    >>> best_and_worst(np.array([6.0, -2.0, 1.0]))
    (6.0, -2.0)
    """
    return (float(profits.max()), float(profits.min())) if profits.size else (None, None)
