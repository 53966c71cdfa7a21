"""The public calls, without a transport: parameters in, the answer's JSON out. REST and ws-api share them.

Source: the exchange's public documentation of its spot REST API (market data). Aggregate trades have the number of their first
trade, so their numbers rise but have gaps.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from tradewind_api.document.model import TIMEFRAME_MS
from tradewind_engine.candles import CandleError
from tradewind_engine.trading.book import Print
from tradewind_simulator import weights
from tradewind_simulator.dialect import Answering, find_listing, limit, names_of, number
from tradewind_simulator.errors import DialectError, missing
from tradewind_simulator.exchange import Listing, SimulatedExchange
from tradewind_simulator.klines import DEFAULT, MOST, klines, rows
from tradewind_simulator.market import books, depth
from tradewind_simulator.market.statistics import Aggregate, Day, aggregates, day, last_trades
from tradewind_simulator.streams.payloads import best, partial_depth
from tradewind_simulator.weights import Weight

MOST_LEVELS, MOST_TRADES = 5000, 1000
DEFAULT_LEVELS, DEFAULT_TRADES = 100, 500
HOUR_MS = 3_600_000
AVERAGE_MINUTES = 5


class Published(Protocol):
    """The moment until which the streams have told what happened."""

    moment_ms: int


class MarketCalls:
    """All of them, over one exchange. Depth is of the published moment, so that it fits between two diffs of the streams."""

    def __init__(self, exchange: SimulatedExchange, published: Published) -> None:
        self._exchange, self._published = exchange, published

    def by_path(self) -> dict[str, tuple[Answering, Weight]]:
        """Return call and weight by path below `/api/v3/`."""
        return {
            "depth": (self.depth, weights.depth),
            "trades": (self.trades, 25),
            "historicalTrades": (self.historical_trades, 25),
            "aggTrades": (self.aggregate_trades, 4),
            "klines": (self.klines, 2),
            "uiKlines": (self.klines, 2),
            "avgPrice": (self.average_price, 2),
            "ticker/24hr": (self.day, weights.day),
            "ticker/price": (self.price, weights.ticker),
            "ticker/bookTicker": (self.book_ticker, weights.ticker),
        }

    def depth(self, params: Mapping[str, str]) -> object:
        """Answer the book and the number of its last update."""
        listing = self._listing(params)
        count = limit(params.get("limit"), default=DEFAULT_LEVELS, most=MOST_LEVELS)
        moment = self._published.moment_ms
        return partial_depth(books.book(listing, moment), depth.update_id(listing, moment), count)

    def trades(self, params: Mapping[str, str]) -> object:
        """Answer the newest trades, oldest first."""
        listing = self._listing(params)
        count = limit(params.get("limit"), default=DEFAULT_TRADES, most=MOST_TRADES)
        return [_trade(item) for item in last_trades(listing, self._exchange.clock.now_ms(), count)]

    def historical_trades(self, params: Mapping[str, str]) -> object:
        """Answer trades from `fromId` on, or else the newest; oldest first."""
        listing, now = self._listing(params), self._exchange.clock.now_ms()
        first = number(params.get("fromId"), "fromId")
        if first is None:
            return self.trades(params)
        count = limit(params.get("limit"), default=DEFAULT_TRADES, most=MOST_TRADES)
        since = books.moment_before(listing, first)
        found = books.trades(listing, since, min(now, since + count * listing.source.step_ms))
        return [_trade(item) for item in found if item.trade_id >= first][:count]

    def aggregate_trades(self, params: Mapping[str, str]) -> object:
        """Answer aggregate trades: the newest, or those from `fromId` on, or those between two times."""
        listing, now = self._listing(params), self._exchange.clock.now_ms()
        count = limit(params.get("limit"), default=DEFAULT_TRADES, most=MOST_TRADES)
        first_id, start, end = (number(params.get(name), name) for name in ("fromId", "startTime", "endTime"))
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
            return [_aggregate(item) for item in aggregates(found)[-count:]]
        return [_aggregate(item) for item in aggregates(found)[:count]]

    def klines(self, params: Mapping[str, str]) -> object:
        """Answer candles, the one in progress last."""
        listing, interval = self._listing(params), params.get("interval", "")
        if not interval:
            raise missing("interval")
        if interval not in TIMEFRAME_MS or TIMEFRAME_MS[interval] % listing.source.step_ms:
            raise DialectError(-1120, "Invalid interval.")
        try:
            candles = klines(
                listing.source,
                interval,
                now_ms=self._exchange.clock.now_ms(),
                start_ms=number(params.get("startTime"), "startTime"),
                end_ms=number(params.get("endTime"), "endTime"),
                limit=limit(params.get("limit"), default=DEFAULT, most=MOST),
            )
        except CandleError as exc:
            raise DialectError(-1100, str(exc)) from exc
        return rows(candles, interval)

    def average_price(self, params: Mapping[str, str]) -> object:
        """Answer the average of the last five minutes, weighted by volume."""
        listing, now = self._listing(params), self._exchange.clock.now_ms()
        minutes = max(AVERAGE_MINUTES * 60_000, listing.source.step_ms)
        candles = listing.source.candles(now - minutes, now + 1, now)
        volume = float(candles.volume.sum()) if len(candles) else 0.0
        price = float((candles.volume * candles.close).sum()) / volume if volume else _last_price(listing, now)
        newest = last_trades(listing, now, 1)
        closed = newest[0].time_ms if newest else now
        return {"mins": AVERAGE_MINUTES, "price": f"{price:.8f}", "closeTime": closed}

    def day(self, params: Mapping[str, str]) -> object:
        """Answer the last 24 hours of one, some or all symbols."""
        now, short = self._exchange.clock.now_ms(), params.get("type", "FULL")
        if short not in {"FULL", "MINI"}:
            raise DialectError(-1139, "Invalid ticker type.")

        def tell(listing: Listing) -> dict[str, Any]:
            found = day(listing, now)
            return _mini_day(listing, found) if short == "MINI" else _full_day(listing, found, now)

        return self._each(params, tell)

    def price(self, params: Mapping[str, str]) -> object:
        """Answer the newest price of one, some or all symbols."""
        now = self._exchange.clock.now_ms()
        return self._each(params, lambda listing: {"symbol": listing.symbol.id, "price": f"{_last_price(listing, now):.8f}"})

    def book_ticker(self, params: Mapping[str, str]) -> object:
        """Answer the best bid and ask of one, some or all symbols."""
        now = self._exchange.clock.now_ms()

        def tell(listing: Listing) -> dict[str, Any]:
            top = books.book(listing, now)
            bid, ask = best(top.bids), best(top.asks)
            return {"symbol": listing.symbol.id, "bidPrice": bid[0], "bidQty": bid[1], "askPrice": ask[0], "askQty": ask[1]}

        return self._each(params, tell)

    def _listing(self, params: Mapping[str, str]) -> Listing:
        return find_listing(self._exchange, params.get("symbol"))

    def _each(self, params: Mapping[str, str], tell: Callable[[Listing], dict[str, Any]]) -> object:
        """Answer an object for `symbol`, a list for `symbols` or for all."""
        if "symbol" in params and "symbols" in params:
            raise DialectError(-1128, "Combination of optional parameters invalid.")
        if "symbol" in params:
            return tell(self._listing(params))
        names: Sequence[str] = names_of(params["symbols"]) if "symbols" in params else list(self._exchange.listings)
        return [tell(find_listing(self._exchange, name)) for name in names]


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
