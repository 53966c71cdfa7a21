"""The trading floor of one symbol: its matching, moved along the market's own time.

The market is looked at every 100 ms of virtual time (more seldom where the clock runs faster than tenfold) and when an order
comes in; between two looks only trades are told. So what becomes of an order depends on when orders were placed and on nothing
that the machine does.
"""

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal

from tradewind_engine.trading.book import Print
from tradewind_engine.trading.matching import MatchingMarket
from tradewind_engine.trading.offers import Outcome
from tradewind_simulator.exchange import Listing, SimulatedExchange
from tradewind_simulator.filters import Filters, compile_filters
from tradewind_simulator.market.books import book, trades
from tradewind_simulator.market.statistics import last_trades

LOOK_MS = 100
MOST_LOOKS = 600  # at once: a clock that is set forward is followed in longer steps


@dataclass(slots=True)
class Floor:
    """`moment` is the last look at the market; `prints` are the trades from there to the next one, as far as not yet told.

    `status` is the symbol's when it was last moved, `rules` the number of the exchange's rules that `filters` are of.
    """

    listing: Listing
    market: MatchingMarket
    filters: Filters
    rules: int
    status: str = ""
    moment: int = -1
    told: int = -1  # matching knows all trades until then
    prints: deque[Print] = field(default_factory=deque)
    ahead: list[Print] | None = None  # all trades from `moment` to the next look, once somebody waits for them
    averages: dict[int, Decimal | None] = field(default_factory=dict)

    def advance(self, now_ms: int, speed: float) -> list[Outcome]:
        """Move the market to `now_ms` and return what that did to orders."""
        step = _step(speed)
        outcomes: list[Outcome] = []
        if not self.market.idle and self.moment <= now_ms:
            if now_ms - self.moment > MOST_LOOKS * step:
                step = (now_ms - self.moment) // MOST_LOOKS // LOOK_MS * LOOK_MS + LOOK_MS
                self.prints = deque(trades(self.listing, self.told, self.moment + step))
            while True:
                self.told = max(self.told, min(now_ms, self.moment + step))
                while self.prints and self.prints[0].time_ms <= self.told:
                    outcomes += self.market.printed(self.prints.popleft())
                if self.moment + step > now_ms:
                    break
                self._look(self.moment + step, step)
        elif now_ms < self.moment or now_ms >= self.moment + step:  # nobody waits: go there at once
            self._look(now_ms // step * step, 0)
        self.told = now_ms
        return outcomes

    def look(self, speed: float) -> None:
        """Show matching the book of the moment that it was moved to: an order meets no older one, however fast time runs."""
        if self.told - self.moment >= LOOK_MS:
            self._look(self.told // LOOK_MS * LOOK_MS, 0 if self.market.idle else _step(speed))

    def watch(self, now_ms: int, speed: float) -> None:
        """Begin to follow the market's trades: the first order waits for them. What matching knew of the last price is old."""
        self.market.last = None
        if self.ahead is None:
            self.ahead = trades(self.listing, self.moment, self.moment + _step(speed))
        self.prints = deque(trade for trade in self.ahead if trade.time_ms > now_ms)
        self.told = now_ms

    def skip(self, now_ms: int, speed: float) -> None:
        """Go to `now_ms` without what was traded on the way: the symbol was halted."""
        if now_ms // LOOK_MS * LOOK_MS != self.moment:
            self._look(now_ms // LOOK_MS * LOOK_MS, 0)
            if not self.market.idle:
                self.watch(now_ms, speed)
        self.told = now_ms

    def learn_last(self, now_ms: int) -> None:
        """Tell matching the last price of a market that nobody followed, or has printed nothing since somebody does."""
        if self.market.idle or self.market.last is None:
            near = trades(self.listing, now_ms - 2 * self.listing.source.step_ms, now_ms)
            if found := near or last_trades(self.listing, now_ms, 1):
                self.market.last = found[-1].price

    def average(self, minutes: int, now_ms: int) -> Decimal | None:
        """Return the mean close of the last minutes, the middle of the book for 0; None where there is none."""
        averages = self.averages
        if minutes not in averages:
            averages[minutes] = self._average(minutes, now_ms)
        return averages[minutes]

    def _average(self, minutes: int, now_ms: int) -> Decimal | None:
        if minutes:
            found = self.listing.source.candles(now_ms - max(minutes * 60_000, self.listing.source.step_ms), now_ms + 1, now_ms)
            if len(found):
                return Decimal(f"{float(found.close.mean()):.8f}")
        shown = self.market.book
        if shown.bids and shown.asks:
            return (shown.bids[0][0] + shown.asks[0][0]) / 2
        return None

    def _look(self, moment: int, ahead_ms: int) -> None:
        self.moment = moment
        self.averages.clear()
        self.market.show(book(self.listing, moment))
        self.ahead = trades(self.listing, max(moment, self.told), moment + ahead_ms) if ahead_ms else None
        self.prints = deque(self.ahead or ())


def _step(speed: float) -> int:
    """Return how far apart two looks are in virtual ms."""
    return LOOK_MS if speed <= 10 else int(speed // 10 + 1) * LOOK_MS


def open_floor(exchange: SimulatedExchange, symbol: str) -> Floor:
    """Return the floor of a symbol that is listed."""
    listing = exchange.listings[symbol]
    filters = compile_filters(exchange.filters(listing))
    return Floor(listing, MatchingMarket(filters.step), filters, exchange.rules_changed)
