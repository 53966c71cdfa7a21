"""The exchange's REST interface, public part: ping, time, exchangeInfo, klines, prices. Errors as the exchange words them.

Source: the exchange's public documentation of its spot REST API (general information, errors, market data).
"""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from aiohttp import web

from tradewind_api.document.model import TIMEFRAME_MS
from tradewind_simulator.dialect import Handler, answer, find_listing, limit, number
from tradewind_simulator.errors import DialectError, missing
from tradewind_simulator.exchange import Listing, SimulatedExchange
from tradewind_simulator.gateway import Gateway
from tradewind_simulator.klines import DEFAULT, MOST, klines, rows
from tradewind_simulator.market.books import latest


class Rest:
    """Handlers over one exchange, behind its gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway, self._exchange = gateway, gateway.exchange

    def application(self, more: Mapping[str, tuple[Handler, int]] | None = None) -> web.Application:
        """Return the web application, with `more` handlers and their weights by path."""
        app = web.Application(client_max_size=1_000_000)
        table: dict[str, tuple[Handler, int]] = {
            "ping": (self.ping, 1),
            "time": (self.time, 1),
            "exchangeInfo": (self.exchange_info, 20),
            "klines": (self.klines, 2),
            "uiKlines": (self.klines, 2),
            "ticker/price": (self.price, 2),
        }
        for path, (handler, weight) in (table | dict(more or {})).items():
            app.router.add_get(f"/api/v3/{path}", self._gateway.public(handler, weight))
        return app

    async def ping(self, _: web.Request) -> web.Response:
        """Answer that we are there."""
        return answer({})

    async def time(self, _: web.Request) -> web.Response:
        """Answer virtual time."""
        return answer({"serverTime": self._exchange.told_ms()})

    async def exchange_info(self, request: web.Request) -> web.Response:
        """Answer rules and symbols; `symbol` asks for one, `symbols` for those of a JSON list."""
        wanted, several = request.query.get("symbol"), request.query.get("symbols")
        if several is not None:
            listings = [self._listing(name) for name in _listed(several)]
        else:
            listings = [self._listing(wanted)] if wanted else list(self._exchange.listings.values())
        return answer(exchange_info(self._exchange, listings))

    async def klines(self, request: web.Request) -> web.Response:
        """Answer candles, the one in progress last."""
        listing, query = self._listing(request.query.get("symbol")), request.query
        interval = query.get("interval", "")
        if not interval:
            raise missing("interval")
        if interval not in TIMEFRAME_MS or TIMEFRAME_MS[interval] % listing.source.step_ms:
            raise DialectError(-1120, "Invalid interval.")
        candles = klines(
            listing.source,
            interval,
            now_ms=self._exchange.clock.now_ms(),
            start_ms=number(query.get("startTime"), "startTime"),
            end_ms=number(query.get("endTime"), "endTime"),
            limit=limit(query.get("limit"), default=DEFAULT, most=MOST),
        )
        return answer(rows(candles, interval))

    async def price(self, request: web.Request) -> web.Response:
        """Answer the price of a symbol now."""
        listing, now = self._listing(request.query.get("symbol")), self._exchange.clock.now_ms()
        candles = latest(listing.source, now)
        price = float(candles.close[-1]) if len(candles) else 0.0
        return answer({"symbol": listing.symbol.id, "price": f"{price:.8f}"})

    def _listing(self, name: str | None) -> Listing:
        return find_listing(self._exchange, name)


def exchange_info(exchange: SimulatedExchange, listings: Iterable[Listing]) -> dict[str, Any]:
    """Return limits, rules and symbols as exchangeInfo tells them."""
    return {
        "timezone": "UTC",
        "serverTime": exchange.told_ms(),
        "rateLimits": exchange.limiter.rules(),
        "exchangeFilters": [],
        "symbols": [exchange.info(listing) for listing in listings],
    }


def _listed(text: str) -> list[str]:
    try:
        names = orjson.loads(text)
    except ValueError:
        names = None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise DialectError(-1100, "Illegal characters found in parameter 'symbols'.")
    return names
