"""The exchange's time, from a few questions and a monotonic clock. The wall clock may jump; this one does not."""

import time
from collections.abc import Callable

DRIFT = 0.001  # how much a second of age makes a quick answer worse
MOST_ERROR_S = 1.0  # beyond it nothing is bought: what is called the newest price may be an old one


class ExchangeClock:
    """`speed` is exchange seconds per wall second: 1 on a real exchange, more on a simulated one."""

    def __init__(self, speed: float = 1.0, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.speed, self._monotonic = speed, monotonic
        self._at, self._exchange_ms = 0.0, 0.0
        self._spread_s, self._drift_from = 0.0, 0.0
        self.synced = False

    def reading(self) -> float:
        """Return the seconds of the monotonic clock that it goes by: questions and answers are timed with it."""
        return self._monotonic()

    def sync(self, exchange_ms: float, *, asked: float, answered: float) -> None:
        """Take over an answer of the exchange: it was given somewhere between question and answer, the middle is assumed.

        A slow answer says less than a quick one before it, unless that one is old, or the two cannot both be true: then the
        exchange's clock was set meanwhile.
        """
        spread, known = answered - asked, self._spread_s + (answered - self._drift_from) * DRIFT
        if self.synced and spread > known:
            expected = self._exchange_ms + ((asked + answered) / 2 - self._at) * 1000.0 * self.speed
            if abs(exchange_ms - expected) <= (spread + known) / 2 * 1000.0 * self.speed:
                return
        self._spread_s, self._drift_from = spread, answered
        self._at, self._exchange_ms = (asked + answered) / 2, exchange_ms
        self.synced = True

    def now_ms(self) -> float:
        """Return the exchange's time in ms."""
        return self._exchange_ms + (self._monotonic() - self._at) * 1000.0 * self.speed

    def error_ms(self) -> float:
        """Return by how many ms of the exchange's time `now_ms` may be wrong, either way: half of the answer's way, and drift.

        Cristian, "Probabilistic clock synchronization", Distributed Computing 3 (1989).
        """
        return (self._spread_s + (self._monotonic() - self._drift_from) * DRIFT) / 2 * 1000.0 * self.speed

    def problem(self) -> str:
        """Return why the time is not to be relied on for new risk, an empty string when it is."""
        error_s = self.error_ms() / 1000.0 / self.speed
        return f"the exchange's time is not known well enough: it may be {error_s:.1f} s off" if error_s > MOST_ERROR_S else ""

    def surely_ms(self) -> float:
        """Return the time that the exchange's clock has passed, however wrong ours is."""
        return self.now_ms() - self.error_ms()

    def wall_seconds_until(self, exchange_ms: float) -> float:
        """Return how long to wait, on the wall, until the exchange's time is `exchange_ms`; 0 if it has passed."""
        return max(0.0, (exchange_ms - self.now_ms()) / 1000.0 / self.speed)
