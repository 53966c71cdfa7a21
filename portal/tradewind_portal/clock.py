"""The wall clock of the portal, in one place."""

import time


def now_ms() -> int:
    """Return UTC milliseconds."""
    return time.time_ns() // 1_000_000
