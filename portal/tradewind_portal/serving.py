"""Three listeners in one process on one event loop: public API, runner side, metrics."""

import asyncio
import logging
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from prometheus_client import REGISTRY, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.types import ASGIApp, Receive, Scope, Send

from tradewind_portal.problems import Problem, answer

log = logging.getLogger("tradewind.portal")
GRACE_S = 10


class Server(uvicorn.Server):
    """A uvicorn server that leaves signals to us: three of them share a process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signal."""
        yield


def listen(address: str, port: int) -> socket.socket:
    """Return a listening socket. Raises OSError, which names address and port."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # The protocol is named because asyncio switches Nagle's algorithm off only then; with it each answer takes 40 ms.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((address, port))
    except OSError as exc:
        sock.close()
        raise OSError(exc.errno, f"cannot listen on {address}:{port}: {exc.strerror}") from exc
    sock.listen(1024)
    return sock


def server_for(app: ASGIApp, *, forwarded_allow_ips: str = "", tls: ssl.SSLContext | None = None) -> Server:
    """Return a server for an application, over TLS with a context."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(forwarded_allow_ips),
        forwarded_allow_ips=forwarded_allow_ips or "127.0.0.1",
        timeout_graceful_shutdown=GRACE_S,
        h11_max_incomplete_event_size=32 * 1024,
        ssl_context_factory=(lambda *_: tls) if tls else None,
    )
    return Server(config)


def metrics_app(measure: Callable[[], None]) -> ASGIApp:
    """Return the application of /metrics; `measure` sets gauges before each scrape."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != "/metrics":
            await answer(Problem(404, "NotFound", "there is only /metrics here"), "-")(scope, receive, send)
            return
        measure()
        body = generate_latest(REGISTRY)
        headers = [(b"content-type", CONTENT_TYPE_LATEST.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def stop_on_signals() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set from now on."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def serve(servers: list[tuple[Server, socket.socket]], stop: asyncio.Event, *, watch: list[asyncio.Task[None]]) -> None:
    """Serve until `stop`, then finish what runs; also end when a watched task fails, and raise what it raised."""
    tasks = [asyncio.create_task(server.serve(sockets=[sock])) for server, sock in servers]
    ended = asyncio.create_task(stop.wait())
    await asyncio.wait([ended, *tasks, *watch], return_when=asyncio.FIRST_COMPLETED)
    for server, _ in servers:
        server.should_exit = True
    await asyncio.gather(*tasks)
    ended.cancel()
    for task in watch:
        if task.done():
            task.result()
        task.cancel()
