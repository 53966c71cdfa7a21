"""What a market shows: the book of resting offers, and the trades that it prints. All money is Decimal.

Recorded, live and made-up markets are brought into these two shapes; matching knows no others.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from tradewind_api.ledger import Side

Level: TypeAlias = tuple[Decimal, Decimal]
"""Price (quote per base) and displayed amount (base)."""


@dataclass(frozen=True, slots=True)
class Book:
    """Both sides, best level first, no price twice; `bids` fall, `asks` rise. May be empty, is never crossed."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class Print:
    """A trade of the market: `taker` is the side that took, None where a recording does not tell."""

    trade_id: int
    time_ms: int
    price: Decimal
    amount: Decimal
    taker: Side | None
