"""Ports for the processes of a test, none of which the kernel hands to somebody's connection meanwhile."""

import itertools
import os
import socket

WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
RANGE = 500
CANDIDATES = itertools.cycle(range(20_000 + RANGE * WORKER, 20_000 + RANGE * (WORKER + 1)))  # below the ephemeral ports


def free_port() -> int:
    """Return a port that nobody listens on, and that no other worker of this run is given."""
    for port in itertools.islice(CANDIDATES, RANGE):
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
    raise AssertionError(f"none of the {RANGE} ports of worker {WORKER} is free")
