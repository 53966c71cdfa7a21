"""A forwarded port is a plain wire, both ways, until both are done."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tradewind_cluster import forward


@pytest.fixture
def port() -> Iterator[int]:
    """A port of 127.0.0.1 that is forwarded to a server which answers with all it got, once the other is done sending."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        chosen: int = free.getsockname()[1]
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                received = b""
                while chunk := connection.recv(65536):
                    received += chunk
                connection.sendall(received)

    thread = threading.Thread(target=serve)
    thread.start()
    forward.start(chosen, "127.0.0.1", server.getsockname()[1])
    yield chosen
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(5)


def test_all_bytes_come_back_after_one_side_is_done(port: int) -> None:
    """The end of sending is passed on, and what then comes back arrives whole."""
    sent = bytes(range(256)) * 4000
    deadline = time.monotonic() + 10
    while True:
        try:
            connection = socket.create_connection(("127.0.0.1", port), timeout=10)
            break
        except OSError:
            assert time.monotonic() < deadline, "nobody listens"
    with connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    assert sent == received
