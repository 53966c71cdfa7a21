"""How often somebody may ask: by address before a password is looked at, by person and plan afterwards.

In memory: there is one process, and a restart begins anew. Headers follow draft-ietf-httpapi-ratelimit-headers.
"""

import time

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from tradewind_portal import measures
from tradewind_portal.problems import Problem


class RateLimits:
    """Counts hits of the last minute under names of the caller's choice.

    Of the clock's minute before, the part counts that still lies within the last 60 seconds, rounded down: so where a
    minute ends, one request more than allowed may pass.
    """

    def __init__(self) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def hit(self, policy: str, who: str, per_minute: int) -> dict[str, str]:
        """Count one request and return the headers to answer with. Raises Problem 429 when there were too many."""
        item = RateLimitItemPerMinute(per_minute)
        allowed = await self._limiter.hit(item, policy, who)
        stats = await self._limiter.get_window_stats(item, policy, who)
        seconds = max(1, round(stats.reset_time - time.time()))
        headers = {
            "ratelimit-policy": f'"{policy}";q={per_minute};w=60',
            "ratelimit": f'"{policy}";r={max(0, stats.remaining)};t={seconds}',
        }
        if allowed:
            return headers
        measures.RATE_LIMITED.labels(policy).inc()
        raise Problem(
            429,
            "TooManyRequests",
            f"{per_minute} requests a minute are allowed; try again in {seconds} s",
            headers={**headers, "Retry-After": str(seconds)},
        )
