"""The simulated exchange: clock, symbols and their markets. Knows nothing of HTTP."""

from dataclasses import dataclass, field
from typing import Any

from tradewind_engine.candles import Candles
from tradewind_engine.trading.book import Book
from tradewind_simulator.clock import VirtualClock
from tradewind_simulator.events import Events
from tradewind_simulator.market.books import EMPTY
from tradewind_simulator.market.recorded import RecordedMarket
from tradewind_simulator.market.seeded import SeededMarket, start_price
from tradewind_simulator.market.source import CandleSource
from tradewind_simulator.symbols import Symbol, make_symbol


@dataclass(slots=True)
class Seen:
    """The book that was made last, and for which moment."""

    moment_ms: int = -1
    book: Book = EMPTY


@dataclass(frozen=True, slots=True)
class Listing:
    """A symbol that is traded, and its market."""

    symbol: Symbol
    source: CandleSource
    seen: Seen = field(default_factory=Seen, compare=False, repr=False)


@dataclass(slots=True)
class SimulatedExchange:
    """All listings under one clock."""

    clock: VirtualClock
    listings: dict[str, Listing] = field(default_factory=dict)
    events: Events = field(default_factory=Events)

    def list_seeded(self, name: str, seed: int) -> None:
        """List a symbol with a market made from a seed. Raises ValueError for a bad name."""
        symbol = make_symbol(name, start_price(name))
        self.listings[symbol.id] = Listing(symbol, SeededMarket(name, seed, float(symbol.tick)))

    def list_recorded(self, name: str, candles: Candles) -> RecordedMarket:
        """List a symbol with a recorded market, in place of any other of that name. Raises ValueError, CandleError."""
        source = RecordedMarket(candles)
        symbol = make_symbol(name, float(candles.close[-1]))
        self.listings[symbol.id] = Listing(symbol, source)
        return source

    def trading(self, listing: Listing) -> bool:
        """Return whether the symbol trades now; after the end of a recording it is on BREAK."""
        end = listing.source.end_ms()
        return end is None or self.clock.now_ms() < end

    def status(self) -> dict[str, Any]:
        """Return what goes on, for those who run the simulator."""
        return {
            "virtualMs": self.clock.now_ms(),
            "speed": self.clock.speed,
            "startMs": int(self.clock.start_ms),
            "epochMs": int(self.clock.epoch_ms),
            "symbols": [
                {
                    "symbol": listing.symbol.name,
                    "market": "recorded" if isinstance(listing.source, RecordedMarket) else "simulated",
                    "status": "TRADING" if self.trading(listing) else "BREAK",
                    "firstMs": listing.source.first_ms(),
                    "endMs": listing.source.end_ms(),
                }
                for listing in self.listings.values()
            ],
        }
