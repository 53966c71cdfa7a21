"""What a market answers, whatever it is made of."""

from typing import Protocol

from tradewind_engine.candles import Candles


class CandleSource(Protocol):
    """Candles of one symbol in its finest timeframe, `step_ms` long."""

    step_ms: int

    def candles(self, from_ms: int, to_ms: int, now_ms: int) -> Candles:
        """Return candles that open in [from_ms, to_ms) and have begun by `now_ms`; the one in progress as far as it is."""
        ...

    def first_ms(self) -> int:
        """Return the open time of the first candle."""
        ...

    def end_ms(self) -> int | None:
        """Return when the market ends, None if it never does."""
        ...
