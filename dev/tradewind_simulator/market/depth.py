"""How a book changes: the numbered differences that the exchange's depth streams are made of.

A made-up book changes at most every 100 ms and is numbered by these; a recorded one has the numbers of its recording. Whoever
takes the book of one published moment and applies all changes after it has the book of any later published moment.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from tradewind_engine.trading.book import Book, Level
from tradewind_simulator.market import books

if TYPE_CHECKING:
    from tradewind_simulator.exchange import Listing

ZERO = Decimal(0)


@dataclass(slots=True)
class DepthChange:
    """New amounts by price, zero for a level that is gone, of the updates `first_id` to `last_id`, the last at `time_ms`."""

    first_id: int
    last_id: int
    bids: dict[Decimal, Decimal]
    asks: dict[Decimal, Decimal]
    time_ms: int

    def add(self, later: "DepthChange") -> None:
        """Take in the change that follows."""
        self.last_id, self.time_ms = later.last_id, later.time_ms
        self.bids.update(later.bids)
        self.asks.update(later.asks)


class DepthSource(Protocol):
    """A book that was recorded, with the exchange's own numbers."""

    def book(self, now_ms: int) -> Book:
        """Return the book at a moment; the same object as long as nothing changes."""
        ...

    def update_id(self, now_ms: int) -> int:
        """Return the number of the last update until a moment."""
        ...

    def changes(self, from_ms: int, to_ms: int) -> list[DepthChange]:
        """Return the changes after `from_ms` and until `to_ms`, oldest first."""
        ...


def update_id(listing: "Listing", moment_ms: int) -> int:
    """Return the number of the last update of the book until a moment."""
    if listing.depth is not None:
        return listing.depth.update_id(moment_ms)
    return moment_ms // books.CHANGES_MS


def changes(listing: "Listing", from_ms: int, to_ms: int) -> list[DepthChange]:
    """Return the changes after `from_ms` and until `to_ms`, oldest first."""
    if listing.depth is not None:
        return listing.depth.changes(from_ms, to_ms)
    first, last = update_id(listing, from_ms), update_id(listing, to_ms)
    if first == last:
        return []
    before = books.book(listing, from_ms)
    after = books.book(listing, to_ms)
    return [] if before is after else [difference(before, after, first_id=first + 1, last_id=last, time_ms=to_ms)]


def difference(before: Book, after: Book, *, first_id: int, last_id: int, time_ms: int) -> DepthChange:
    """Return what makes one book the other."""
    return DepthChange(first_id, last_id, _side(before.bids, after.bids), _side(before.asks, after.asks), time_ms)


def _side(before: tuple[Level, ...], after: tuple[Level, ...]) -> dict[Decimal, Decimal]:
    had, has = dict(before), dict(after)
    changed = {price: ZERO for price in had if price not in has}
    changed.update((price, amount) for price, amount in has.items() if had.get(price) != amount)
    return changed
