"""A wall clock that several processes share and that stands still until the test lets it go on.

`python tests/held_clock.py FILE tradewind_simulator ARGUMENTS` runs the simulated exchange by it, with `tradewind_runner.bot` a
bot: its idea of the exchange's time then stands still with the exchange's. All other timers are the machine's.
"""

import mmap
import runpy
import sys
import time
from dataclasses import replace
from pathlib import Path


class HeldClock:
    """Seconds since the beginning; it goes with the machine's clock up to a mark and stands there."""

    def __init__(self, file: Path) -> None:
        with file.open("r+b") as opened:
            self._shared = memoryview(mmap.mmap(opened.fileno(), 16)).cast("d")

    @classmethod
    def make(cls, file: Path) -> "HeldClock":
        """Return a new one, which stands at 0."""
        file.write_bytes(bytes(16))
        made = cls(file)
        made._shared[1] = time.monotonic()
        return made

    def seconds(self) -> float:
        """Return its time. The mark is read before what was lost standing, as it is written after: time never leaps."""
        mark, lost = self._shared
        return min(time.monotonic() - lost, mark)

    def go_on(self, mark: float) -> None:
        """Let it go on to a later mark."""
        here = self._shared[0]
        if time.monotonic() - self._shared[1] > here:
            self._shared[1] = time.monotonic() - here
        self._shared[0] = mark

    def arrive(self) -> None:
        """Wait until it stands at its mark."""
        while (left := self._shared[0] - self.seconds()) > 0:
            time.sleep(left)


def _simulator(clock: HeldClock) -> None:
    from tradewind_simulator import __main__ as process

    build = process.build

    def held(settings):
        exchange = build(settings)
        exchange.clock = replace(exchange.clock, epoch_ms=0.0, wall=lambda: clock.seconds() * 1000)
        return exchange

    process.build = held
    sys.exit(process.main())


def _bot(clock: HeldClock) -> None:
    from tradewind_runner import quick_start, exchange_clock  # noqa: F401, I001 - as a bot begins

    exchange_clock.ExchangeClock.__init__.__defaults__ = (1.0, clock.seconds)
    runpy.run_module("tradewind_runner.bot", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _, file, name, *rest = sys.argv
    sys.path[:] = [entry for entry in sys.path if Path(entry) != Path(__file__).parent]
    sys.argv = [name, *rest]
    {"tradewind_simulator": _simulator, "tradewind_runner.bot": _bot}[name](HeldClock(Path(file)))
