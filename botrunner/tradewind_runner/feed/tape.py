"""Books and trades of the market by WebSocket through ccxt.pro, for paper orders that are filled in the market's own book.

When a socket breaks or falls silent the books are empty until another one has shown them: nothing is filled in a market that
nobody sees. Errors of ccxt end here.
"""

import asyncio
import itertools
import logging
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tradewind_api.ledger import Side
from tradewind_api.runner import ExchangeConfig
from tradewind_engine.trading.book import Book, Level, Print
from tradewind_engine.trading.orders import possible
from tradewind_runner.exchange import ccxt_settings
from tradewind_runner.lean_ccxt import UnknownExchangeError, new_session, streaming_class
from tradewind_runner.spread import spread

log = logging.getLogger("tradewind.runner")
SILENCE_S, PAUSE_S, PAUSE_MOST_S, LEVELS, BLIND_S = 25.0, 0.2, 10.0, 50, 5.0
EMPTY = Book((), ())
WATCHED = {"watchOrderBook": "order books", "watchTrades": "trades"}


async def unwatchable(config: ExchangeConfig) -> list[str]:
    """Return what is needed here and ccxt does not stream of an exchange."""
    try:
        kind = streaming_class(config.ccxt_id)
    except UnknownExchangeError:
        return list(WATCHED.values())
    session = new_session()
    exchange = kind(ccxt_settings(config, session))
    try:
        return [words for ability, words in WATCHED.items() if not exchange.has.get(ability)]
    finally:
        await exchange.close()
        await session.close()


class Tape:
    """Tells `show(symbol, book)` and `printed(symbol, trade)` for ever."""

    def __init__(
        self,
        config: ExchangeConfig,
        markets: Callable[[], list[dict[str, Any]]],
        symbols: list[str],
        *,
        show: Callable[[str, Book], None],
        printed: Callable[[str, Print], None],
    ) -> None:
        self._config, self._markets, self._symbols = config, markets, symbols
        self._show, self._printed = show, printed
        self._heard = 0.0
        self._blind: dict[str, tuple[float, str]] = {}  # symbols without a book: since when, and why
        self._numbers = itertools.count(1)  # the exchange's own are no numbers everywhere

    def problem(self) -> str:
        """Return why there is no book to go by, an empty string when there is, or was a moment ago."""
        long_ago = asyncio.get_running_loop().time() - BLIND_S
        found = [f"no order book of {symbol}: {why}" for symbol, (since, why) in self._blind.items() if since <= long_ago]
        return "; ".join(found)

    async def run(self) -> None:
        """Keep one connection after another."""
        loop, pause = asyncio.get_running_loop(), PAUSE_S
        while True:
            opened = loop.time()
            problem = await self._use_one_connection()
            log.warning("books and trades: %s", problem)
            for symbol in self._symbols:
                self._show(symbol, EMPTY)
                self._blind[symbol] = self._blind.get(symbol, (loop.time(), ""))[0], problem
            pause = PAUSE_S if loop.time() - opened > SILENCE_S else min(pause * 2, PAUSE_MOST_S)
            await asyncio.sleep(spread(pause))

    async def _use_one_connection(self) -> str:
        """Watch until it breaks or falls silent, and return why it ended."""
        loop = asyncio.get_running_loop()
        session = new_session()
        exchange = streaming_class(self._config.ccxt_id)(ccxt_settings(self._config, session))
        exchange.set_markets(self._markets())
        self._heard = loop.time()
        watches = {asyncio.create_task(self._watch_book(exchange, symbol)) for symbol in self._symbols}
        watches |= {asyncio.create_task(self._watch_trades(exchange, symbol)) for symbol in self._symbols}
        try:
            while True:
                wait = max(0.0, self._heard + SILENCE_S - loop.time())
                done, _ = await asyncio.wait(watches, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
                if done:
                    return next(iter(done)).result()
                if loop.time() >= self._heard + SILENCE_S:
                    return f"no message within {SILENCE_S:.0f} s"
        finally:
            for watch in watches:
                watch.cancel()
            await asyncio.gather(*watches, return_exceptions=True)
            await exchange.close()
            await session.close()

    async def _watch_book(self, exchange: Any, symbol: str) -> str:
        from ccxt.base.errors import BaseError  # noqa: PLC0415 - only after the lean import

        try:
            while True:
                raw = await exchange.watch_order_book(symbol)
                self._heard = asyncio.get_running_loop().time()
                self._show(symbol, _book(raw))
                self._blind.pop(symbol, None)
        except (BaseError, TimeoutError, OSError, ValueError, TypeError, KeyError, ArithmeticError) as exc:
            return f"{type(exc).__name__}: {str(exc)[:200]}"

    async def _watch_trades(self, exchange: Any, symbol: str) -> str:
        from ccxt.base.errors import BaseError  # noqa: PLC0415 - only after the lean import

        try:
            while True:
                for raw in await exchange.watch_trades(symbol):
                    self._heard = asyncio.get_running_loop().time()
                    self._printed(symbol, _print(raw, next(self._numbers)))
        except (BaseError, TimeoutError, OSError, ValueError, TypeError, KeyError, ArithmeticError) as exc:
            return f"{type(exc).__name__}: {str(exc)[:200]}"


def _book(raw: Any) -> Book:
    """Return a book. Raises ValueError where none can be so: whoever bid that much would have bought."""
    found = Book(_side(raw["bids"]), _side(raw["asks"]))
    if found.bids and found.asks and found.bids[0][0] >= found.asks[0][0]:
        raise ValueError(f"no book can bid {found.bids[0][0]} and ask {found.asks[0][0]}")
    return found


def _side(levels: Any) -> tuple[Level, ...]:
    """Return the best levels. Raises ValueError where one cannot be: no order is matched with it."""
    found = tuple((Decimal(str(level[0])), Decimal(str(level[1]))) for level in levels[:LEVELS])
    for price, amount in found:
        if not (possible(price) and possible(amount) and price and amount):
            raise ValueError(f"no book can offer {amount} at {price}")
    return found


def _print(raw: dict[str, Any], number: int) -> Print:
    taker: Side | None = raw["side"] if raw.get("side") in {"buy", "sell"} else None
    price, amount = Decimal(str(raw["price"])), Decimal(str(raw["amount"]))
    if not (possible(price) and possible(amount) and price and amount):
        raise ValueError(f"no trade can be {amount} at {price}")
    return Print(number, int(raw["timestamp"]), price, amount, taker)
