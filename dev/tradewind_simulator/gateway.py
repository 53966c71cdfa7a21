"""Where every request comes in: journal, faults, bans and weight, keys and signatures, and what goes out again.

The signed calls are kept short on purpose: see `make bench-simulator`.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import orjson
from aiohttp import web

from tradewind_simulator import weights
from tradewind_simulator.accounts import BAD_KEY, Account, ApiKey
from tradewind_simulator.calls import Endpoint
from tradewind_simulator.desk import Desk
from tradewind_simulator.errors import DialectError
from tradewind_simulator.exchange import SimulatedExchange
from tradewind_simulator.faults import FaultPlane, Rule, When
from tradewind_simulator.journal import Entry, Journal
from tradewind_simulator.signing import TWICE, check_signature, check_time, parameters, split_signature
from tradewind_simulator.weights import Weight

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
HTML = b"<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"
JSON = "application/json;charset=UTF-8"
MEGABYTE = b"x" * 1_000_000
RESET = struct.pack("ii", 1, 0)  # linger on, no time: what is closed is reset


class Gateway:
    """One for all interfaces of an exchange."""

    def __init__(self, exchange: SimulatedExchange, desk: Desk, faults: FaultPlane, journal: Journal) -> None:
        self.exchange, self.desk, self.faults, self.journal = exchange, desk, faults, journal

    def public(self, handler: Handler, weight: Weight) -> Handler:
        """Return a handler that anybody may call."""

        async def handle(request: web.Request) -> web.StreamResponse:
            entry = self._begin(request, "")
            return await self._answered(request, entry, lambda: self._public(request, entry, handler, weight))

        return handle

    def signed(self, endpoint: Endpoint) -> Handler:
        """Return a handler that wants a key and its signature."""

        async def handle(request: web.Request) -> web.StreamResponse:
            body = (await request.read()).decode("utf-8", "replace") if request.body_exists else ""
            entry = self._begin(request, body)

            async def execute() -> web.StreamResponse:
                return self._signed(request, entry, body, endpoint)

            if not self.faults.rules:
                return await execute()
            return await self._answered(request, entry, execute)

        return handle

    def keyed(self, call: Callable[[ApiKey], Any], weight: int) -> Handler:
        """Return a handler that wants a key, and a signature only where one is sent."""

        def answer(account: Account, key: ApiKey, _: Mapping[str, str]) -> Any:
            del account
            return call(key)

        async def handle(request: web.Request) -> web.StreamResponse:
            entry = self._begin(request, "")

            async def execute() -> web.StreamResponse:
                signed = "signature" in entry.params
                return self._execute(request, entry, "", weight, answer, signed=signed)

            return await self._answered(request, entry, execute)

        return handle

    def _begin(self, request: web.Request, body: str) -> Entry:
        path, _, query = request.raw_path.partition("?")
        try:
            params = parameters(query, body)
        except DialectError:
            params = {}
        key = request.headers.get("X-MBX-APIKEY", "")
        now_ms = self.exchange.clock.now_ms()
        return self.journal.begin(now_ms, request.method, path, params, key, request.remote or "")

    async def _public(self, request: web.Request, entry: Entry, handler: Handler, weight: Weight) -> web.StreamResponse:
        exchange, headers = self.exchange, {}
        heavy, now_ms = weights.of(weight, request.query), exchange.clock.now_ms()
        try:
            headers["X-MBX-USED-WEIGHT-1M"] = str(exchange.limiter.weigh(entry.address, heavy, now_ms, exchange.clock.speed))
            if len(request.query) != len(set(request.query)):
                raise TWICE
            response = await handler(request)
            entry.executed, entry.status = True, response.status
        except DialectError as exc:
            return self._refused(entry, exc, headers)
        response.headers.update(headers)
        return response

    def _signed(self, request: web.Request, entry: Entry, body: str, endpoint: Endpoint) -> web.StreamResponse:
        def call(account: Account, key: ApiKey, params: Mapping[str, str]) -> Any:
            if endpoint.permission not in key.permissions:
                raise BAD_KEY
            return endpoint.answer(account, params)

        weight = weights.of(endpoint.weight, entry.params)
        return self._execute(request, entry, body, weight, call, counts=endpoint.counts)

    def _execute(
        self,
        request: web.Request,
        entry: Entry,
        body: str,
        weight: int,
        call: Callable[[Account, ApiKey, Mapping[str, str]], Any],
        *,
        counts: bool = False,
        signed: bool = True,
    ) -> web.StreamResponse:
        exchange = self.exchange
        clock, limiter = exchange.clock, exchange.limiter
        now_ms, headers = clock.now_ms(), {}
        try:
            headers["X-MBX-USED-WEIGHT-1M"] = str(limiter.weigh(entry.address, weight, now_ms, clock.speed))
            account, key = exchange.accounts.find(entry.api_key)
            query = request.raw_path.partition("?")[2]
            params = entry.params or parameters(query, body)
            if signed:
                payload, signature = split_signature(query, body)
                check_signature(key, payload, signature)
                check_time(params, now_ms + exchange.skew_ms, judged=clock.speed == 1)
            if counts:
                ten, day = limiter.order(account.name, now_ms, clock.speed)
                headers["X-MBX-ORDER-COUNT-10S"], headers["X-MBX-ORDER-COUNT-1D"] = str(ten), str(day)
            found = call(account, key, params)
        except DialectError as exc:
            return self._refused(entry, exc, headers)
        entry.executed, entry.status = True, 200
        if counts:
            entry.order_id = found.get("orderId") or found.get("newOrderResponse", {}).get("orderId")
        return web.Response(body=orjson.dumps(found), headers={**headers, "Content-Type": JSON})

    def _refused(self, entry: Entry, exc: DialectError, headers: Mapping[str, str] | None = None) -> web.Response:
        entry.code, entry.status = exc.code, exc.status
        every = {**(headers or {}), **exc.headers, "Content-Type": JSON}
        return web.Response(body=orjson.dumps(exc.body()), status=exc.status, headers=every)

    async def _answered(
        self, request: web.Request, entry: Entry, execute: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Execute a request with the faults before and after it."""
        before = self.hits("before", entry)
        if (spoilt := await self._spoil(request, entry, before)) is not None:
            return spoilt
        response = await execute()
        after = self.hits("after", entry)
        self.lag(entry, (*before, *after))
        spoilt = await self._spoil(request, entry, after)
        return response if spoilt is None else spoilt

    def hits(self, when: When, entry: Entry) -> list[Rule]:
        """Return the rules that apply to a request now, and note them in the journal."""
        if not self.faults.rules:
            return []
        params = entry.params
        cid = params.get("newClientOrderId") or params.get("origClientOrderId") or ""
        found = self.faults.hits(when, entry.method, entry.path, cid=cid, symbol=params.get("symbol", ""))
        entry.faults += tuple(rule.number for rule in found)
        return found

    def lag(self, entry: Entry, rules: Iterable[Rule]) -> None:
        """Hide the order of a request from look-ups, as the rules say."""
        order = self.desk.orders.get(entry.order_id or 0)
        for rule in rules:
            if rule.action["type"] == "lag" and order is not None:
                clock = self.exchange.clock
                order.hidden_times = rule.action.get("times", 0)
                order.hidden_until_ms = clock.now_ms() + int(rule.action.get("seconds", 0) * 1000 * clock.speed)

    async def _spoil(self, request: web.Request, entry: Entry, rules: list[Rule]) -> web.StreamResponse | None:
        """Do to the answer what the rules say; None if it may go out as it is."""
        for rule in rules:
            action = rule.action
            match action["type"]:
                case "delay":
                    await asyncio.sleep(action["seconds"])
                case "drop" | "reset" | "close":
                    entry.status = None
                    await _break(request, action["type"])
                    return web.Response()
                case "huge200":
                    return await _endless(request, entry, action["megabytes"])
                case "answer" | "html200" | "empty200" | "truncated200":
                    found = _made_up(action)
                    entry.status = found.status
                    return found
        return None


def _made_up(action: Mapping[str, Any]) -> web.Response:
    match action["type"]:
        case "html200":
            return web.Response(body=HTML, content_type="text/html")
        case "empty200":
            return web.Response(body=b"", headers={"Content-Type": JSON})
        case "truncated200":
            return web.Response(body=b'{"symbol":"BTCUSDT","orderId":2', headers={"Content-Type": JSON})
    body = action.get("body", "")
    content = body.encode() if isinstance(body, str) else orjson.dumps(body)
    kind = "text/html" if isinstance(body, str) else JSON
    return web.Response(body=content, status=action["status"], headers={"Content-Type": kind, **action.get("headers", {})})


async def _endless(request: web.Request, entry: Entry, megabytes: int) -> web.StreamResponse:
    """Answer with JSON of so many megabytes, as far as the client reads it."""
    entry.status = 200
    answer = web.StreamResponse(headers={"Content-Type": JSON})
    with contextlib.suppress(ConnectionError):
        await answer.prepare(request)
        await answer.write(b'{"pad":"')
        for _ in range(megabytes):
            await answer.write(MEGABYTE)
        await answer.write(b'"}')
        await answer.write_eof()
    return answer


async def _break(request: web.Request, how: str) -> None:
    """Never answer, reset the connection, or close it in the middle of an answer."""
    transport = request.transport
    if transport is None:
        return
    if how == "drop":
        while request.transport is not None:  # until the client gives up
            await asyncio.sleep(0.02)
        return
    if how == "reset":
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        transport.abort()
        return
    transport.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 400\r\n\r\n" + b'{"symbol":"BTCUSDT","ord'
    )
    transport.close()
