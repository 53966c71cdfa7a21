"""Virtual time: start + speed x (wall - epoch). All three are kept outside, so a restart continues where it was."""

import time
from collections.abc import Callable
from dataclasses import dataclass


def wall_ms() -> float:
    """Return the wall clock in UTC ms."""
    return time.time() * 1000.0


@dataclass(frozen=True, slots=True)
class VirtualClock:
    """`epoch_ms` is the moment on the wall at which virtual time is `start_ms`."""

    epoch_ms: float
    start_ms: float
    speed: float
    wall: Callable[[], float] = wall_ms

    def now_ms(self) -> int:
        """Return virtual time."""
        return int(self.start_ms + self.speed * (self.wall() - self.epoch_ms))
