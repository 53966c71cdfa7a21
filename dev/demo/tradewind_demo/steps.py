"""Progress on the screen: each step with its time, and what is going on in it."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

BEGAN = time.monotonic()


def say(text: str) -> None:
    """Print a line with the time since the start."""
    sys.stdout.write(f"[{time.monotonic() - BEGAN:6.1f} s] {text}\n")
    sys.stdout.flush()


@contextmanager
def step(title: str) -> Iterator[None]:
    """Print a step's title, and how long it took when it is done."""
    say(f"{title} ...")
    began = time.monotonic()
    yield
    say(f"{title}: done in {time.monotonic() - began:.1f} s")


class DemoError(Exception):
    """The demonstration cannot go on. The message says what the person can do."""
