"""The pod's probes and metrics: what the kubelet and Prometheus are answered, also while the loop does not go round."""

import asyncio
import math
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from free_ports import free_port

from tradewind_runner.health import EQUITY
from tradewind_runner.probes import serve


class Process:
    """What a bot says of itself."""

    def __init__(self) -> None:
        self.port, self.problem, self.went_round = free_port(), "", math.inf

    def ask(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()


@pytest.fixture
def process() -> Iterator[Process]:
    found = Process()
    with serve(found.port, alive=lambda: time.monotonic() - found.went_round < 0.2, ready=lambda: found.problem):
        yield found


def test_a_bot_that_is_not_ready_says_why(process: Process) -> None:
    assert (200, "ok") == process.ask("/readyz")
    process.problem = "the exchange does not answer: Grüße"
    assert (503, "the exchange does not answer: Grüße") == process.ask("/readyz")
    assert (200, "ok") == process.ask("/livez")


def test_metrics_are_what_was_measured(process: Process) -> None:
    EQUITY.set(1234.5)
    status, text = process.ask("/metrics")
    assert (200, True) == (status, "tradewind_bot_equity_quote 1234.5\n" in text)


def test_any_other_path_is_none(process: Process) -> None:
    assert (404, "there are /livez, /readyz and /metrics") == process.ask("/metrics/all")


async def test_a_loop_that_stands_still_is_told_of(process: Process) -> None:
    """While it stands: the answer does not wait for it."""
    process.went_round = time.monotonic()
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(lambda: (time.sleep(0.4), process.ask("/livez")))
        time.sleep(1.0)  # noqa: ASYNC251 - the loop stands still
        assert asked.done()
        assert (500, "the loop stands still") == (await asyncio.wrap_future(asked))[1]


def test_who_connects_and_says_nothing_holds_up_nobody(process: Process) -> None:
    with socket.create_connection(("127.0.0.1", process.port)), socket.create_connection(("127.0.0.1", process.port)):
        assert (200, "ok") == process.ask("/livez")


def test_a_port_that_is_taken_is_named(process: Process) -> None:
    probes = serve(process.port, alive=lambda: True, ready=lambda: "")
    with pytest.raises(OSError, match=f"port {process.port}, for probes: Address already in use"), probes:
        pass


def test_the_port_is_free_again_in_the_end(process: Process) -> None:
    """At once, and without waiting for anybody."""
    with serve(port := free_port(), alive=lambda: True, ready=lambda: ""):
        pass
    socket.create_server(("127.0.0.1", port)).close()


def test_no_name_service_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it does not answer, a start would wait for it for many seconds."""

    def refused(*_: object) -> None:
        raise AssertionError("asked for a name")

    for name in ("getfqdn", "gethostbyaddr", "gethostname"):
        monkeypatch.setattr(socket, name, refused)
    with serve(free_port(), alive=lambda: True, ready=lambda: ""):
        pass
