"""The book that a market shows and the trades that it prints, at any virtual moment.

What was recorded is shown as it is. Where only candles or trades are known, a book is made up around their price: levels stand
on a fixed grid, so that a level keeps its place while the price moves, and their amounts depend on symbol, price and minute
alone. The same moment is always the same book. It is thick enough to trade on and no model of a real one.
"""

import math
import zlib
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from tradewind_engine.candles import Candles
from tradewind_engine.trading.book import Book, Level, Print
from tradewind_simulator.market.path import reached_ms, stations
from tradewind_simulator.market.source import CandleSource

if TYPE_CHECKING:
    from tradewind_simulator.exchange import Listing

LEVELS = 100
CHANGES_MS = 100  # a made-up book changes this often
LEVEL_NOTIONAL = 20_000.0  # quote, about, that stands at a level
EMPTY = Book((), ())


def book(listing: "Listing", now_ms: int) -> Book:
    """Return the book at a moment; the same object as long as nothing changes. Empty before the first candle."""
    if listing.depth is not None:
        return listing.depth.book(now_ms)
    moment = now_ms // CHANGES_MS * CHANGES_MS
    seen = listing.seen
    if seen.moment_ms != moment:
        seen.book, seen.moment_ms = _book(listing, moment), moment
    return seen.book


def trades(listing: "Listing", from_ms: int, to_ms: int) -> list[Print]:
    """Return what was printed after `from_ms` and until `to_ms`, oldest first.

    A candle prints its open, its two extremes and its close, each a quarter of its volume: those of the closed candle, so that
    a trade once told never changes.
    """
    if listing.prints is not None:
        return listing.prints.trades(from_ms, to_ms)
    source = listing.source
    if not _may_print(from_ms, to_ms, source):
        return []
    candles = source.candles(from_ms - source.step_ms, to_ms + 1, to_ms + source.step_ms)
    return [trade for trade in _prints(candles, source.step_ms, listing) if from_ms < trade.time_ms <= to_ms]


def moment_before(listing: "Listing", trade_id: int) -> int:
    """Return a moment after which all trades from `trade_id` on were printed, and few others."""
    if listing.prints is not None:
        return listing.prints.moment_before(trade_id)
    return max(listing.source.first_ms(), trade_id // 4 * listing.source.step_ms) - 1


def latest(source: CandleSource, now_ms: int) -> Candles:
    """Return a few candles up to the one in progress, none if the last 1,000 are missing."""
    for count in (1, 1000):
        candles = source.candles(now_ms - count * source.step_ms, now_ms + 1, now_ms)
        if len(candles):
            break
    return candles


def _may_print(from_ms: int, to_ms: int, source: CandleSource) -> bool:
    """Return whether a candle, if there is one, prints after `from_ms` and until `to_ms`; asked at every order."""
    step = source.step_ms
    if to_ms - from_ms >= step:
        return True
    last = to_ms - (to_ms - source.first_ms()) % step
    return any(from_ms < reached_ms(open_ms, step, part) <= to_ms for open_ms in (last - step, last) for part in range(4))


def _book(listing: "Listing", moment: int) -> Book:
    source, symbol = listing.source, listing.symbol
    candles = latest(source, moment)
    if not len(candles):
        return EMPTY
    tick, step = Decimal(symbol.tick), Decimal(symbol.step)
    price = max(1, round(float(candles.close[-1]) / float(tick)))
    gap = max(1, int(10 ** math.floor(math.log10(price * 2e-5)))) if price >= 1 else 1
    below = (price - 1) // gap
    seed = zlib.crc32(f"{symbol.id}:{moment // 60_000}".encode())
    levels = listing.seen.levels_of(moment // 60_000, gap)

    def level(place: int) -> Level:
        known = levels.get(place)
        if known is None:
            price_there = place * gap * tick
            typical = max(1.0, LEVEL_NOTIONAL / float(price_there) / float(step))
            noise = zlib.crc32(place.to_bytes(8, "big"), seed) / 2**32
            known = levels[place] = price_there, max(1, int(typical * (0.2 + 1.6 * noise))) * step
        return known

    bids = tuple(level(place) for place in range(below, max(0, below - LEVELS), -1))
    above = (price + gap) // gap
    return Book(bids, tuple(level(place) for place in range(above, above + LEVELS)))


def _prints(candles: Candles, step_ms: int, listing: "Listing") -> Iterator[Print]:
    tick, step = Decimal(listing.symbol.tick), Decimal(listing.symbol.step)
    for ts, open_, high, low, close, volume in zip(*(column.tolist() for column in candles.columns()), strict=True):
        quarter = max(1, int(volume / 4 / float(step))) * step
        before = open_
        for part, price in enumerate(stations(open_, high, low, close)):
            trade_id = ts // step_ms * 4 + part
            yield Print(
                trade_id,
                reached_ms(ts, step_ms, part),
                round(price / float(tick)) * tick,
                quarter,
                "buy" if price >= before else "sell",
            )
            before = price
