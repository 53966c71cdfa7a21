"""What a bot's loop wants from market data, however it comes. Times are the exchange's, in UTC ms."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from tradewind_runner.feed.candle_book import Window


class Price(NamedTuple):
    """The newest price of a symbol (quote), and what it has touched since the one before; `heard_s` in seconds of the loop."""

    last: float
    low: float
    high: float
    heard_s: float


class Feed(Protocol):
    """Market data of the symbols of one bot in one timeframe. `listen` hears each price that comes."""

    listen: Callable[[str, Price], None]

    async def run(self) -> None:
        """Keep the data coming for ever; trouble is waited out."""

    async def wait(self) -> None:
        """Return when a candle may have closed."""

    async def window(self, symbol: str, *, done_ms: int | None) -> Window | None:
        """Return the candles from `lookback` before the first undecided one on; None when nothing closed since `done_ms`.

        Raises ExchangeUnavailableError.
        """

    def price(self, symbol: str) -> Price | None:
        """Return the newest price, None when none has come."""

    def problem(self) -> str:
        """Return why the data is not to be relied on for new risk, an empty string when it is."""
