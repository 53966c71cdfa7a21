"""Market data by WebSocket. What the socket leaves in doubt is asked for by REST; a silent socket is replaced.

No message within SILENCE_S: the socket is closed and another one opened, after a pause with jitter, and until REST has told
what happened meanwhile no candle counts as closed. No price is told to anybody before REST has answered once, and none that
is far from what it has confirmed.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from tradewind_engine.candles import Candles
from tradewind_engine.timeframes import timeframe_ms
from tradewind_runner import health
from tradewind_runner.exchange_clock import ExchangeClock
from tradewind_runner.feed.candle_book import CandleBook, Row, Window
from tradewind_runner.feed.port import Price
from tradewind_runner.feed.rest import RestFeed
from tradewind_runner.spread import spread

log = logging.getLogger("tradewind.runner")
SILENCE_S, PAUSE_S, PAUSE_MOST_S, GRACE_MS, SPARE_ROWS = 25.0, 0.2, 10.0, 2_000.0, 600
DOUBT_S = 30.0  # after which doubt that REST does not end is told
ASK_AGAIN_S = 1.0  # how often REST is asked about a running candle that is in doubt
Take = Callable[[str, Row, bool], None]


class StreamBrokenError(Exception):
    """The socket ended, or says nothing; what it would have said is lost."""


class CandleSocket(Protocol):
    """One connection that sends candles as they change."""

    final_words: bool

    async def watch(self, take: Take) -> None:
        """Call `take(symbol, row, final)` for each change, for ever. Raises StreamBrokenError."""

    async def close(self) -> None:
        """Let go of it, whatever its state."""


class StreamFeed:
    """One socket after another. `listen` hears each accepted price, and the loop's exit guards with it."""

    def __init__(
        self,
        open_socket: Callable[[], CandleSocket],
        rest: RestFeed,
        clock: ExchangeClock,
        *,
        symbols: list[str],
        timeframe: str,
        lookback: int,
        final_words: bool,
    ) -> None:
        self.listen: Callable[[str, Price], None] = lambda _symbol, _price: None
        self._open, self._rest, self._clock = open_socket, rest, clock
        self._length, self._lookback = timeframe_ms(timeframe), lookback
        keep = lookback + SPARE_ROWS
        self._books = {name: CandleBook(name, self._length, keep=keep, final_words=final_words) for name in symbols}
        self._least_grace_ms = min(GRACE_MS * clock.speed, self._length / 2)
        self._prices: dict[str, Price] = {}
        self._asked: dict[str, int] = {}
        self._ask_again: dict[str, float] = {}
        self._doubted: dict[str, tuple[float, str]] = {}  # left in doubt by the stream, not ended by REST: since when, why
        self._young: set[str] = set()  # REST was asked for a whole lookback and has less: what is here is all there is
        self._news = asyncio.Event()
        self._heard = self._broken_since = 0.0
        self._broken = "the stream is not connected yet"

    async def run(self) -> None:
        """Keep a socket open for ever."""
        loop, pause = asyncio.get_running_loop(), PAUSE_S
        while True:
            opened = loop.time()
            try:
                await self._use_one_socket()
            except StreamBrokenError as exc:
                log.warning("market data: %s", exc)
                self._broken = f"the market data stream broke: {exc}"
            health.STREAM_BREAKS.inc()
            for book in self._books.values():
                book.lost(self._broken)
            self._news.set()
            pause = PAUSE_S if loop.time() - opened > SILENCE_S else min(pause * 2, PAUSE_MOST_S)
            await asyncio.sleep(spread(pause))

    async def wait(self) -> None:
        """Return at once when a candle closed or doubt arose, else a little after the next close by the exchange's clock."""
        grace = self._grace()
        until = (int(self._clock.now_ms() - grace) // self._length + 1) * self._length + grace
        wait = min(max(self._clock.wall_seconds_until(until), 0.05), 30.0)
        try:
            async with asyncio.timeout(wait):
                await self._news.wait()
        except TimeoutError:
            return
        self._news.clear()

    async def window(self, symbol: str, *, done_ms: int | None) -> Window | None:
        """Return what the stream has told, or what REST answers where the stream leaves doubt."""
        first = self._rest.first_undecided(symbol, done_ms)
        book, now = self._books[symbol], self._clock.now_ms()
        if done_ms is not None and first is None and book.closed_ms > done_ms:
            first = book.closed_ms  # the exchange's word is a little before our idea of its clock
        if first is None:
            if book.doubt:
                await self._end_doubt(symbol, now)
            return None
        if (found := book.window(first, self._lookback, short=symbol in self._young)) is not None:
            return found
        if not book.doubt and (not book.overdue(now, self._grace()) or self._asked.get(symbol) == first):
            return None
        candles = await self._rest.history(symbol, first)
        if first + self._length + self._grace() <= now:  # what was asked before the candle's end is no last word on it
            self._asked[symbol] = first
        self._resync(symbol, candles, now, first)
        found = book.window(first, self._lookback, short=True)
        # What ended before `first` had ended when it was asked for: so few are there, and nothing to decide on.
        return found or Window(candles, sum(ts <= book.closed_ms for ts in candles.ts.tolist()))

    def price(self, symbol: str) -> Price | None:
        """Return the newest price of the stream."""
        return self._prices.get(symbol)

    def problem(self) -> str:
        """Return what is wrong with the data, an empty string when the stream speaks and REST says nothing else."""
        long_ago = asyncio.get_running_loop().time() - DOUBT_S
        lasting = [
            f"{why}, and the exchange's answers do not clear it up"
            for since, why in self._doubted.values()
            if since <= long_ago
        ]
        return self._broken or "; ".join(lasting)

    def take(self, symbol: str, row: Row, final: bool) -> None:
        """Take one message of the socket."""
        book = self._books.get(symbol)
        if book is None:
            return
        self._heard, self._broken = asyncio.get_running_loop().time(), ""
        before, closed, certain = book.newest, book.closed_ms, not book.doubt
        for note in book.offer(row, at_ms=self._clock.now_ms(), final=final):
            log.warning("%s: %s", note.kind, note.text)
            health.DATA_NOTES.labels(note.kind).inc()
        if book.doubt:
            self._doubted[symbol] = self._doubted.get(symbol, (self._heard, ""))[0], book.doubt
        else:
            self._doubted.pop(symbol, None)
        if book.newest is row and book.confirmed:
            self._prices[symbol] = price = _touched(before, row, self._heard)
            self.listen(symbol, price)
        if book.closed_ms > closed or (certain and book.doubt):
            self._news.set()

    async def _end_doubt(self, symbol: str, now: float) -> None:
        """Ask about the running candle: until REST has answered, a price that really moved far is no price to any guard."""
        loop = asyncio.get_running_loop()
        if (due := self._ask_again.get(symbol, 0.0)) > loop.time():
            loop.call_at(due, self._news.set)
            return
        self._ask_again[symbol] = loop.time() + ASK_AGAIN_S
        first = int(now) // self._length * self._length - self._length
        self._resync(symbol, await self._rest.history(symbol, first), now, first)

    def _resync(self, symbol: str, candles: Candles, now: float, first: int) -> None:
        """Take an answer of REST that was asked for a lookback of candles before `first`."""
        book = self._books[symbol]
        if candles.ts.searchsorted(first) < self._lookback:
            self._young.add(symbol)
        else:
            self._young.discard(symbol)
        for note in book.resync(candles, asked_ms=now, grace_ms=self._grace()):
            log.warning("%s: %s", note.kind, note.text)
            health.DATA_NOTES.labels(note.kind).inc()
        if not book.overdue(now, self._grace()):
            self._doubted.pop(symbol, None)
        if (row := book.newest) is not None and len(candles):
            self._prices[symbol] = price = Price(row.close, row.close, row.close, asyncio.get_running_loop().time())
            self.listen(symbol, price)

    def _grace(self) -> float:
        """Return how many ms after its end by our clock a candle of REST is surely closed."""
        return max(self._least_grace_ms, self._clock.error_ms())

    async def _use_one_socket(self) -> None:
        socket, loop = self._open(), asyncio.get_running_loop()
        self._heard = loop.time()
        watch = asyncio.create_task(socket.watch(self.take))
        try:
            while not watch.done():
                await asyncio.wait({watch}, timeout=max(0.0, self._heard + SILENCE_S - loop.time()))
                if not watch.done() and loop.time() >= self._heard + SILENCE_S:
                    raise StreamBrokenError(f"no message within {SILENCE_S:.0f} s")
            watch.result()
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
            await socket.close()


def _touched(before: Row | None, row: Row, heard_s: float) -> Price:
    """Return the price with the extremes that are news: a running candle's are old unless they moved."""
    if before is None or before.ts != row.ts:
        return Price(row.close, min(row.open, row.low), max(row.open, row.high), heard_s)
    low = row.low if row.low < before.low else row.close
    return Price(row.close, low, row.high if row.high > before.high else row.close, heard_s)
