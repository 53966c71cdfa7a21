"""/livez, /readyz and /metrics of a bot's pod, answered by threads.

So a loop that stands still is told of, and metrics are written down beside it. By the standard library's server, which
prometheus-client is made for and has imported already: that of aiohttp takes 20 ms of each start.
"""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from socketserver import TCPServer
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from tradewind_runner.health import REGISTRY

SILENT_S = 5.0


class _Handler(WSGIRequestHandler):
    timeout = SILENT_S  # whoever says nothing is not listened to for longer

    def log_message(self, *_: Any) -> None:
        """Log nothing: probes come every few seconds."""


class _Server(ThreadingWSGIServer):
    ended = False

    def server_bind(self) -> None:
        """Take the port without asking the name service what this host is called, which may take it long."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "bot", self.server_address[1]
        self.setup_environ()

    def handle_error(self, *_: Any) -> None:
        """Say nothing of those who went away before they had their answer."""

    def answer_all(self) -> None:
        """Answer until `end`. Unlike `serve_forever` it sleeps until somebody asks."""
        while not self.ended:
            self.handle_request()

    def end(self) -> None:
        """Stop listening; answers under way are left to their threads."""
        self.ended = True
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)


@contextmanager
def serve(port: int, *, alive: Callable[[], bool], ready: Callable[[], str]) -> Iterator[None]:
    """Serve on the pod's address. `ready` returns an empty string, or why not. Raises OSError when the port is taken.

    Both are called by other threads.
    """
    try:
        server = make_server("0.0.0.0", port, _application(alive, ready), _Server, _Handler)  # noqa: S104 - the pod's own address
    except OSError as exc:
        raise OSError(exc.errno, f"port {port}, for probes: {exc.strerror}") from exc
    thread = threading.Thread(target=server.answer_all, name="probes", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.end()
        thread.join()
        server.server_close()


def _application(alive: Callable[[], bool], ready: Callable[[], str]) -> WSGIApplication:
    metrics: WSGIApplication = make_wsgi_app(REGISTRY)

    def livez() -> tuple[str, str]:
        return ("200 OK", "ok") if alive() else ("500 Internal Server Error", "the loop stands still")

    def readyz() -> tuple[str, str]:
        reason = ready()
        return ("503 Service Unavailable", reason) if reason else ("200 OK", "ok")

    probes = {"/livez": livez, "/readyz": readyz}

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            return metrics(environ, start_response)
        status, text = probes[path]() if path in probes else ("404 Not Found", "there are /livez, /readyz and /metrics")
        start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [text.encode()]

    return answer
