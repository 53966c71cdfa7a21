"""Rate limits: request weight per address, new orders per account, and the ban of addresses that do not listen.

Time is the exchange's. A limit of 0 is none.
"""

from dataclasses import dataclass, field
from functools import lru_cache

from tradewind_simulator.errors import DialectError

MINUTE_MS, TEN_SECONDS_MS, DAY_MS = 60_000, 10_000, 86_400_000
DEAF_REQUESTS = 20  # so many more requests after the first 429 of a minute are answered with a ban
BAN_MS = 120_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What is allowed: weight a minute and address, orders an account in ten seconds and in a day."""

    weight: int = 6000
    orders_10s: int = 100
    orders_day: int = 200_000


@dataclass(slots=True)
class Window:
    """What was used since the window began."""

    number: int = -1
    used: int = 0

    def add(self, number: int, amount: int) -> int:
        """Return what is used in window `number` with this."""
        if number != self.number:
            self.number, self.used = number, 0
        self.used += amount
        return self.used


@dataclass(slots=True)
class RateLimiter:
    """Counts what is used. `speed` turns the exchange's time into the client's, for Retry-After."""

    limits: Limits = field(default_factory=Limits)
    _weights: dict[str, Window] = field(default_factory=dict)
    _orders: dict[str, tuple[Window, Window]] = field(default_factory=dict)
    _bans: dict[str, int] = field(default_factory=dict)

    def weigh(self, address: str, weight: int, now_ms: int, speed: float) -> int:
        """Return the address' weight of this minute with this request. Raises DialectError: 429, or 418 for a banned one."""
        until = self._bans.get(address, 0)
        if now_ms < until:
            raise self._banned(until, now_ms, speed)
        window = self._weights.get(address)
        if window is None:
            window = self._weights[address] = Window()
        used = window.add(now_ms // MINUTE_MS, weight)
        limit = self.limits.weight
        if limit and used > limit:
            if used > limit + weight * DEAF_REQUESTS:
                self.ban(address, now_ms + BAN_MS)
                raise self._banned(now_ms + BAN_MS, now_ms, speed)
            message = (
                f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE. "
                "Please use WebSocket Streams for live updates to avoid polling the API."
            )
            headers = {"Retry-After": _seconds(MINUTE_MS - now_ms % MINUTE_MS, speed), "X-MBX-USED-WEIGHT-1M": str(used)}
            raise DialectError(-1003, message, 429, headers)
        return used

    def order(self, account: str, now_ms: int, speed: float) -> tuple[int, int]:
        """Return the account's orders of ten seconds and of the day with a new one. Raises DialectError for one too many."""
        windows = self._orders.get(account)
        if windows is None:
            windows = self._orders[account] = Window(), Window()
        ten, day = windows
        limits, at_ten, at_day = self.limits, now_ms // TEN_SECONDS_MS, now_ms // DAY_MS
        if limits.orders_10s and ten.number == at_ten and ten.used >= limits.orders_10s:
            raise _too_many(limits.orders_10s, "10 SECOND", TEN_SECONDS_MS - now_ms % TEN_SECONDS_MS, speed)
        if limits.orders_day and day.number == at_day and day.used >= limits.orders_day:
            raise _too_many(limits.orders_day, "1 DAY", DAY_MS - now_ms % DAY_MS, speed)
        return ten.add(at_ten, 1), day.add(at_day, 1)

    def counts(self, account: str, now_ms: int) -> tuple[int, int]:
        """Return how many orders the account has placed in these ten seconds and on this day."""
        ten, day = self._orders.get(account) or (Window(), Window())
        return (
            ten.used if ten.number == now_ms // TEN_SECONDS_MS else 0,
            day.used if day.number == now_ms // DAY_MS else 0,
        )

    def ban(self, address: str, until_ms: int) -> None:
        """Answer an address with 418 until then."""
        self._bans[address] = until_ms

    def lift_bans(self) -> None:
        """Forget all bans."""
        self._bans.clear()

    def _banned(self, until: int, now_ms: int, speed: float) -> DialectError:
        message = (
            f"Way too much request weight used; IP banned until {until}. "
            "Please use WebSocket Streams for live updates to avoid bans."
        )
        return DialectError(-1003, message, 418, {"Retry-After": _seconds(until - now_ms, speed)})

    def rules(self) -> list[dict[str, object]]:
        """Return the limits as exchangeInfo tells them; the same objects every time, which nobody may change."""
        return _rules(self.limits)


@lru_cache(maxsize=8)
def _rules(limits: Limits) -> list[dict[str, object]]:
    rows = (
        ("REQUEST_WEIGHT", "MINUTE", 1, limits.weight),
        ("ORDERS", "SECOND", 10, limits.orders_10s),
        ("ORDERS", "DAY", 1, limits.orders_day),
    )
    names = ("rateLimitType", "interval", "intervalNum", "limit")
    return [dict(zip(names, row, strict=True)) for row in rows if row[3]]


def _too_many(limit: int, span: str, left_ms: int, speed: float) -> DialectError:
    message = f"Too many new orders; current limit is {limit} orders per {span}."
    return DialectError(-1015, message, 429, {"Retry-After": _seconds(left_ms, speed)})


def _seconds(milliseconds: int, speed: float) -> str:
    return str(max(1, -int(-milliseconds / speed // 1000)))
