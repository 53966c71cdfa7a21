"""A market out of a seed: any minute of it can be computed alone, and is always the same.

The logarithm of the price walks by chance (Lévy's construction: between two known points lies the middle of both and a
displacement of its own, and so on down to an eighth of a minute), so that one candle does not tell the next one's move, on any
timeframe. Only over weeks it is held near where it began. It is not a real market, and results on it mean nothing beyond that
the machinery works.
"""

import hashlib
from typing import Any, TypeAlias

import numpy as np

from tradewind_engine.candles import Candles, Floats, Integers

MINUTE_MS = 60_000
WEEKS = 2.0**14  # minutes between the points that the walk is hung up at, anywhere within a factor of e ** LEASH
LEASH, DEVIATION = 0.12, 0.0004  # of the log price: at those points, and of one minute's move
EIGHTH = 0.125  # the walk is straight between these parts of a minute
LENGTHS: Floats = np.array([[WEEKS / 2**level] for level in range(int(np.log2(WEEKS / EIGHTH)))])  # that are halved
# Of the displacement in the middle of a length: spread evenly, with the variance length / 4 of a walk between two points.
HEIGHTS: Floats = np.asarray(DEVIATION / 2 * np.sqrt(3 * LENGTHS), np.float64)
Keys: TypeAlias = np.ndarray[Any, np.dtype[np.uint64]]
SAMPLES: Floats = np.asarray(np.arange(9) * EIGHTH, np.float64)  # where a straight line between eighths can have its extremes
START_PRICES = {"BTC": 60_000.0, "ETH": 3_000.0, "SOL": 150.0, "BNB": 500.0, "XRP": 0.6, "DOGE": 0.12}


def start_price(symbol: str) -> float:
    """Return the price that a symbol moves around."""
    return START_PRICES.get(symbol.split("/", maxsplit=1)[0], 100.0)


class SeededMarket:
    """One symbol of a seed. `volatility` is how much it moves, as a multiple of what is usual."""

    step_ms = MINUTE_MS

    def __init__(self, symbol: str, seed: int, tick: float, volatility: float = 1.0) -> None:
        count = len(LENGTHS) + 1
        digest = hashlib.shake_128(f"{seed}:{symbol}".encode()).digest(4 * count)
        keys = np.array([int.from_bytes(digest[i * 4 : i * 4 + 4], "big") + 1 for i in range(count)], dtype=np.uint64)
        self._first, self._columns = keys[:1], keys[1:, None]  # all lengths at once
        self._volume_key = keys[:1] ^ np.uint64(0x5EED)
        self._price, self._tick, self._volatility = start_price(symbol), tick, volatility

    def price(self, minutes: Floats) -> Floats:
        """Return the price at moments given in minutes since 1970."""
        weeks = minutes / WEEKS
        left = np.floor(weeks)
        ends = _noise(np.stack((left, left + 1)).astype(np.int64), self._first)
        place = minutes / LENGTHS
        whole = np.floor(place)
        middle = 1 - np.abs(2 * (place - whole) - 1)
        bends = HEIGHTS * middle * _noise(whole.astype(np.int64), self._columns)
        total: Floats = LEASH * (ends[0] + (ends[1] - ends[0]) * (weeks - left)) + bends.sum(axis=0)
        return self._price * np.exp(self._volatility * total)

    def candles(self, from_ms: int, to_ms: int, now_ms: int) -> Candles:
        """Return the candles of a stretch; see CandleSource."""
        first = -(-from_ms // MINUTE_MS)
        last = min(-(-to_ms // MINUTE_MS), now_ms // MINUTE_MS + 1)
        opens = np.arange(first, max(first, last), dtype=np.int64)
        done = np.clip((now_ms / MINUTE_MS - opens), 0.0, 1.0)
        moments = opens[:, None] + np.minimum(SAMPLES[None, :], done[:, None])
        raw = self.price(moments.ravel()).reshape(moments.shape)
        prices: Floats = np.round(np.maximum(np.round(raw / self._tick) * self._tick, self._tick), 8).astype(np.float64)
        volume: Floats = np.round((1.5 + _noise(opens, self._volume_key)) * 20 * done, 5).astype(np.float64)
        return Candles(
            opens * MINUTE_MS, prices[:, 0].copy(), prices.max(axis=1), prices.min(axis=1), prices[:, -1].copy(), volume
        )

    def first_ms(self) -> int:
        """Return the beginning of time."""
        return 0

    def end_ms(self) -> int | None:
        """Return that it never ends."""
        return None


def _noise(places: Integers, key: Keys) -> Floats:
    """Return numbers in [-1, 1) that depend on place and key alone (splitmix64)."""
    with np.errstate(over="ignore"):
        z: Keys = places.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + key * np.uint64(0xD1342543DE82EF95)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) / 2.0**52 - 1.0
