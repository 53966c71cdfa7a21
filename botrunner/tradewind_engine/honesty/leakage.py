"""Candles that know the future: a column that tells the next move better than any market does."""

import math

import numpy as np

from tradewind_engine.candles import Candles, Floats

SUSPICIOUS = 0.3  # correlation with the next move; bounces between bid and ask make up to about -0.2 in real minute candles
FEWEST = 200


def tell_tales(candles: Candles) -> dict[str, float]:
    """Return the features of a candle whose correlation with the next candle's move cannot be honest, and that correlation.

    Looked at are the body, both wicks, the move from the candle before and the change of volume, each of a closed candle,
    against the move from the next open to the next close; by ranks, so that single shocks do not decide. A market's candles
    show a few percent; a shifted or interpolated column shows far more.
    """
    if len(candles) < FEWEST:
        return {}
    body = np.log(candles.close / candles.open)
    features = {
        "body": body,
        "upper wick": np.log(candles.high / np.maximum(candles.open, candles.close)),
        "lower wick": np.log(np.minimum(candles.open, candles.close) / candles.low),
        "opening gap": np.concatenate([[0.0], np.log(candles.open[1:] / candles.close[:-1])]),
        "volume": np.concatenate([[0.0], np.diff(np.log1p(candles.volume))]),
    }
    bound = max(SUSPICIOUS, 6.0 / math.sqrt(len(candles)))
    after = ranks(body[1:])
    found = {name: correlation(ranks(values[:-1]), after) for name, values in features.items()}
    return {name: value for name, value in found.items() if abs(value) > bound}


def ranks(values: Floats) -> Floats:
    """Return which place each value has by size, shape (n,), equal values in the order they come; all 0 where none varies."""
    places = np.zeros(values.size)
    if np.ptp(values) > 0:
        places[np.argsort(values, kind="stable")] = np.arange(values.size)
    return places


def correlation(first: Floats, second: Floats) -> float:
    """Return the correlation of two series, shape (n,), of their ranks Spearman's; 0 where one does not vary."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(np.asarray(np.corrcoef(np.stack([first, second])))[0, 1])
