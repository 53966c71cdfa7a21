"""How fast an exchange may be asked: sales and cancels first, and silence while it wants silence.

ccxt's own limiter treats all requests alike and delays orders behind candles. This one holds requests back only when the
exchange's counters run full, keeps the last part of them for what reduces risk, and refuses to wait long: who asks is told when
to come again.
"""

import asyncio
import contextlib
import heapq
import itertools
from collections.abc import Mapping

from tradewind_runner.brokers.errors import RateLimitedError

ORDINARY_SHARE, LONGEST_WAIT_S, BURST = 0.8, 1.0, 10


class Limiter:
    """Of one exchange from one address. `per_minute` is the weight that it allows, `per_second` our own ceiling of requests.

    Ten may go out at once.
    """

    def __init__(self, *, per_minute: int = 6000, per_second: float = 20.0) -> None:
        self._per_minute, self._gap = per_minute, 1.0 / per_second
        self._next, self._quiet_until = 0.0, 0.0
        self._used, self._used_until = 0, 0.0
        self._waiting: list[tuple[int, int]] = []
        self._numbers = itertools.count()
        self._moved = asyncio.Event()

    async def turn(self, *, urgent: bool = False) -> None:
        """Return when a request may go out.

        Raises:
            RateLimitedError: That is more than a second away.
        """
        place = (0 if urgent else 1, next(self._numbers))
        heapq.heappush(self._waiting, place)
        try:
            while True:
                now = asyncio.get_running_loop().time()
                barrier = self._barrier(urgent=urgent)
                if barrier - now > LONGEST_WAIT_S:
                    raise RateLimitedError("the exchange wants no requests now", retry_after_s=barrier - now)
                ready = max(barrier, self._next - BURST * self._gap)
                if self._waiting[0] == place and ready <= now:
                    self._next = max(self._next, now) + self._gap
                    return
                self._moved.clear()
                await self._wait(max(ready - now, 0.001) if self._waiting[0] == place else self._gap)
        finally:
            self._waiting.remove(place)
            heapq.heapify(self._waiting)
            self._moved.set()

    def be_quiet(self, seconds: float) -> None:
        """Let nothing out for a while, whatever it is."""
        self._quiet_until = max(self._quiet_until, asyncio.get_running_loop().time() + seconds)

    @property
    def silent_s(self) -> int:
        """For how many whole seconds more nothing goes out."""
        return max(0, int(self._quiet_until - asyncio.get_running_loop().time()))

    def told(self, headers: Mapping[str, str]) -> None:
        """Learn the used weight from an answer's headers, names in lower case. It counts for the rest of a minute."""
        used = headers.get("x-mbx-used-weight-1m") or headers.get("x-mbx-used-weight")
        if used is not None and used.isdecimal():
            self._used, self._used_until = int(used[:9]), asyncio.get_running_loop().time() + 60.0

    def _barrier(self, *, urgent: bool) -> float:
        share = 1.0 if urgent else ORDINARY_SHARE
        full = self._used >= self._per_minute * share
        return max(self._quiet_until, self._used_until if full else 0.0)

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._moved.wait()
