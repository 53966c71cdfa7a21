"""A server on a socket that answers signed order requests of Binance's dialect as a script says; all else it answers well.

For answers that no well-behaved exchange gives: each fault is real bytes, or their absence, on a real connection.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import parse_qsl

from aiohttp import web
from free_ports import free_port

FILTERS = [
    {"filterType": "PRICE_FILTER", "minPrice": "0.01000000", "maxPrice": "1000000.00000000", "tickSize": "0.01000000"},
    {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"},
    {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True, "maxNotional": "9000000.00000000"},
]
Script = Callable[[dict[str, str]], Any]


class ScriptedExchange:
    """`script` holds answers to the next POSTs of /order: (status, body[, headers]) or the word of a broken connection.

    An order is on the book when its answer is lost (`reset`, `silent`, `cut`, `502`...) if `takes` says so.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.script: list[Any] = []
        self.answers: dict[str, Any] = {}
        self.book: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.takes = True
        self.offset_ms = 0
        self.step = "0.00001000"
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    @property
    def posts(self) -> list[dict[str, str]]:
        return [query for method, path, query in self.requests if (method, path) == ("POST", "order")]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/api/v3/")
        query = {**dict(request.query), **dict(parse_qsl(await request.text()))}
        self.requests.append((request.method, path, query))
        if path in self.answers:
            return await self._give(self.answers[path], request)
        if (request.method, path) == ("POST", "order"):
            planned = self.script.pop(0) if self.script else None
            if planned is None or self.takes:
                self._take(query)
            return await self._give((200, self.book[query["newClientOrderId"]]) if planned is None else planned, request)
        return await self._give(self._well(request.method, path, query), request)

    def _well(self, method: str, path: str, query: dict[str, str]) -> Any:
        now = self._now()
        order = self.book.get(query.get("origClientOrderId", ""))
        match method, path:
            case _, "time":
                return 200, {"serverTime": now}
            case _, "exchangeInfo":
                return 200, {"symbols": [self._symbol()], "rateLimits": [], "serverTime": now}
            case "GET" | "DELETE", "order" if order is None:
                return 400, {"code": -2013 if method == "GET" else -2011, "msg": "Order does not exist."}
            case "GET", "order":
                return 200, {name: value for name, value in order.items() if name != "fills"}
            case "DELETE", "order":
                return 400, {"code": -2011, "msg": "Unknown order sent."}
            case _, "myTrades":
                return 200, [trade for each in self.book.values() for trade in _trades(each)]
            case _, "allOrders" | "openOrders":
                return 200, [{k: v for k, v in each.items() if k != "fills"} for each in self.book.values()]
            case _, "account":
                return 200, {"balances": [{"asset": "USDT", "free": "900.10000000", "locked": "99.90000000"}], "canTrade": True}
        return 404, {}

    def _take(self, query: dict[str, str]) -> None:
        cid, amount = query["newClientOrderId"], query["quantity"]
        number = len(self.book) + 1
        self.book[cid] = {
            "symbol": "BTCUSDT",
            "orderId": number,
            "clientOrderId": cid,
            "transactTime": self._now(),
            "time": self._now(),
            "price": query.get("price", "0.00000000"),
            "origQty": amount,
            "executedQty": amount,
            "cummulativeQuoteQty": "100.00000000",
            "status": "FILLED",
            "timeInForce": "GTC",
            "type": query["type"],
            "side": query["side"],
            "fills": [
                {
                    "price": "100.00000000",
                    "qty": amount,
                    "commission": "0.00001000",
                    "commissionAsset": "BTC",
                    "tradeId": 70 + number,
                }
            ],
        }

    def _symbol(self) -> dict[str, Any]:
        filters = [{**each, "stepSize": self.step} if each["filterType"] == "LOT_SIZE" else each for each in FILTERS]
        return {
            "symbol": "BTCUSDT",
            "status": "TRADING",
            "baseAsset": "BTC",
            "quoteAsset": "USDT",
            "baseAssetPrecision": 8,
            "quotePrecision": 8,
            "orderTypes": ["LIMIT", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT"],
            "isSpotTradingAllowed": True,
            "permissions": ["SPOT"],
            "filters": filters,
        }

    def _now(self) -> int:
        return 1_800_000_000_000 + self.offset_ms

    async def _give(self, planned: Any, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        match planned:
            case "reset":
                request.transport.abort()
                return web.Response()
            case "silent":
                await asyncio.sleep(3)
                return web.Response(status=504)
            case "cut":
                response = web.StreamResponse(headers={"Content-Length": "400"})
                await response.prepare(request)
                await response.write(b'{"symbol":"BTCU')
                request.transport.abort()
                return response
            case "long":
                response = web.StreamResponse()
                await response.prepare(request)
                for _ in range(10):
                    await response.write(b" " * 1_000_000)
                return response
        status, body, *rest = planned
        text = body if isinstance(body, str) else json.dumps(body)
        kind = "text/html" if text.startswith("<") else "application/json"
        return web.Response(status=status, text=text, content_type=kind, headers=rest[0] if rest else {})


def _trades(order: dict[str, Any]) -> list[dict[str, Any]]:
    common = {"symbol": "BTCUSDT", "orderId": order["orderId"], "time": order["time"], "isBuyer": order["side"] == "BUY"}
    return [{**fill, **common, "id": fill["tradeId"], "isMaker": False} for fill in order["fills"]]
