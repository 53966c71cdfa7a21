"""The simulated exchange: clock, symbols and their markets. Knows nothing of HTTP."""

from dataclasses import dataclass, field, replace
from typing import Any

from tradewind_engine.candles import Candles
from tradewind_engine.trading.book import Book
from tradewind_simulator.clock import VirtualClock
from tradewind_simulator.events import Events
from tradewind_simulator.market.books import EMPTY
from tradewind_simulator.market.depth import DepthSource
from tradewind_simulator.market.files import steps_of
from tradewind_simulator.market.l2 import BookTape
from tradewind_simulator.market.recorded import RecordedMarket
from tradewind_simulator.market.seeded import SeededMarket, start_price
from tradewind_simulator.market.source import CandleSource, PrintSource
from tradewind_simulator.market.tape import TradeTape
from tradewind_simulator.symbols import Symbol, make_symbol


@dataclass(slots=True)
class Seen:
    """The book that was made last, and for which moment."""

    moment_ms: int = -1
    book: Book = EMPTY


@dataclass(frozen=True, slots=True)
class Listing:
    """A symbol that is traded, and its market; `prints` and `depth` where trades and book were recorded."""

    symbol: Symbol
    source: CandleSource
    prints: PrintSource | None = None
    depth: DepthSource | None = None
    seen: Seen = field(default_factory=Seen, compare=False, repr=False)


@dataclass(slots=True)
class SimulatedExchange:
    """All listings under one clock."""

    clock: VirtualClock
    listings: dict[str, Listing] = field(default_factory=dict)
    events: Events = field(default_factory=Events)
    made: dict[str, Listing] = field(default_factory=dict)  # what is listed again when a recording is taken away
    first_clock: VirtualClock = field(init=False)  # and the time that it goes by

    def __post_init__(self) -> None:
        """Remember the clock that is there before any recording."""
        self.first_clock = self.clock

    def list_seeded(self, name: str, seed: int) -> None:
        """List a symbol with a market made from a seed. Raises ValueError for a bad name."""
        symbol = make_symbol(name, start_price(name))
        self.made[symbol.id] = self.listings[symbol.id] = Listing(symbol, SeededMarket(name, seed, float(symbol.tick)))

    def list_recorded(self, name: str, candles: Candles) -> RecordedMarket:
        """List a symbol with a recorded market, in place of any other of that name. Raises ValueError, CandleError."""
        source = RecordedMarket(candles)
        self.list_recorded_market(name, source)
        return source

    def list_recorded_market(self, name: str, source: RecordedMarket) -> None:
        """List a symbol with a recorded market that is there already. Raises ValueError."""
        symbol = make_symbol(name, source.last_price())
        self.listings[symbol.id] = Listing(symbol, source)

    def list_tape(self, name: str, tape: TradeTape) -> None:
        """List a symbol with recorded trades, and with a recorded book where the tape has one. Raises ValueError."""
        if isinstance(tape, BookTape):
            symbol = replace(make_symbol(name, 1.0), **dict(zip(("tick", "step"), steps_of(tape), strict=True)))
            self.listings[symbol.id] = Listing(symbol, tape, prints=tape, depth=tape)
        else:
            symbol = make_symbol(name, float(tape.first_price()))
            self.listings[symbol.id] = Listing(symbol, tape, prints=tape)

    def take_away(self, name: str) -> bool:
        """Take a recorded market away; return whether it was there. With the last one goes the time that it brought."""
        key = name.replace("/", "")
        listing = self.listings.get(key)
        if listing is None or listing.symbol.name != name or listing is self.made.get(key):
            return False
        if key in self.made:
            self.listings[key] = self.made[key]
        else:
            del self.listings[key]
        if all(other is self.made.get(at) for at, other in self.listings.items()):
            self.clock = replace(self.first_clock, speed=self.clock.speed)
        return True

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
                    "market": "simulated" if isinstance(listing.source, SeededMarket) else "recorded",
                    "status": "TRADING" if self.trading(listing) else "BREAK",
                    "firstMs": listing.source.first_ms(),
                    "endMs": listing.source.end_ms(),
                }
                for listing in self.listings.values()
            ],
        }
