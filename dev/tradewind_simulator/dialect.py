"""What all of the exchange's interfaces share: answers and parameters. Errors are in `errors`."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import orjson
from aiohttp import web

from tradewind_simulator.errors import DialectError, missing, no_symbol
from tradewind_simulator.exchange import Listing, SimulatedExchange

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.Response]]
Answering: TypeAlias = Callable[[Mapping[str, str]], object]  # parameters in, what becomes JSON out


def answer(value: object, status: int = 200) -> web.Response:
    """Return a JSON answer."""
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")


def number(text: str | None, name: str) -> int | None:
    """Return a whole number that was sent, None where it was not. Raises DialectError."""
    if text is None:
        return None
    if not text.isdecimal() or not text.isascii() or len(text) > 15:
        raise DialectError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
    return int(text)


def limit(text: str | None, *, default: int, most: int) -> int:
    """Return how many rows are wanted: at least one, at most `most`. Raises DialectError."""
    wanted = number(text, "limit")
    return default if wanted is None else max(1, min(wanted, most))


def find_listing(exchange: SimulatedExchange, symbol_id: str | None) -> Listing:
    """Return the listing of the exchange's own name. Raises DialectError."""
    if not symbol_id:
        raise missing("symbol")
    if symbol_id not in exchange.listings:
        raise no_symbol(symbol_id)
    return exchange.listings[symbol_id]


def names_of(text: str) -> list[str]:
    """Return the symbols of a JSON list. Raises DialectError."""
    try:
        names = orjson.loads(text)
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DialectError(-1100, "Illegal characters found in parameter 'symbols'; legal range is a JSON list of symbols.")
    if not names:
        raise missing("symbols")
    return names
