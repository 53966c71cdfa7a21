"""How a book changes: the numbered differences that the exchange's depth streams are made of.

A made-up book changes at most every 100 ms and is numbered by these; a recorded one has the numbers of its recording. Whoever
takes the book of one published moment and applies all changes after it has the book of any later published moment.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from tradewind_engine.trading.book import Book, Level
from tradewind_simulator.market import books

if TYPE_CHECKING:
    from tradewind_simulator.exchange import Listing

ZERO = Decimal(0)


@dataclass(slots=True)
class DepthChange:
    """New amounts by price, zero for a level that is gone, of the updates `first_id` to `last_id`."""

    first_id: int
    last_id: int
    bids: dict[Decimal, Decimal] = field(default_factory=dict)
    asks: dict[Decimal, Decimal] = field(default_factory=dict)

    def add(self, later: "DepthChange") -> None:
        """Take in the change that follows."""
        self.last_id = later.last_id
        self.bids.update(later.bids)
        self.asks.update(later.asks)


def update_id(_: "Listing", moment_ms: int) -> int:
    """Return the number of the last update of the book until a moment."""
    return moment_ms // books.CHANGES_MS


def changes(listing: "Listing", from_ms: int, to_ms: int) -> list[DepthChange]:
    """Return the changes after `from_ms` and until `to_ms`, oldest first."""
    first, last = update_id(listing, from_ms), update_id(listing, to_ms)
    if first == last:
        return []
    before = books.book(listing, from_ms)
    after = books.book(listing, to_ms)
    return [difference(before, after, first_id=first + 1, last_id=last)] if before is not after else []


def difference(before: Book, after: Book, *, first_id: int, last_id: int) -> DepthChange:
    """Return what makes one book the other."""
    return DepthChange(first_id, last_id, _side(before.bids, after.bids), _side(before.asks, after.asks))


def _side(before: tuple[Level, ...], after: tuple[Level, ...]) -> dict[Decimal, Decimal]:
    had, has = dict(before), dict(after)
    changed = {price: ZERO for price in had if price not in has}
    changed.update((price, amount) for price, amount in has.items() if had.get(price) != amount)
    return changed
