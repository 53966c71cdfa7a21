"""The pump: at each tick it finds out what happened since the last one and publishes it.

Ticks stand on multiples of 100 virtual ms, where books change, but come at most every 10 ms of wall time: a fast clock puts
more into a tick, it leaves nothing out. Between two ticks the published moment stands still, and so does the depth that REST
shows: a snapshot is always one of the books between two diffs.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from tradewind_api.document.model import TIMEFRAME_MS
from tradewind_engine.trading.book import Book, Print
from tradewind_simulator.exchange import Listing, SimulatedExchange
from tradewind_simulator.klines import klines, rows
from tradewind_simulator.market import books, depth
from tradewind_simulator.market.depth import DepthChange
from tradewind_simulator.market.statistics import Day, aggregates, day
from tradewind_simulator.streams import payloads
from tradewind_simulator.streams.hub import Hub
from tradewind_simulator.streams.names import Stream

TICK_MS = 100
LEAST_WAIT_S = 0.01
HOUSEKEEPING_S = 1.0
LIFE_MS = 86_400_000
LEAST_LIFE_S = 600.0  # of wall time: whoever connects anew does so at the wall's pace, whatever the clock's
Event = dict[str, Any]


class Step:
    """What happened to one symbol after `from_ms` and until `to_ms`; each thing is found out once, if asked for."""

    def __init__(self, listing: Listing, from_ms: int, to_ms: int, *, skew_ms: int = 0) -> None:
        self.listing, self.from_ms, self.to_ms = listing, from_ms, to_ms
        self.skew_ms, self.told_ms = skew_ms, to_ms + skew_ms  # what a clock that goes wrong tells
        self.symbol_id = listing.symbol.id

    @cached_property
    def changes(self) -> list[DepthChange]:
        """Changes of the book."""
        return depth.changes(self.listing, self.from_ms, self.to_ms)

    @cached_property
    def book(self) -> Book:
        """The book at the end."""
        return books.book(self.listing, self.to_ms)

    @cached_property
    def update_id(self) -> int:
        """The book's number."""
        return depth.update_id(self.listing, self.to_ms)

    @cached_property
    def trades(self) -> list[Print]:
        """What was printed."""
        return books.trades(self.listing, self.from_ms, self.to_ms)

    @cached_property
    def day(self) -> Day:
        """The last 24 hours."""
        return day(self.listing, self.to_ms)

    def crosses(self, pace_ms: int) -> bool:
        """Return whether a multiple of `pace_ms` was reached."""
        return self.from_ms // pace_ms != self.to_ms // pace_ms


@dataclass(slots=True)
class Market:
    """What the pump remembers of a symbol between ticks."""

    listing: Listing
    top: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    pending: dict[str, DepthChange] = field(default_factory=dict)


class Pump:
    """Publishes to the hub until it is cancelled."""

    def __init__(self, exchange: SimulatedExchange, hub: Hub, *, life_ms: float = 0) -> None:
        self._exchange, self._hub, self._life_ms = exchange, hub, life_ms
        self._clock = exchange.clock
        self._markets: dict[str, Market] = {}
        self.moment_ms = exchange.clock.now_ms() // TICK_MS * TICK_MS

    async def run(self) -> None:
        """Tick for ever."""
        loop = asyncio.get_running_loop()
        housekeeping = loop.time()
        while True:
            clock = self._exchange.clock
            missing_ms = self.moment_ms + TICK_MS - clock.now_ms()
            await asyncio.sleep(min(max(missing_ms / clock.speed / 1000, LEAST_WAIT_S), HOUSEKEEPING_S))
            self.tick()
            if loop.time() - housekeeping >= HOUSEKEEPING_S:
                housekeeping = loop.time()
                self.keep_house()

    def tick(self) -> None:
        """Publish what happened since the last tick."""
        self._hub.apply_script()
        clock = self._exchange.clock
        now = clock.now_ms() // TICK_MS * TICK_MS
        if clock is not self._clock:
            jump = abs(clock.now_ms() - self._clock.now_ms())
            self._clock = clock
            if jump > 1000 * max(1.0, clock.speed):
                self._begin_again(now, "the clock was set")
                return
        if now <= self.moment_ms:
            return
        for symbol_id, streams in self._hub.wanted().items():
            listing = self._exchange.listings.get(symbol_id)
            if listing is not None and not self._publish(listing, streams, now):
                return
        self.moment_ms = now
        self._hub.flush()

    def keep_house(self) -> None:
        """Ping, and end connections that are a day old on the exchange's clock and not just a few moments on the wall's."""
        clock = self._exchange.clock
        now, life = clock.now_ms(), self._life_ms or max(LIFE_MS, LEAST_LIFE_S * 1000 * clock.speed)
        for connection in tuple(self._hub.connections):
            if now - connection.opened_ms >= life:
                connection.close(1001, "24 hours are over")
            else:
                connection.keep_alive()

    def _begin_again(self, now: int, reason: str) -> None:
        """Nothing that clients hold is true any more: they must connect and look anew."""
        self._markets.clear()
        self.moment_ms = now
        self._hub.close_all(reason, api=False)

    def _publish(self, listing: Listing, streams: list[Stream], now: int) -> bool:
        market = self._markets.setdefault(listing.symbol.id, Market(listing))
        if market.listing is not listing:
            self._begin_again(now, "the market was replaced")
            return False
        end = listing.source.end_ms()
        until = now if end is None else min(now, end)
        if until <= self.moment_ms or (until == now and not self._exchange.trading(listing)):
            return True
        step = Step(listing, self.moment_ms, until, skew_ms=self._exchange.skew_ms)
        gone = market.pending.keys() - {stream.name for stream in streams}
        for name in gone:
            del market.pending[name]
        for stream in streams:
            for event in _events(stream, step, market):
                self._hub.publish(stream, event)
        return True


def _events(stream: Stream, step: Step, market: Market) -> Iterator[Event]:
    match stream.kind:
        case "trade":
            yield from (payloads.trade(step.symbol_id, item, step.told_ms) for item in step.trades)
        case "aggTrade":
            yield from (payloads.aggregate_trade(step.symbol_id, item, step.told_ms) for item in aggregates(step.trades))
        case "kline":
            yield from _klines(stream, step)
        case "miniTicker" if step.crosses(stream.pace_ms):
            yield payloads.mini_ticker(step.symbol_id, step.day, step.told_ms)
        case "ticker" if step.crosses(stream.pace_ms):
            yield payloads.ticker(step.symbol_id, step.day, step.book, step.told_ms)
        case "bookTicker":
            top = (step.book.bids[:1], step.book.asks[:1])
            if market.top.get(stream.name) != top:
                market.top[stream.name] = top
                yield payloads.book_ticker(step.symbol_id, step.book, step.update_id)
        case "partialDepth" if step.crosses(stream.pace_ms):
            yield payloads.partial_depth(step.book, step.update_id, stream.levels)
        case "depth":
            yield from _depth(stream, step, market)
        case _:
            return


def _klines(stream: Stream, step: Step) -> Iterator[Event]:
    """Each candle that closed, and the one in progress once a second."""
    source, length = step.listing.source, TIMEFRAME_MS.get(stream.interval)
    if length is None or length % source.step_ms:
        return
    now_open = step.to_ms // length * length
    for open_ms in range(step.from_ms // length * length, now_open, length):
        for row in _rows(step, stream.interval, open_ms):
            yield payloads.kline(step.symbol_id, stream.interval, row, step.told_ms, closed=True)
    if step.crosses(stream.pace_ms):
        for row in _rows(step, stream.interval, now_open):
            yield payloads.kline(step.symbol_id, stream.interval, row, step.told_ms, closed=False)


def _rows(step: Step, interval: str, open_ms: int) -> list[payloads.Row]:
    found = klines(step.listing.source, interval, now_ms=step.to_ms, start_ms=open_ms, end_ms=open_ms, limit=1)
    return rows(found, interval)


def _depth(stream: Stream, step: Step, market: Market) -> Iterator[Event]:
    if stream.pace_ms == TICK_MS:
        yield from (payloads.depth_change(step.symbol_id, change, skew_ms=step.skew_ms) for change in step.changes)
        return
    for change in step.changes:
        if stream.name in market.pending:
            market.pending[stream.name].add(change)
        else:
            market.pending[stream.name] = replace(change, bids=dict(change.bids), asks=dict(change.asks))
    if step.crosses(stream.pace_ms) and stream.name in market.pending:
        yield payloads.depth_change(step.symbol_id, market.pending.pop(stream.name), skew_ms=step.skew_ms)
