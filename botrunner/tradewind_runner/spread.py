"""Pauses that are not the same for all: a thousand bots that lose their sockets together do not come back together."""

import random


def spread(seconds: float) -> float:
    """Return a pause of half to one and a half times as long."""
    return seconds * random.uniform(0.5, 1.5)  # noqa: S311 - no secret
