"""A market out of a recorded book: one depth snapshot and the numbered diffs that follow it, and the trades between.

The book is what the exchange's own documentation makes of them. Time is the exchange's (`E`), never the recorder's clock.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from decimal import Decimal

from tradewind_engine.trading.book import Book, Level, Print
from tradewind_simulator.market.depth import DepthChange
from tradewind_simulator.market.tape import TradeTape


class _Side:
    """Levels of one side, best first."""

    def __init__(self, levels: Iterable[Level], *, falling: bool) -> None:
        self._falling = falling
        self.levels = sorted(levels, key=lambda level: self._rank(level[0]))
        self._ranks = [self._rank(price) for price, _ in self.levels]

    def _rank(self, price: Decimal) -> Decimal:
        return -price if self._falling else price

    def set(self, price: Decimal, amount: Decimal) -> None:
        rank = self._rank(price)
        place = bisect_left(self._ranks, rank)
        there = place < len(self._ranks) and self._ranks[place] == rank
        if not amount:
            if there:
                del self._ranks[place], self.levels[place]
        elif there:
            self.levels[place] = (price, amount)
        else:
            self._ranks.insert(place, rank)
            self.levels.insert(place, (price, amount))


class BookTape(TradeTape):
    """A recorded book and its trades. Going back in time is allowed, and costs a new start from the snapshot."""

    def __init__(
        self, snapshot: Book, snapshot_id: int, diffs: Sequence[DepthChange], prints: Sequence[Print], *, first_ms: int
    ) -> None:
        last = max([first_ms, *(change.time_ms for change in diffs[-1:]), *(item.time_ms for item in prints[-1:])])
        super().__init__(prints, first_ms=first_ms, end_ms=last)
        self.snapshot, self._snapshot_id, self._diffs = snapshot, snapshot_id, diffs
        self._moments = [change.time_ms for change in diffs]
        self._start()

    def _start(self) -> None:
        self._applied = 0
        self._bids, self._asks = _Side(self.snapshot.bids, falling=True), _Side(self.snapshot.asks, falling=False)
        self._book = Book(tuple(self._bids.levels), tuple(self._asks.levels))

    def book(self, now_ms: int) -> Book:
        """Return the book at a moment; the same object as long as nothing changes."""
        wanted = bisect_right(self._moments, now_ms)
        if wanted < self._applied:
            self._start()
        if wanted > self._applied:
            for change in self._diffs[self._applied : wanted]:
                for price, amount in change.bids.items():
                    self._bids.set(price, amount)
                for price, amount in change.asks.items():
                    self._asks.set(price, amount)
            self._applied = wanted
            self._book = Book(tuple(self._bids.levels), tuple(self._asks.levels))
        return self._book

    def update_id(self, now_ms: int) -> int:
        """Return the number of the last update until a moment."""
        applied = bisect_right(self._moments, now_ms)
        return self._diffs[applied - 1].last_id if applied else self._snapshot_id

    def changes(self, from_ms: int, to_ms: int) -> list[DepthChange]:
        """Return the recorded changes after `from_ms` and until `to_ms`."""
        return list(self._diffs[bisect_right(self._moments, from_ms) : bisect_right(self._moments, to_ms)])
