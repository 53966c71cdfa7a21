"""Orders of ours that rest in a book, in the order in which they are served, with an estimate of what is before them."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from tradewind_api.ledger import Side
from tradewind_engine.trading.book import Level
from tradewind_engine.trading.offers import Offer

ZERO = Decimal(0)


@dataclass(slots=True)
class Resting:
    """An order in the book: `left` (base) is what it still wants, `ahead` (base) what is served before it at its price.

    `ahead` is None while its price lies deeper than what the market shows.
    """

    offer: Offer
    price: Decimal
    left: Decimal
    ahead: Decimal | None
    rank: tuple[Decimal, int]


class RestingSide:
    """The resting orders of one side, best first, and the earlier one first at the same price."""

    def __init__(self, side: Side) -> None:
        self._sign = -1 if side == "buy" else 1
        self.ranked: list[Resting] = []  # best first; changed here only
        self._by_id: dict[str, Resting] = {}

    def __iter__(self) -> Iterator[Resting]:
        """Iterate, best first; whoever takes orders out meanwhile iterates over a copy."""
        return iter(self.ranked)

    def __len__(self) -> int:
        """Return how many rest."""
        return len(self.ranked)

    def add(self, offer: Offer, price: Decimal, left: Decimal, ahead: Decimal | None, number: int) -> None:
        """Put an order into the book, behind all others at its price."""
        found = Resting(offer, price, left, ahead, (self._sign * price, number))
        insort(self.ranked, found, key=_rank)
        self._by_id[offer.order_id] = found

    def remove(self, order_id: str) -> bool:
        """Take an order out; False if it does not rest here."""
        found = self._by_id.pop(order_id, None)
        if found is None:
            return False
        del self.ranked[bisect_left(self.ranked, found.rank, key=_rank)]
        return True

    def get(self, order_id: str) -> Resting | None:
        """Return an order that rests here."""
        return self._by_id.get(order_id)

    def passed(self, price: Decimal, amount: Decimal) -> None:
        """Note that `amount` (base) of what the market shows at `price` has been taken."""
        for resting in self.ranked:
            if resting.price == price and resting.ahead is not None:
                resting.ahead = max(ZERO, resting.ahead - amount)

    def reached(self, levels: tuple[Level, ...]) -> None:
        """Note what the market shows: nobody has more before him than stands there, however it went away."""
        for resting in self.ranked:
            there = displayed(levels, resting.price, self._sign)
            if there is not None:
                resting.ahead = there if resting.ahead is None else min(resting.ahead, there)


def displayed(levels: tuple[Level, ...], price: Decimal, sign: int) -> Decimal | None:
    """Return what stands at `price`, None where it lies beyond the last level; `sign` is -1 for bids, 1 for asks."""
    if not levels:
        return ZERO
    if levels[0][0] == price:  # most often it is the best one that is asked for, or one that lies far beyond
        return levels[0][1]
    if sign * price > sign * levels[-1][0]:
        return None
    place = bisect_left(levels, sign * price, key=lambda level: sign * level[0])
    return levels[place][1] if levels[place][0] == price else ZERO


def _rank(resting: Resting) -> tuple[Decimal, int]:
    return resting.rank
