"""The API server through the standard library: enough for the supervisor, and nothing to install."""

import http.client
import json
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from tradewind_cluster.control_plane import ports
from tradewind_cluster.layout import Layout


class ApiError(Exception):
    """The API server refused. `status` is the HTTP code."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class Api:
    """Requests with the supervisor's certificate, one connection each."""

    def __init__(self, layout: Layout) -> None:
        pki = layout.state / "pki"
        self._address, self._port = layout.address, ports(layout).api
        self._context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        self._context.load_cert_chain(pki / "supervisor.crt", pki / "supervisor.key")

    def call(self, method: str, path: str, body: Any = None, *, content_type: str = "application/json") -> Any:
        """Return the decoded answer. Raises ApiError on a refusal, OSError when nobody answers."""
        connection, response = self._send(method, path, body, content_type, 10.0)
        try:
            content = response.read()
        finally:
            connection.close()
        if response.status >= 300:
            raise ApiError(response.status, content[:500].decode(errors="replace"))
        try:
            return json.loads(content)
        except ValueError:
            return content.decode()

    def apply(self, path: str, manifest: dict[str, Any]) -> Any:
        """Apply a manifest on the server side, forcing our fields."""
        query = "?fieldManager=tradewind-cluster&force=true"
        return self.call("PATCH", path + query, manifest, content_type="application/apply-patch+yaml")

    def lines(self, path: str, timeout_s: float) -> Iterator[dict[str, Any]]:
        """Yield the decoded lines of a watch until the server or the timeout ends it."""
        connection, response = self._send("GET", path, None, "application/json", timeout_s)
        try:
            if response.status >= 300:
                raise ApiError(response.status, response.read(500).decode(errors="replace"))
            for line in response:
                yield json.loads(line)
        finally:
            connection.close()

    def _send(
        self, method: str, path: str, body: Any, content_type: str, timeout_s: float
    ) -> tuple[http.client.HTTPSConnection, http.client.HTTPResponse]:
        connection = http.client.HTTPSConnection(self._address, self._port, context=self._context, timeout=timeout_s)
        with ExitStack() as unless_answered:
            unless_answered.callback(connection.close)
            connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": content_type})
            response = connection.getresponse()
            unless_answered.pop_all()
        return connection, response
