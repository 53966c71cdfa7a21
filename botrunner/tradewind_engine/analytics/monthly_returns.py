"""Monthly table: the return of each calendar month in UTC."""

import numpy as np

from tradewind_engine.candles import Floats, Integers


def monthly_returns(ts: Integers, equity: Floats, capital: float) -> list[tuple[str, float]]:
    """Return each month as YYYY-MM with last account value in it over the last one before it, less 1.

    A candle belongs to the month in which it opens. The first month starts with the capital, the last ends where the
    history does; a month without candles is left out.

    Args:
        ts: Open times in UTC ms, ascending, shape (n,).
        equity: Account value at each close, shape (n,).
        capital: Account value before the first candle.

    >>> monthly_returns(np.array([0, 31 * 86_400_000]), np.array([110.0, 99.0]), 100.0)
    [('1970-01', 0.10000000000000009), ('1970-02', -0.09999999999999998)]
    """
    months = ts.view("datetime64[ms]").astype("datetime64[M]")
    last = np.append(np.flatnonzero(months[1:] != months[:-1]), ts.size - 1)
    values = equity[last]
    returns = values / np.concatenate([[capital], values[:-1]]) - 1.0
    return list(zip(months[last].astype(str).tolist(), returns.tolist(), strict=True))
