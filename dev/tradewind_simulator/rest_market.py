"""Market data over REST: depth, trades, average price and tickers.

Source: the exchange's public documentation of its spot REST API (market data). Aggregate trades have the number of their first
trade, so their numbers rise but have gaps.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from aiohttp import web

from tradewind_engine.trading.book import Print
from tradewind_simulator.dialect import Handler, answer, find_listing, limit, names_of, number
from tradewind_simulator.errors import DialectError
from tradewind_simulator.exchange import Listing, SimulatedExchange
from tradewind_simulator.market import books, depth
from tradewind_simulator.market.statistics import Aggregate, Day, aggregates, day, last_trades
from tradewind_simulator.streams.payloads import best, partial_depth

MOST_LEVELS, MOST_TRADES = 5000, 1000
DEFAULT_LEVELS, DEFAULT_TRADES = 100, 500
HOUR_MS = 3_600_000
AVERAGE_MINUTES = 5


class Published(Protocol):
    """The moment until which the streams have told what happened."""

    moment_ms: int


class RestMarket:
    """Handlers over one exchange. Depth is that of the published moment, so that it fits between two diffs of the streams."""

    def __init__(self, exchange: SimulatedExchange, published: Published) -> None:
        self._exchange, self._published = exchange, published

    def handlers(self) -> dict[str, tuple[Handler, int]]:
        """Return handler and weight by path below `/api/v3/`."""
        return {
            "depth": (self.depth, 5),
            "trades": (self.trades, 25),
            "aggTrades": (self.aggregate_trades, 4),
            "avgPrice": (self.average_price, 2),
            "ticker/24hr": (self.day, 2),
            "ticker/bookTicker": (self.book_ticker, 2),
        }

    async def depth(self, request: web.Request) -> web.Response:
        """Answer the book and the number of its last update."""
        listing = self._listing(request)
        count = limit(request.query.get("limit"), default=DEFAULT_LEVELS, most=MOST_LEVELS)
        moment = self._published.moment_ms
        return answer(partial_depth(books.book(listing, moment), depth.update_id(listing, moment), count))

    async def trades(self, request: web.Request) -> web.Response:
        """Answer the newest trades, oldest first."""
        listing = self._listing(request)
        count = limit(request.query.get("limit"), default=DEFAULT_TRADES, most=MOST_TRADES)
        return answer([_trade(item) for item in last_trades(listing, self._exchange.clock.now_ms(), count)])

    async def aggregate_trades(self, request: web.Request) -> web.Response:
        """Answer aggregate trades: the newest, or those from `fromId` on, or those between two times."""
        listing, query, now = self._listing(request), request.query, self._exchange.clock.now_ms()
        count = limit(query.get("limit"), default=DEFAULT_TRADES, most=MOST_TRADES)
        first_id, start, end = (number(query.get(name), name) for name in ("fromId", "startTime", "endTime"))
        if first_id is not None:
            if start is not None or end is not None:
                raise DialectError(-1128, "Combination of optional parameters invalid.")
            since = books.moment_before(listing, first_id)
            until = min(now, since + count * listing.source.step_ms)
            found = [item for item in books.trades(listing, since, until) if item.trade_id >= first_id]
        elif start is not None or end is not None:
            until = now if end is None else min(end, now)
            found = books.trades(listing, until - HOUR_MS if start is None else start - 1, until)
        else:
            found = last_trades(listing, now, 2 * count)
            return answer([_aggregate(item) for item in aggregates(found)[-count:]])
        return answer([_aggregate(item) for item in aggregates(found)[:count]])

    async def average_price(self, request: web.Request) -> web.Response:
        """Answer the average of the last five minutes, weighted by volume."""
        listing, now = self._listing(request), self._exchange.clock.now_ms()
        minutes = max(AVERAGE_MINUTES * 60_000, listing.source.step_ms)
        candles = listing.source.candles(now - minutes, now + 1, now)
        volume = float(candles.volume.sum()) if len(candles) else 0.0
        price = float((candles.volume * candles.close).sum()) / volume if volume else _last_price(listing, now)
        newest = last_trades(listing, now, 1)
        closed = newest[0].time_ms if newest else now
        return answer({"mins": AVERAGE_MINUTES, "price": f"{price:.8f}", "closeTime": closed})

    async def day(self, request: web.Request) -> web.Response:
        """Answer the last 24 hours of one, some or all symbols."""
        now, short = self._exchange.clock.now_ms(), request.query.get("type", "FULL")
        if short not in {"FULL", "MINI"}:
            raise DialectError(-1139, "Invalid ticker type.")

        def tell(listing: Listing) -> dict[str, Any]:
            found = day(listing, now)
            return _mini_day(listing, found) if short == "MINI" else _full_day(listing, found, now)

        return self._each(request, tell)

    async def book_ticker(self, request: web.Request) -> web.Response:
        """Answer the best bid and ask of one, some or all symbols."""
        now = self._exchange.clock.now_ms()

        def tell(listing: Listing) -> dict[str, Any]:
            top = books.book(listing, now)
            bid, ask = best(top.bids), best(top.asks)
            return {"symbol": listing.symbol.id, "bidPrice": bid[0], "bidQty": bid[1], "askPrice": ask[0], "askQty": ask[1]}

        return self._each(request, tell)

    def _listing(self, request: web.Request) -> Listing:
        return find_listing(self._exchange, request.query.get("symbol"))

    def _each(self, request: web.Request, tell: Callable[[Listing], dict[str, Any]]) -> web.Response:
        """Answer an object for `symbol`, a list for `symbols` or for all."""
        query = request.query
        if "symbol" in query and "symbols" in query:
            raise DialectError(-1128, "Combination of optional parameters invalid.")
        if "symbol" in query:
            return answer(tell(self._listing(request)))
        names: Sequence[str] = names_of(query["symbols"]) if "symbols" in query else list(self._exchange.listings)
        return answer([tell(find_listing(self._exchange, name)) for name in names])


def _last_price(listing: Listing, now_ms: int) -> float:
    candles = books.latest(listing.source, now_ms)
    return float(candles.close[-1]) if len(candles) else 0.0


def _trade(item: Print) -> dict[str, Any]:
    return {
        "id": item.trade_id,
        "price": f"{item.price:.8f}",
        "qty": f"{item.amount:.8f}",
        "quoteQty": f"{item.price * item.amount:.8f}",
        "time": item.time_ms,
        "isBuyerMaker": item.taker == "sell",
        "isBestMatch": True,
    }


def _aggregate(item: Aggregate) -> dict[str, Any]:
    return {
        "a": item.first_id,
        "p": f"{item.price:.8f}",
        "q": f"{item.amount:.8f}",
        "f": item.first_id,
        "l": item.last_id,
        "T": item.time_ms,
        "m": item.taker == "sell",
        "M": True,
    }


def _mini_day(listing: Listing, found: Day) -> dict[str, Any]:
    return {
        "symbol": listing.symbol.id,
        "openPrice": f"{found.open:.8f}",
        "highPrice": f"{found.high:.8f}",
        "lowPrice": f"{found.low:.8f}",
        "lastPrice": f"{found.close:.8f}",
        "volume": f"{found.volume:.8f}",
        "quoteVolume": f"{found.quote_volume:.8f}",
        "openTime": found.open_ms,
        "closeTime": found.close_ms,
        "firstId": found.first_id,
        "lastId": found.last_id,
        "count": found.count,
    }


def _full_day(listing: Listing, found: Day, now_ms: int) -> dict[str, Any]:
    top = books.book(listing, now_ms)
    bid, ask = best(top.bids), best(top.asks)
    return _mini_day(listing, found) | {
        "priceChange": f"{found.change:.8f}",
        "priceChangePercent": f"{found.change_pct:.3f}",
        "weightedAvgPrice": f"{found.average:.8f}",
        "prevClosePrice": f"{found.before:.8f}",
        "lastQty": f"{found.last_amount:.8f}",
        "bidPrice": bid[0],
        "bidQty": bid[1],
        "askPrice": ask[0],
        "askQty": ask[1],
    }
