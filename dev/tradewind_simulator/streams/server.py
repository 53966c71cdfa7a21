"""`/ws`, `/ws/<streams>` and `/stream?streams=`: sockets that market data is pushed to, and the requests that come in on them.

Source: the exchange's public documentation of its WebSocket streams.
"""

from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from tradewind_simulator.exchange import SimulatedExchange
from tradewind_simulator.streams.connection import PONG, Connection, frame
from tradewind_simulator.streams.hub import MOST_STREAMS, Hub

METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
MOST_MESSAGE = 64 * 1024
MOST_LINE = 64 * 1024  # of an address: 1,024 streams stand in it


class StreamError(Exception):
    """A request that the exchange refuses: its code (0 property, 1 value, 2 request, 3 JSON) and words."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class StreamServer:
    """Handlers over one exchange and one hub."""

    def __init__(self, exchange: SimulatedExchange, hub: Hub) -> None:
        self._exchange, self._hub = exchange, hub

    def add_to(self, app: web.Application) -> None:
        """Add the paths."""
        app.router.add_get("/ws", self.raw)
        app.router.add_get("/ws/{streams:.*}", self.raw)
        app.router.add_get("/stream", self.combined)
        app.on_shutdown.append(self._say_good_bye)

    async def raw(self, request: web.Request) -> web.WebSocketResponse:
        """Push events as they are. A path without a stream, such as `/ws/3`, subscribes to nothing."""
        return await self._serve(request, request.match_info.get("streams", ""), combined=False)

    async def combined(self, request: web.Request) -> web.WebSocketResponse:
        """Push events together with the name of their stream."""
        return await self._serve(request, request.query.get("streams", ""), combined=True)

    async def _serve(self, request: web.Request, streams: str, *, combined: bool) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=False, compress=False, max_msg_size=MOST_MESSAGE, timeout=1.0)
        await socket.prepare(request)
        connection = Connection(socket, request, opened_ms=self._exchange.clock.now_ms(), combined=combined)
        self._hub.add(connection)
        try:
            if not self._hub.subscribe(connection, (name for name in streams.split("/") if name)):
                connection.close(WSCloseCode.POLICY_VIOLATION, f"at most {MOST_STREAMS} streams")
            async for message in socket:
                if connection.too_many(self._exchange.clock.now_ms()):
                    connection.close(WSCloseCode.POLICY_VIOLATION, "Too many requests")
                    break
                self._take(connection, message)
            await connection.closed()
        finally:
            self._hub.remove(connection)
        return socket

    def _take(self, connection: Connection, message: WSMessage) -> None:
        match message.type:
            case WSMsgType.TEXT | WSMsgType.BINARY:
                connection.send(frame(orjson.dumps(self.answer(connection, message.data))))
            case WSMsgType.PING:
                connection.send(frame(bytes(message.data), PONG))
            case WSMsgType.PONG:
                connection.ponged()
            case _:
                return

    def answer(self, connection: Connection, text: str | bytes) -> dict[str, Any]:
        """Carry out a request and return what the client is told."""
        asked: Any = {}
        try:
            try:
                asked = orjson.loads(text)
            except ValueError as exc:
                raise StreamError(3, f"Invalid JSON: {exc}") from None
            return {"result": self._carry_out(connection, asked), "id": asked.get("id")}
        except StreamError as exc:
            known = asked.get("id") if isinstance(asked, dict) else None
            return {"error": {"code": exc.code, "msg": exc.message}, "id": known}

    def _carry_out(self, connection: Connection, asked: Any) -> Any:
        if not isinstance(asked, dict) or "method" not in asked:
            raise StreamError(2, "Invalid request: missing field `method`")
        number = asked.get("id")
        if not (number is None or isinstance(number, str) or (isinstance(number, int) and not isinstance(number, bool))):
            raise StreamError(2, "Invalid request: request ID must be an integer, a string or null")
        method, wanted = asked["method"], asked.get("params", [])
        if method not in METHODS:
            raise StreamError(2, f"Invalid request: unknown variant {method}, expected one of {', '.join(METHODS)}")
        return self._methods()[method](connection, wanted)

    def _methods(self) -> dict[str, Callable[[Connection, Any], Any]]:
        return {
            "SUBSCRIBE": self._subscribe,
            "UNSUBSCRIBE": self._unsubscribe,
            "LIST_SUBSCRIPTIONS": lambda connection, _: list(connection.streams),
            "SET_PROPERTY": _set_property,
            "GET_PROPERTY": _get_property,
        }

    def _subscribe(self, connection: Connection, wanted: Any) -> None:
        if not self._hub.subscribe(connection, _names(wanted)):
            raise StreamError(2, f"Invalid request: at most {MOST_STREAMS} streams are allowed on a connection")

    def _unsubscribe(self, connection: Connection, wanted: Any) -> None:
        self._hub.unsubscribe(connection, _names(wanted))

    async def _say_good_bye(self, _: web.Application) -> None:
        self._hub.say_good_bye(self._exchange.clock.now_ms())
        self._hub.close_all("the server shuts down")


def _names(wanted: Any) -> list[str]:
    if not isinstance(wanted, list) or not wanted:
        raise StreamError(2, "Invalid request: params must be a list of streams")
    if not all(isinstance(name, str) for name in wanted):
        raise StreamError(2, "Invalid request: a stream must be a string")
    return wanted


def _set_property(connection: Connection, wanted: Any) -> None:
    match wanted:
        case ["combined", bool(value)]:
            connection.combined = value
        case ["combined", *_]:
            raise StreamError(1, "Invalid value type: expected Boolean")
        case _:
            raise StreamError(0, "Unknown property")


def _get_property(connection: Connection, wanted: Any) -> bool:
    if wanted != ["combined"]:
        raise StreamError(0, "Unknown property")
    return connection.combined
