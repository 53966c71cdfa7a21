"""The edge of both applications: request id, one log line, one metric, and the last net for errors.

Pure ASGI, outside everything else, so that even an error in another middleware is answered as problem+json. The audit row of a
changing request is written before its answer leaves.
"""

import asyncio
import logging
import re
import uuid
from collections.abc import Awaitable, Callable
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tradewind_portal import measures
from tradewind_portal.problems import MEDIA_TYPE, Problem, answer, internal_error

log = logging.getLogger("tradewind.portal")
REQUEST_ID = re.compile(rb"^[0-9A-Za-z-]{8,64}$")
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
QUIET = {"/livez", "/readyz", "/healthz", "/metrics"}
SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
]

BeforeAnswer = Callable[[Scope, int], Awaitable[None]]


class Edge:
    """Wraps an application. `before_answer` is awaited with the scope and the status just before the answer begins."""

    def __init__(self, app: ASGIApp, *, before_answer: BeforeAnswer | None = None) -> None:
        self._app = app
        self._before_answer = before_answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})["request_id"] = _request_id(scope)
        exchange = _Exchange(scope, receive, send, self._before_answer)
        begun = perf_counter()
        measures.IN_FLIGHT.inc()
        try:
            await self._app(scope, receive, exchange.send)
        except asyncio.CancelledError:
            raise
        except Exception:
            fields = {"requestId": scope["state"]["request_id"], "route": _route(scope)}
            log.exception("request failed", extra={"fields": fields})
            if not exchange.status:
                await exchange.answer(internal_error())
            elif exchange.status != 500:
                raise  # part of another answer has left: the connection must break
        finally:
            measures.IN_FLIGHT.dec()
            _account(scope, exchange.status, perf_counter() - begun)


class _Exchange:
    """One answer on its way out; `status` is 0 until it begins."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, before_answer: BeforeAnswer | None) -> None:
        self.status = 0
        self._scope, self._receive, self._send = scope, receive, send
        self._before_answer = before_answer
        self._replaced = False

    async def send(self, message: Message) -> None:
        """Pass on one message of the application."""
        if self._replaced:
            return
        if message["type"] == "http.response.start":
            if message["status"] == 413 and not _is_problem(message):  # the framework's own, in plain text
                self._replaced = True
                await self.answer(Problem(413, "TooLarge", "the body is larger than this operation accepts"))
                return
            if self._before_answer is not None:
                await self._before_answer(self._scope, message["status"])
        await self._pass(message)

    async def answer(self, problem: Problem) -> None:
        """Answer with a problem of our own."""
        self._scope["state"]["problem"] = problem.code
        await answer(problem, self._scope["state"]["request_id"])(self._scope, self._receive, self._pass)

    async def _pass(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", []), *_headers(self._scope, message)]
        await self._send(message)


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and REQUEST_ID.match(value):
            return str(value.decode("ascii"))
    return uuid.uuid4().hex


def _is_problem(message: Message) -> bool:
    return any(name == b"content-type" and value.startswith(MEDIA_TYPE.encode()) for name, value in message.get("headers", []))


def _headers(scope: Scope, message: Message) -> list[tuple[bytes, bytes]]:
    present = {name.lower() for name, _ in message.get("headers", [])}
    headers = [(b"x-request-id", scope["state"]["request_id"].encode()), *SECURITY_HEADERS]
    if b"cache-control" not in present:
        headers.append((b"cache-control", b"no-store"))
    headers += [(name.encode(), value.encode()) for name, value in scope["state"].get("headers", {}).items()]
    return headers


def _route(scope: Scope) -> str:
    path = getattr(scope.get("route"), "path_format", None) or getattr(scope.get("route"), "path", None)
    return str(path) if path else "unmatched"


def _account(scope: Scope, status: int, seconds: float) -> None:
    route = _route(scope)
    method = scope["method"] if scope["method"] in METHODS else "other"
    measures.REQUESTS.labels(method, route, str(status)).inc()
    measures.REQUEST_SECONDS.labels(method, route).observe(seconds)
    if route in QUIET:
        return
    state = scope["state"]
    fields = {
        "requestId": state["request_id"],
        "method": method,
        "route": route,
        "status": status,
        "ms": round(seconds * 1000, 1),
        "actor": state.get("actor"),
        "code": state.get("problem"),
    }
    log.info("request", extra={"fields": {name: value for name, value in fields.items() if value is not None}})
