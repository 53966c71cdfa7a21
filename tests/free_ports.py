"""Ports for the processes of a test, none of which the kernel hands to somebody's connection meanwhile.

A stretch of ports belongs to one process as long as it holds the lock of it, so that workers of a run, and runs beside each
other on one machine, are never given the same.
"""

import fcntl
import functools
import itertools
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

FIRST, STRETCH, STRETCHES = 20_000, 400, 30  # below the ephemeral ports


def free_port() -> int:
    """Return a port that nobody listens on, and that no other process of tests is given."""
    for port in itertools.islice(_candidates(), STRETCH):
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
    raise AssertionError(f"none of the {STRETCH} ports of this process is free")


@functools.cache
def _candidates() -> Iterator[int]:
    for number in range(STRETCHES):
        lock = (Path(tempfile.gettempdir()) / f"tradewind-test-ports-{number}").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        _LOCKS.append(lock)  # for as long as the process lives
        first = FIRST + number * STRETCH
        return itertools.cycle(range(first, first + STRETCH))
    raise AssertionError(f"{STRETCHES} processes of tests hold all ports")


_LOCKS: list[object] = []
