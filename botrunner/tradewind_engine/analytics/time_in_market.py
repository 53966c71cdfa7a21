"""Time in market, which others call exposure."""


def time_in_market(held: int, candles: int) -> float:
    """Return the fraction of candles at whose close a position was held; of several symbols, of all their candles.

    A trade that begins and ends inside one candle holds nothing at its close.

    >>> time_in_market(25, 100)
    0.25
    """
    return held / candles
