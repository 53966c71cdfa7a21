"""The exchange's REST interface, public part: ping, time, exchangeInfo, and market data. Errors as the exchange words them.

Source: the exchange's public documentation of its spot REST API (general information, errors, market data).
"""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from aiohttp import web

from tradewind_simulator.dialect import Answering, Handler, answer, find_listing
from tradewind_simulator.errors import DialectError
from tradewind_simulator.exchange import Listing, SimulatedExchange
from tradewind_simulator.gateway import Gateway
from tradewind_simulator.weights import Weight


class Rest:
    """Handlers over one exchange, behind its gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway, self._exchange = gateway, gateway.exchange

    def application(self, market: Mapping[str, tuple[Answering, Weight]]) -> web.Application:
        """Return the web application, with the calls of market data and their weights by path."""
        app = web.Application(client_max_size=1_000_000)
        table: dict[str, tuple[Handler, Weight]] = {
            "ping": (self.ping, 1),
            "time": (self.time, 1),
            "exchangeInfo": (self.exchange_info, 20),
        }
        over_http = {path: (_over_http(call), weight) for path, (call, weight) in market.items()}
        for path, (handler, weight) in (table | over_http).items():
            app.router.add_get(f"/api/v3/{path}", self._gateway.public(handler, weight))
        app.router.add_get("/sapi/v1/system/status", self._gateway.public(self.status, 1))
        return app

    async def ping(self, _: web.Request) -> web.Response:
        """Answer that we are there."""
        return answer({})

    async def status(self, _: web.Request) -> web.Response:
        """Answer that nothing is under maintenance; what is, a fault says."""
        return answer({"status": 0, "msg": "normal"})

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

    def _listing(self, name: str | None) -> Listing:
        return find_listing(self._exchange, name)


def _over_http(call: Answering) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        return answer(call(request.query))

    return handle


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
