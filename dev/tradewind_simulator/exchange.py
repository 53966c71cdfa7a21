"""The simulated exchange: clock, symbols and their markets, accounts and limits. Knows nothing of HTTP."""

from dataclasses import dataclass, field, replace
from typing import Any

from tradewind_engine.candles import Candles
from tradewind_engine.trading.book import Book, Level
from tradewind_simulator.accounts import Accounts
from tradewind_simulator.clock import VirtualClock
from tradewind_simulator.events import Events
from tradewind_simulator.filters import compile_filters
from tradewind_simulator.limits import RateLimiter
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
    """The book that was made last and for which moment, and the levels of its minute on their grid."""

    moment_ms: int = -1
    book: Book = EMPTY
    grid: tuple[int, int] = (-1, 0)
    levels: dict[int, Level] = field(default_factory=dict)

    def levels_of(self, minute: int, gap: int) -> dict[int, Level]:
        """Return the levels that were made for a minute and a grid already, by their places."""
        if self.grid != (minute, gap):
            self.grid, self.levels = (minute, gap), {}
        return self.levels


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
    """All listings under one clock.

    `skew_ms` is how far the clock that is told to clients runs ahead; `statuses` and `filter_changes` stand over those of the
    symbol, by its id.
    """

    clock: VirtualClock
    listings: dict[str, Listing] = field(default_factory=dict)
    events: Events = field(default_factory=Events)
    accounts: Accounts = field(default_factory=Accounts)
    limiter: RateLimiter = field(default_factory=RateLimiter)
    skew_ms: int = 0
    statuses: dict[str, str] = field(default_factory=dict)
    filter_changes: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    rules_changed: int = 0
    made: dict[str, Listing] = field(default_factory=dict)  # what is listed again when a recording is taken away
    first_clock: VirtualClock = field(init=False)  # and the time that it goes by

    def __post_init__(self) -> None:
        """Remember the clock that is there before any recording."""
        self.first_clock = self.clock

    def told_ms(self) -> int:
        """Return the time that clients are told and judged by."""
        return self.clock.now_ms() + self.skew_ms

    def list_symbol(self, symbol: Symbol, seed: int, volatility: float = 1.0) -> None:
        """List a symbol with recorded rules and a market made from a seed."""
        tick = float(symbol.tick) or 1e-8
        self.made[symbol.id] = self.listings[symbol.id] = Listing(symbol, SeededMarket(symbol.name, seed, tick, volatility))

    def list_seeded(self, name: str, seed: int, volatility: float = 1.0) -> None:
        """List a symbol with a market made from a seed. Raises ValueError for a bad name."""
        self.list_symbol(make_symbol(name, start_price(name)), seed, volatility)

    def list_recorded(self, name: str, candles: Candles) -> RecordedMarket:
        """List a symbol with a recorded market, in place of any other of that name. Raises ValueError, CandleError."""
        source = RecordedMarket(candles)
        self.list_recorded_market(name, source)
        return source

    def list_recorded_market(self, name: str, source: RecordedMarket) -> None:
        """List a symbol with a recorded market that is there already. Raises ValueError."""
        symbol = make_symbol(name, source.last_price())
        if (known := self.made.get(symbol.id)) is not None and known.symbol.recorded is not None:
            symbol = known.symbol  # recorded rules hold for a recorded market too
        self.listings[symbol.id] = Listing(symbol, source)

    def list_tape(self, name: str, tape: TradeTape) -> None:
        """List a symbol with recorded trades, and with a recorded book where the tape has one. Raises ValueError."""
        if isinstance(tape, BookTape):
            tick, step = steps_of(tape)
            symbol = replace(make_symbol(name, 1.0), tick=tick, step=step)
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

    def symbol_status(self, listing: Listing) -> str:
        """Return the status as exchangeInfo tells it: what was set, or else TRADING or BREAK."""
        symbol = listing.symbol
        if self.statuses and (found := self.statuses.get(symbol.id)):
            return found
        if not self.trading(listing):
            return "BREAK"
        return "TRADING" if symbol.recorded is None else str(symbol.recorded.get("status", "TRADING"))

    def info(self, listing: Listing) -> dict[str, Any]:
        """Return the symbol's entry in exchangeInfo, with the filters that are enforced."""
        return {**listing.symbol.info(status=self.symbol_status(listing)), "filters": self.filters(listing)}

    def filters(self, listing: Listing) -> list[dict[str, Any]]:
        """Return the symbol's filters, with the changes that were made meanwhile."""
        found = {item["filterType"]: item for item in listing.symbol.info(status="TRADING")["filters"]}
        for name, change in self.filter_changes.get(listing.symbol.id, {}).items():
            found[name] = {"filterType": name, **found.get(name, {}), **change}
        return list(found.values())

    def change_filters(self, symbol: str, changes: dict[str, dict[str, Any]]) -> None:
        """Change fields of filters from now on. Raises ValueError for what then is no filter, and changes nothing."""
        listing, before = self.listings[symbol], self.filter_changes.get(symbol, {})
        self.filter_changes[symbol] = {**before, **{name: {**before.get(name, {}), **each} for name, each in changes.items()}}
        try:
            compile_filters(self.filters(listing))
        except (KeyError, ValueError, TypeError, ArithmeticError) as exc:
            self.filter_changes[symbol] = before
            raise ValueError(f"{symbol}: {changes} makes no filter: {exc!r}") from exc
        self.rules_changed += 1

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
                    "status": self.symbol_status(listing),
                    "firstMs": listing.source.first_ms(),
                    "endMs": listing.source.end_ms(),
                }
                for listing in self.listings.values()
            ],
        }
