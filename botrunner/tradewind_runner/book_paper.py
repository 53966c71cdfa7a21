"""The paper broker in the market as it is now: its rules from the exchange, its books and trades from the tape."""

import asyncio
from collections.abc import Callable
from decimal import Decimal

from tradewind_api.ledger import LedgerState
from tradewind_api.runner import ExchangeConfig
from tradewind_engine.trading.book import Book
from tradewind_engine.trading.commission import Fees
from tradewind_engine.trading.rounding import MarketRules
from tradewind_runner.brokers.errors import ExchangeUnavailableError
from tradewind_runner.brokers.paper import PaperBroker
from tradewind_runner.exchange import Exchange, Market
from tradewind_runner.feed.tape import Tape

FIRST_BOOKS_S = 10.0
LATENCY_S = 0.05  # to the exchange, once, on its own clock


class BookPaper(PaperBroker):
    """Of one bot. `connect` comes first and waits for the books of all symbols."""

    def __init__(
        self,
        config: ExchangeConfig,
        exchange: Exchange,
        *,
        markets: Callable[[], dict[str, Market]],
        state: Callable[[], LedgerState],
    ) -> None:
        maker, taker = (Decimal(str(bps)) / 10_000 for bps in (config.maker_fee_bps, config.taker_fee_bps))
        self._config, self._exchange, self._known, self._ledger = config, exchange, markets, state
        self._rates = Fees(maker, taker)
        self._tape: Tape | None = None
        self._watching: asyncio.Task[None] | None = None
        self._waiting: set[str] = set()
        self._shown = asyncio.Event()
        self._way_s = LATENCY_S / exchange.clock.speed
        super().__init__({}, self._rates, state, exchange.clock.now_ms, latency_s=self._way_s)

    async def connect(self) -> object:
        """Put back what rested, and wait for the books. Raises ExchangeUnavailableError."""
        if self._watching is None:
            rules = {name: _rules(market) for name, market in self._known().items()}
            super().__init__(rules, self._rates, self._ledger, self._exchange.clock.now_ms, latency_s=self._way_s)
            self.restore(self._ledger())
            self._waiting = set(rules)
            self._tape = Tape(self._config, self._exchange.parsed_markets, sorted(rules), show=self.show, printed=self.printed)
            self._watching = asyncio.create_task(self._tape.run())
        try:
            async with asyncio.timeout(FIRST_BOOKS_S):
                await self._shown.wait()
        except TimeoutError as exc:
            found = self.problem() or f"no order book came yet of {', '.join(sorted(self._waiting))}"
            raise ExchangeUnavailableError(found) from exc
        return None

    def problem(self) -> str:
        """Return why no order can be filled now, an empty string when it can."""
        return "" if self._tape is None else self._tape.problem()

    async def close(self) -> None:
        """Let go of the connections."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    def show(self, symbol: str, book: Book) -> None:
        """Take a symbol's book as the market shows it now."""
        super().show(symbol, book)
        if book.asks and book.bids:
            self._waiting.discard(symbol)
        if not self._waiting:
            self._shown.set()


def _rules(market: Market) -> MarketRules:
    return MarketRules(market.symbol, market.amount_step, price_tick=market.price_tick, min_notional=market.min_notional)
