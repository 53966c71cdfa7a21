"""The socket of `/ws-api/v3`: requests are weighed, checked and carried out as over REST, the user's events come in between.

Source: the exchange's public documentation of its WebSocket API and of the user data stream. One thing is more than the
exchange has: `session.logon` takes HMAC keys too, which there want a signature with every request.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
from aiohttp import WSMessage, WSMsgType, web

from tradewind_simulator import weights
from tradewind_simulator.accounts import BAD_KEY, Account, ApiKey
from tradewind_simulator.calls import Calls
from tradewind_simulator.dialect import Answering, find_listing, names_of
from tradewind_simulator.errors import DialectError
from tradewind_simulator.faults import Rule
from tradewind_simulator.gateway import HTML, Gateway
from tradewind_simulator.journal import Entry
from tradewind_simulator.parameters import whole
from tradewind_simulator.rest import exchange_info
from tradewind_simulator.signing import check_signature, check_time
from tradewind_simulator.streams.connection import PONG, Connection, frame
from tradewind_simulator.streams.hub import Hub
from tradewind_simulator.weights import Weight
from tradewind_simulator.wsapi.envelope import Asked, BadRequestError, answer, failure, read_request, signed_payload
from tradewind_simulator.wsapi.methods import MARKET, signed_calls
from tradewind_simulator.wsapi.session import Session, Sessions
from tradewind_simulator.wsapi.straight import stand_before

MOST_MESSAGE = 64 * 1024
PATH = "/ws-api/v3"
TRUNCATED = b'{"id":1,"status":200,"result":{"symbol":"BTCUSDT","orderId":2'
Limits = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Own:
    """A method that needs no key, or is about the socket itself, and what it weighs."""

    call: Callable[[Session, dict[str, str]], Any]
    weight: Weight


class WsApi:
    """Handlers over one gateway."""

    def __init__(
        self, gateway: Gateway, calls: Calls, market: Mapping[str, tuple[Answering, Weight]], hub: Hub, sessions: Sessions
    ) -> None:
        self._gateway, self._hub, self._sessions = gateway, hub, sessions
        self._exchange = gateway.exchange
        self._endpoints = signed_calls(calls)
        self._own = {
            "ping": Own(self._ping, 1),
            "time": Own(self._time, 1),
            "exchangeInfo": Own(self._info, 20),
            "session.logon": Own(self._logon, 2),
            "session.status": Own(self._status, 2),
            "session.logout": Own(self._logout, 2),
            "session.subscriptions": Own(self._subscriptions, 2),
            "userDataStream.subscribe": Own(self._subscribe, 2),
            "userDataStream.subscribe.signature": Own(self._subscribe_signed, 2),
            "userDataStream.unsubscribe": Own(self._unsubscribe, 2),
            **{method: _public(*market[path]) for method, path in MARKET.items()},
        }
        self._tasks: set[asyncio.Task[None]] = set()

    def add_to(self, app: web.Application) -> None:
        """Add the path."""
        app.router.add_get(PATH, self.serve)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one socket."""
        socket = web.WebSocketResponse(autoping=False, compress=False, max_msg_size=MOST_MESSAGE, timeout=1.0)
        connection = Connection(socket, request, opened_ms=self._exchange.clock.now_ms(), api=True)
        session, address = Session(connection), request.remote or ""
        straight = stand_before(request, partial(self._take_texts, session, address))
        try:
            await socket.prepare(request)
        except BaseException:
            if straight is not None:
                straight.give_up()
            raise
        self._sessions.open[session] = None
        self._hub.add(connection)
        if straight is not None:
            straight.begin()
        try:
            async for message in socket:
                self._take(session, message, address)
            await connection.closed()
        finally:
            self._sessions.remove(session)
            self._hub.remove(connection)
        return socket

    def _take(self, session: Session, message: WSMessage, address: str) -> None:
        match message.type:
            case WSMsgType.TEXT | WSMsgType.BINARY:
                self._take_text(session, address, message.data)
            case WSMsgType.PING:
                self._say(session, bytes(message.data), PONG)
            case WSMsgType.PONG:
                session.connection.ponged()
            case _:
                return

    def _take_texts(self, session: Session, address: str, texts: list[str]) -> None:
        """Take what one read has brought; it is answered in one write."""
        if session.connection.ended:
            return
        self._sessions.hold()
        try:
            for text in texts:
                self._take_text(session, address, text)
        finally:
            self._sessions.flush()

    def _take_text(self, session: Session, address: str, text: str | bytes) -> None:
        if self._gateway.faults.rules:
            task = asyncio.create_task(self._with_faults(session, text, address))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self._say(session, self.respond(session, text, address))

    def _say(self, session: Session, content: bytes, opcode: int = 0x81) -> None:
        self._sessions.queue(session.connection, frame(content, opcode))

    def respond(self, session: Session, text: str | bytes, address: str) -> bytes:
        """Carry out a request and return what the client is answered."""
        try:
            asked = read_request(text)
        except BadRequestError as exc:
            return failure(exc.number, exc, [])
        return self._execute(session, asked, self._begin(session, asked, address))

    def _begin(self, session: Session, asked: Asked, address: str) -> Entry:
        key = asked.params.get("apiKey") or (session.key.key if session.key else "")
        now_ms = self._exchange.clock.now_ms()
        return self._gateway.journal.begin(now_ms, "WS-API", asked.method, asked.params, key, address)

    def _execute(self, session: Session, asked: Asked, entry: Entry) -> bytes:
        limits: Limits | None = [] if asked.tell_limits else None
        try:
            result = self._carry_out(session, asked, entry, limits)
        except DialectError as exc:
            entry.code, entry.status = exc.code, exc.status
            return failure(asked.number, exc, limits)
        entry.executed, entry.status = True, 200
        return answer(asked.number, result, limits)

    def _carry_out(self, session: Session, asked: Asked, entry: Entry, limits: Limits | None) -> Any:
        exchange, method = self._exchange, asked.method
        clock, limiter = exchange.clock, exchange.limiter
        now_ms, endpoint = clock.now_ms(), self._endpoints.get(method)
        own = self._own.get(method) if endpoint is None else None
        weight = weights.of(called.weight, asked.params) if (called := endpoint or own) else 1
        used = limiter.weigh(entry.address, weight, now_ms, clock.speed)
        counted: tuple[int, int] | None = None
        try:
            if endpoint is not None:
                account, key = self._authenticate(session, asked.params, now_ms)
                if endpoint.permission not in key.permissions:
                    raise BAD_KEY
                if endpoint.counts:
                    counted = limiter.order(account.name, now_ms, clock.speed)
                found = endpoint.answer(account, asked.params)
                if endpoint.counts:
                    entry.order_id = found.get("orderId") or found.get("newOrderResponse", {}).get("orderId")
                return found
            if own is None:
                raise DialectError(-1020, f"This operation is not supported: {method}.")
            return own.call(session, asked.params)
        finally:
            if limits is not None and (rules := limiter.rules()):
                limits += _limits(rules, used, counted)

    def _authenticate(self, session: Session, params: dict[str, str], now_ms: int) -> tuple[Account, ApiKey]:
        """Return whose request it is: signed, or of a session that is logged on. Raises DialectError."""
        if "apiKey" not in params and session.key is not None:
            account, key = self._exchange.accounts.find(session.key.key)
        else:
            account, key = self._exchange.accounts.find(params.get("apiKey"))
            check_signature(key, signed_payload(params), params.get("signature", ""))
        check_time(params, now_ms + self._exchange.skew_ms, judged=self._exchange.clock.speed == 1)
        return account, key

    def _ping(self, *_: object) -> dict[str, Any]:
        return {}

    def _time(self, *_: object) -> dict[str, Any]:
        return {"serverTime": self._exchange.told_ms()}

    def _logon(self, session: Session, params: dict[str, str]) -> dict[str, Any]:
        now_ms = self._exchange.clock.now_ms()
        session.key, session.logged_on_ms = self._authenticate(session, params, now_ms)[1], self._exchange.told_ms()
        return self._status(session, params)

    def _logout(self, session: Session, params: dict[str, str]) -> dict[str, Any]:
        self._sessions.unsubscribe(session, None, now_ms=self._exchange.told_ms())
        session.key = None
        return self._status(session, params)

    def _subscriptions(self, session: Session, _: dict[str, str]) -> list[dict[str, int]]:
        return [{"subscriptionId": number} for number in session.subscriptions]

    def _subscribe(self, session: Session, _: dict[str, str]) -> dict[str, Any]:
        if session.key is None:
            raise BAD_KEY
        return {"subscriptionId": self._sessions.subscribe(session, session.key.key)}

    def _subscribe_signed(self, session: Session, params: dict[str, str]) -> dict[str, Any]:
        key = self._authenticate(session, params, self._exchange.clock.now_ms())[1]
        return {"subscriptionId": self._sessions.subscribe(session, key.key)}

    def _unsubscribe(self, session: Session, params: dict[str, str]) -> dict[str, Any]:
        self._sessions.unsubscribe(session, whole(params, "subscriptionId"), now_ms=self._exchange.told_ms())
        return {}

    def _info(self, _: Session, params: dict[str, str]) -> dict[str, Any]:
        names = [params["symbol"]] if "symbol" in params else names_of(params["symbols"]) if "symbols" in params else []
        listings = [find_listing(self._exchange, name) for name in names]
        return exchange_info(self._exchange, listings or list(self._exchange.listings.values()))

    def _status(self, session: Session, _: dict[str, str]) -> dict[str, Any]:
        return {
            "apiKey": session.key.key if session.key else None,
            "authorizedSince": session.logged_on_ms if session.key else None,
            "connectedSince": session.connection.opened_ms,
            "returnRateLimits": True,
            "serverTime": self._exchange.told_ms(),
            "userDataStream": bool(session.subscriptions),
        }

    async def _with_faults(self, session: Session, text: str | bytes, address: str) -> None:
        """Carry out a request with the faults before and after it."""
        try:
            asked = read_request(text)
        except BadRequestError as exc:
            self._say(session, failure(exc.number, exc, []))
            return
        entry = self._begin(session, asked, address)
        before = self._gateway.hits("before", entry)
        if await self._spoil(session, asked, entry, before):
            return
        content = self._execute(session, asked, entry)
        after = self._gateway.hits("after", entry)
        self._gateway.lag(entry, (*before, *after))
        if not await self._spoil(session, asked, entry, after):
            self._say(session, content)

    async def _spoil(self, session: Session, asked: Asked, entry: Entry, rules: list[Rule]) -> bool:
        """Do to the answer what the rules say; return whether it must not go out any more."""
        for rule in rules:
            action = rule.action
            match action["type"]:
                case "delay":
                    await asyncio.sleep(action["seconds"])
                case "drop":
                    entry.status = None
                    return True
                case "reset" | "close":
                    entry.status = None
                    session.connection.abort()
                    return True
                case "close-socket":
                    session.connection.end(action.get("code", 1006))
                    return True
                case "html200" | "empty200" | "truncated200":
                    self._say(session, {"html200": HTML, "empty200": b"", "truncated200": TRUNCATED}[action["type"]])
                    return True
                case "answer":
                    entry.status = action["status"]
                    body = action.get("body", {})
                    part = "result" if action["status"] < 400 else "error"
                    self._say(session, orjson.dumps({"id": asked.number, "status": action["status"], part: body}))
                    return True
        return False


def _public(call: Answering, weight: Weight) -> Own:
    return Own(lambda _, params: call(params), weight)


def _limits(rules: Limits, used: int, counted: tuple[int, int] | None) -> Limits:
    """Return the limits that a request counts for, with what is used of them; `counted` is for new orders."""
    counts = {"MINUTE": used}
    if counted is not None:
        counts["SECOND"], counts["DAY"] = counted
    return [{**rule, "count": counts[rule["interval"]]} for rule in rules if rule["interval"] in counts]
