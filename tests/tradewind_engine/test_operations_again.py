"""Operations again by the formulas of the books, in pandas: the same numbers on candles of any kind."""

import numpy as np
import pandas as pd
import pytest
from documents import random_candles

from tradewind_engine.operations import VECTOR

CANDLES = random_candles(3, 800)
H, L, C, V = (pd.Series(getattr(CANDLES, name)) for name in ("high", "low", "close", "volume"))


def wilder(values, period):
    """First a mean, then a part of 1 / period of each news: an exponential average that is fed the mean first."""
    known = values.dropna()
    seed = known.iloc[:period].mean()
    fed = pd.concat([pd.Series([seed], index=[known.index[period - 1]]), known.iloc[period:]])
    return fed.ewm(alpha=1 / period, adjust=False).mean().reindex(values.index)


def exponential(values, period):
    return values.ewm(span=period, adjust=False).mean()


def true_range():
    return pd.concat([H - L, (H - C.shift()).abs(), (L - C.shift()).abs()], axis=1).max(axis=1, skipna=False)


def rsi(period):
    change = C.diff()
    gain, loss = wilder(change.clip(lower=0), period), wilder(-change.clip(upper=0), period)
    return 100 - 100 / (1 + gain / loss)


def stochastic(period, smooth, signal):
    bottom, top = L.rolling(period).min(), H.rolling(period).max()
    k = (100 * (C - bottom) / (top - bottom)).rolling(smooth).mean()
    return k, k.rolling(signal).mean()


def macd(fast, slow, signal):
    line = exponential(C, fast) - exponential(C, slow)
    return line, exponential(line, signal), line - exponential(line, signal)


def cci(period):
    typical = (H + L + C) / 3
    away = typical.rolling(period).apply(lambda window: np.abs(window - window.mean()).mean(), raw=True)
    return (typical - typical.rolling(period).mean()) / (0.015 * away)


def vwap(period):
    return ((H + L + C) / 3 * V).rolling(period).sum() / V.rolling(period).sum()


def keltner(period, ranges, width):
    middle, reach = exponential(C, period), width * wilder(true_range(), ranges)
    return middle - reach, middle, middle + reach


def bollinger(period, width):
    middle, reach = C.rolling(period).mean(), width * C.rolling(period).std(ddof=0)
    return middle - reach, middle, middle + reach


def donchian(period):
    lower, upper = L.rolling(period).min(), H.rolling(period).max()
    return lower, (lower + upper) / 2, upper


def obv(period):
    return (np.sign(C.diff()) * V).rolling(period).sum()


CASES = {
    "rma": ([C], {"period": 14}, lambda: wilder(C, 14)),
    "rsi": ([C], {"period": 14}, lambda: rsi(14)),
    "stochastic": ([H, L, C], {"period": 14, "smooth": 3, "signal": 5}, lambda: stochastic(14, 3, 5)),
    "macd": ([C], {"fast": 12, "slow": 26, "signal": 9}, lambda: macd(12, 26, 9)),
    "cci": ([H, L, C], {"period": 20}, lambda: cci(20)),
    "keltner": ([H, L, C], {"period": 20, "range_period": 10, "width": 1.5}, lambda: keltner(20, 10, 1.5)),
    "donchian": ([H, L], {"period": 20}, lambda: donchian(20)),
    "atr": ([H, L, C], {"period": 14}, lambda: wilder(true_range(), 14)),
    "zscore": ([C], {"period": 20}, lambda: (C - C.rolling(20).mean()) / C.rolling(20).std(ddof=0)),
    "vwap": ([H, L, C, V], {"period": 10}, lambda: vwap(10)),
    "obv": ([C, V], {"period": 30}, lambda: obv(30)),
    "bollinger": ([C], {"period": 20, "width": 2.5}, lambda: bollinger(20, 2.5)),
    "ema": ([C], {"period": 9}, lambda: exponential(C, 9)),
    "standard_deviation": ([C], {"period": 20}, lambda: C.rolling(20).std(ddof=0)),
    "rate_of_change": ([C], {"period": 7}, lambda: C.pct_change(7) * 100),
    "wma": ([C], {"period": 6}, lambda: C.rolling(6).apply(lambda w: w @ np.arange(1, 7) / 21, raw=True)),
}


@pytest.mark.parametrize("name", CASES)
def test_an_operation_is_what_the_books_say(name):
    """To 1e-8 of its size, and unknown on the same candles but for those of a recursion's first range."""
    inputs, parameters, formula = CASES[name]
    ours, books = (
        np.atleast_2d(np.array(found, dtype=float))
        for found in (VECTOR[name](*(series.to_numpy() for series in inputs), **parameters), formula())
    )
    assert ours.shape == books.shape
    known = np.isfinite(ours) & np.isfinite(books)
    assert known[:, 60:].mean() > 0.95
    np.testing.assert_allclose(ours[known], books[known], rtol=1e-8, atol=1e-8 * np.abs(books[known]).max())
    assert (np.isfinite(ours) == np.isfinite(books))[:, 60:].mean() > 0.999
