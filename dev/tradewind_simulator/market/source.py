"""What a market answers, whatever it is made of."""

from typing import Protocol

from tradewind_engine.candles import Candles
from tradewind_engine.trading.book import Print


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


class PrintSource(Protocol):
    """Trades that were recorded."""

    def trades(self, from_ms: int, to_ms: int) -> list[Print]:
        """Return what was printed after `from_ms` and until `to_ms`, oldest first."""
        ...

    def moment_before(self, trade_id: int) -> int:
        """Return a moment after which all trades from `trade_id` on were printed."""
        ...
