"""A market out of a seed: any minute of it can be computed alone, and is always the same.

The logarithm of the price is a sum of smooth noises, each with a period of its own from a week down to a minute, so there are
trends, swings and jitter. It is not a real market, and results on it mean nothing beyond that the machinery works.
"""

import hashlib
from typing import Any, TypeAlias

import numpy as np

from tradewind_engine.candles import Candles, Floats, Integers

MINUTE_MS = 60_000
# Period in minutes and amplitude in log price.
OCTAVES = ((20_160, 0.12), (2_880, 0.04), (480, 0.015), (120, 0.008), (40, 0.005), (13, 0.0025), (4, 0.001), (1, 0.0003))
PERIODS: Floats = np.array([[float(period)] for period, _ in OCTAVES])
AMPLITUDES: Floats = np.array([[amplitude] for _, amplitude in OCTAVES])
Keys: TypeAlias = np.ndarray[Any, np.dtype[np.uint64]]
SAMPLES = np.array([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
START_PRICES = {"BTC": 60_000.0, "ETH": 3_000.0, "SOL": 150.0, "BNB": 500.0, "XRP": 0.6, "DOGE": 0.12}


def start_price(symbol: str) -> float:
    """Return the price that a symbol moves around."""
    return START_PRICES.get(symbol.split("/", maxsplit=1)[0], 100.0)


class SeededMarket:
    """One symbol of a seed."""

    step_ms = MINUTE_MS

    def __init__(self, symbol: str, seed: int, tick: float) -> None:
        digest = hashlib.sha256(f"{seed}:{symbol}".encode()).digest()
        keys = np.array([int.from_bytes(digest[i * 4 : i * 4 + 4], "big") + 1 for i in range(len(OCTAVES))], dtype=np.uint64)
        self._columns = keys[:, None]  # all octaves at once
        self._volume_key = keys[:1] ^ np.uint64(0x5EED)
        self._price, self._tick = start_price(symbol), tick

    def price(self, minutes: Floats) -> Floats:
        """Return the price at moments given in minutes since 1970."""
        place = minutes / PERIODS
        left = np.floor(place)
        part = place - left
        smooth = part * part * (3 - 2 * part)
        whole = left.astype(np.int64)
        noise = _noise(np.stack((whole, whole + 1)), self._columns)
        total: Floats = (AMPLITUDES * (noise[0] * (1 - smooth) + noise[1] * smooth)).sum(axis=0)
        return self._price * np.exp(total)

    def candles(self, from_ms: int, to_ms: int, now_ms: int) -> Candles:
        """Return the candles of a stretch; see CandleSource."""
        first = -(-from_ms // MINUTE_MS)
        last = min(-(-to_ms // MINUTE_MS), now_ms // MINUTE_MS + 1)
        opens = np.arange(first, max(first, last), dtype=np.int64)
        done = np.clip((now_ms / MINUTE_MS - opens), 0.0, 1.0)
        moments = opens[:, None] + SAMPLES[None, :] * done[:, None]
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
