"""What a request weighs: most the same whatever they ask for, some more the more they do.

Source: the exchange's public documentation of its spot REST API (weights stand with each request).
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

Weight: TypeAlias = int | Callable[[Mapping[str, str]], int]
DEPTHS = ((100, 5), (500, 25), (1000, 50))
DEEPEST = 250
FEW, MANY = 20, 100


def of(weight: Weight, params: Mapping[str, str]) -> int:
    """Return what a request with these parameters weighs."""
    return weight if isinstance(weight, int) else weight(params)


def depth(params: Mapping[str, str]) -> int:
    """Return the weight of a book, by its levels."""
    levels = params.get("limit", "100")
    wanted = int(levels) if levels.isascii() and levels.isdigit() else 0
    return next((weight for most, weight in DEPTHS if wanted <= most), DEEPEST)


def ticker(params: Mapping[str, str]) -> int:
    """Return the weight of newest prices or best offers: one symbol, or several and all."""
    return 2 if "symbol" in params else 4


def day(params: Mapping[str, str]) -> int:
    """Return the weight of the figures of 24 hours, by how many symbols are named; all if none is."""
    if "symbol" in params:
        return 2
    names = params["symbols"].count(",") + 1 if "symbols" in params else MANY + 1
    return 2 if names <= FEW else 40 if names <= MANY else 80


def open_orders(params: Mapping[str, str]) -> int:
    """Return the weight of open orders: of one symbol, or of all."""
    return 6 if "symbol" in params else 80


def my_trades(params: Mapping[str, str]) -> int:
    """Return the weight of the account's trades: of one order, or of a symbol."""
    return 5 if "orderId" in params else 20


def order_test(params: Mapping[str, str]) -> int:
    """Return the weight of trying an order: with its commission, or without."""
    return 20 if params.get("computeCommissionRates") == "true" else 1
