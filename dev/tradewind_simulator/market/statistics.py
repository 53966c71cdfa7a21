"""What is told about trades and the last 24 hours. Figures for people and tickers: floats where the market is candles."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from tradewind_api.ledger import Side
from tradewind_engine.trading.book import Print
from tradewind_simulator.klines import trade_counts
from tradewind_simulator.market import books

if TYPE_CHECKING:
    from tradewind_simulator.exchange import Listing

DAY_MS = 86_400_000


@dataclass(slots=True)
class Aggregate:
    """Trades of one moment, one price and one taker, told as one."""

    first_id: int
    last_id: int
    time_ms: int
    price: Decimal
    amount: Decimal
    taker: Side | None


def aggregates(found: Iterable[Print]) -> list[Aggregate]:
    """Put together the trades that follow each other in one millisecond at one price with one taker."""
    made: list[Aggregate] = []
    for item in found:
        last = made[-1] if made else None
        if last is not None and (last.time_ms, last.price, last.taker) == (item.time_ms, item.price, item.taker):
            last.last_id, last.amount = item.trade_id, last.amount + item.amount
        else:
            made.append(Aggregate(item.trade_id, item.trade_id, item.time_ms, item.price, item.amount, item.taker))
    return made


def last_trades(listing: "Listing", now_ms: int, count: int) -> list[Print]:
    """Return the newest `count` trades until now, oldest first; fewer where the market is younger."""
    first, span = listing.source.first_ms(), 60 * listing.source.step_ms
    while True:
        start = max(first, now_ms - span) - 1
        found = books.trades(listing, start, now_ms)
        if len(found) >= count or start < first:
            return found[-count:]
        span *= 4


@dataclass(frozen=True, slots=True)
class Day:
    """The last 24 hours until `close_ms`; prices quote per base, `count` and trade ids of its trades."""

    open_ms: int
    close_ms: int
    before: float
    open: float
    high: float
    low: float
    close: float
    volume: float
    quote_volume: float
    count: int
    first_id: int
    last_id: int
    last_amount: Decimal

    @property
    def change(self) -> float:
        """How far the price has moved."""
        return self.close - self.open

    @property
    def change_pct(self) -> float:
        """How far the price has moved, in hundredths."""
        return 100 * self.change / self.open if self.open else 0.0

    @property
    def average(self) -> float:
        """The price weighted by volume."""
        return self.quote_volume / self.volume if self.volume else self.close


def day(listing: "Listing", now_ms: int) -> Day:
    """Return the 24 hours until now, to the candle; zeros where nothing was traded."""
    source = listing.source
    candles = source.candles(now_ms - DAY_MS, now_ms + 1, now_ms)
    before = source.candles(now_ms - DAY_MS - source.step_ms, now_ms - DAY_MS, now_ms)
    newest = last_trades(listing, now_ms, 1)
    last_id, last_amount = (newest[0].trade_id, newest[0].amount) if newest else (-1, Decimal(0))
    if not len(candles):
        return Day(now_ms - DAY_MS, now_ms, 0, 0, 0, 0, 0, 0, 0, 0, -1, last_id, last_amount)
    first = books.trades(listing, int(candles.ts[0]) - 1, int(candles.ts[0]) + source.step_ms - 1)
    return Day(
        open_ms=now_ms - DAY_MS,
        close_ms=now_ms,
        before=float(before.close[-1] if len(before) else candles.open[0]),
        open=float(candles.open[0]),
        high=float(candles.high.max()),
        low=float(candles.low.min()),
        close=float(candles.close[-1]),
        volume=float(candles.volume.sum()),
        quote_volume=float((candles.volume * candles.close).sum()),
        count=int(trade_counts(candles.volume).sum()),
        first_id=first[0].trade_id if first else -1,
        last_id=last_id,
        last_amount=last_amount,
    )
