"""Market data by WebSocket: on the real simulated exchange through ccxt.pro, and on a socket that says nothing or breaks."""

import asyncio
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from live_world import LiveWorld

from tradewind_api.runner import BotConfig, ExchangeConfig
from tradewind_engine.candles import Candles
from tradewind_runner.bot_kinds import make_feed
from tradewind_runner.exchange import Exchange
from tradewind_runner.exchange_clock import ExchangeClock
from tradewind_runner.feed import stream
from tradewind_runner.feed.candle_book import Row
from tradewind_runner.feed.pro import ProCandleSocket
from tradewind_runner.feed.stream import StreamBrokenError, StreamFeed

MINUTE = 60_000


class QuietSocket:
    """Sends what it is given, then nothing, or breaks."""

    final_words = True
    opened = closed = 0

    def __init__(self, rows=(), error=None):
        self.rows, self.error = rows, error
        type(self).opened += 1

    async def watch(self, take):
        for symbol, row, final in self.rows:
            take(symbol, row, final)
        if self.error:
            raise self.error
        await asyncio.Event().wait()

    async def close(self):
        type(self).closed += 1


class History:
    """Answers all candles up to the clock, and counts the questions."""

    def __init__(self, clock):
        self.clock, self.asked, self.behind = clock, 0, 0

    def first_undecided(self, symbol, done_ms):
        newest = int(self.clock.now_ms()) // MINUTE * MINUTE - MINUTE
        return None if done_ms is not None and done_ms >= newest else newest

    async def history(self, symbol, first):
        self.asked += 1
        ts = np.arange(first - 5 * MINUTE, self.clock.now_ms() - self.behind, MINUTE).astype(np.int64)
        ones = np.full(ts.size, 100.0)
        return Candles(ts, ones, ones, ones, ones, ones)


@pytest.fixture
def make_feed_of(monkeypatch):
    monkeypatch.setattr(stream, "SILENCE_S", 0.2)
    monkeypatch.setattr(stream, "PAUSE_S", 0.01)
    QuietSocket.opened = QuietSocket.closed = 0
    now, error = [1000.5 * MINUTE], [0.0]
    clock = ExchangeClock(monotonic=lambda: 0.0)
    clock.now_ms, clock.error_ms = (lambda: now[0]), (lambda: error[0])

    def make(open_socket):
        history = History(clock)
        feed = StreamFeed(open_socket, history, clock, symbols=["BTC/USDT"], timeframe="1m", lookback=3, final_words=True)
        return feed, history, now

    make.clock_error = error
    return make


async def until(look):
    async with asyncio.timeout(10):
        while not look():
            await asyncio.sleep(0.01)


async def test_a_silent_socket_is_replaced(make_feed_of):
    """No message, no close: after the silence another one is opened, and the first is let go."""
    feed, _, _ = make_feed_of(QuietSocket)
    running = asyncio.create_task(feed.run())
    await until(lambda: QuietSocket.opened >= 3)
    assert "no message within" in feed.problem()
    assert QuietSocket.closed >= 2
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert QuietSocket.closed == QuietSocket.opened


async def test_after_a_break_rest_is_asked_before_anything_counts(make_feed_of):
    """The stream's word alone closes candles only while nothing can have been missed."""
    row = Row(1000 * MINUTE, 100.0, 100.0, 100.0, 100.0, 1.0)
    rows = [("BTC/USDT", row, False)]
    feed, history, now = make_feed_of(lambda: QuietSocket(rows))
    running = asyncio.create_task(feed.run())
    await until(lambda: not feed.problem())
    assert None is feed.price("BTC/USDT")  # nothing that it could be compared with
    window = await feed.window("BTC/USDT", done_ms=998 * MINUTE)
    assert (1, 999 * MINUTE) == (history.asked, int(window.candles.ts[window.closed - 1]))
    assert 100.0 == feed.price("BTC/USDT").last
    now[0] = 1001 * MINUTE + 10
    feed.take("BTC/USDT", row, final=True)
    window = await feed.window("BTC/USDT", done_ms=999 * MINUTE)
    assert (1, 1000 * MINUTE) == (history.asked, int(window.candles.ts[window.closed - 1]))
    await until(lambda: QuietSocket.opened >= 2)
    await feed.window("BTC/USDT", done_ms=999 * MINUTE)
    assert 2 == history.asked
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_candle_that_may_be_running_still_is_not_closed(make_feed_of):
    """Our clock says that it ended 3 s ago, and is 3.5 s ahead: as it may be wrong by 4 s, REST is believed a little later."""
    feed, history, now = make_feed_of(QuietSocket)
    now[0], history.behind, make_feed_of.clock_error[0] = 1001 * MINUTE + 3_000, 3_500, 4_000
    await feed.window("BTC/USDT", done_ms=998 * MINUTE)
    assert None is await feed.window("BTC/USDT", done_ms=999 * MINUTE)
    now[0] += 1_000
    window = await feed.window("BTC/USDT", done_ms=999 * MINUTE)
    assert 1000 * MINUTE == window.candles.ts[window.closed - 1]


async def test_an_exchange_without_candles_is_no_silence(make_feed_of):
    """The loop is told that there are none, so that the trader reads what the bot waits for."""
    feed, history, _ = make_feed_of(QuietSocket)
    history.behind = 10 * MINUTE
    window = await feed.window("BTC/USDT", done_ms=None)
    assert (0, 0) == (len(window.candles), window.closed)


async def test_a_broken_socket_says_why(make_feed_of):
    """The reason stands in the bot's state; new risk waits."""
    feed, _, _ = make_feed_of(lambda: QuietSocket(error=StreamBrokenError("closing code 1006")))
    running = asyncio.create_task(feed.run())
    await until(lambda: "closing code 1006" in feed.problem())
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
def world(tmp_path):
    found = LiveWorld(tmp_path)
    yield found
    found.close()


@pytest.mark.slow
async def test_ccxt_pro_closes_candles_without_a_question(world):
    """Two symbols on the real simulated exchange: after the first answer each, REST is not asked again; none is missed."""
    world.configure(symbols=["BTC/USDT", "ETH/USDT"])
    config = BotConfig.model_validate_json((world.folder / "bot.json").read_text())
    exchange = Exchange(config.exchange)
    await exchange.connect(config.symbols)
    feed = make_feed(config, exchange, config.symbols)
    running = asyncio.create_task(feed.run())
    done, seen = {}, {symbol: [] for symbol in config.symbols}
    async with asyncio.timeout(30):
        while min(len(found) for found in seen.values()) < 15:
            await feed.wait()
            for symbol in config.symbols:
                window = await feed.window(symbol, done_ms=done.get(symbol))
                if window is not None and window.closed:
                    ts = window.candles.ts[: window.closed].tolist()
                    seen[symbol] += [item for item in ts if item > done.get(symbol, ts[-2])]
                    done[symbol] = ts[-1]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await exchange.close()
    for found in seen.values():
        assert {MINUTE} == set(np.diff(found).tolist())


async def test_the_word_that_a_candle_has_ended_is_about_that_candle():
    """By a socket that ccxt keeps beside a newer one it comes after the next candle's first row."""
    market = {"id": "BTCUSDT", "symbol": "BTC/USDT", "base": "BTC", "quote": "USDT", "spot": True, "type": "spot"}
    socket = ProCandleSocket(ExchangeConfig(name="s", ccxt_id="binance"), [market], symbols=["BTC/USDT"], timeframe="1m")
    told = []
    socket._ccxt.take_row = lambda symbol, row, final: told.append((symbol, row.ts // MINUTE, row.close, final))
    said = [(9, 101, False), (9, 102, True), (10, 103, False), (9, 102, True), (10, 103, False), (10, 104, True)]
    for minute, close, ended in said:
        kline = {"t": minute * MINUTE, "s": "BTCUSDT", "i": "1m", "x": ended, "v": 1.0, **dict.fromkeys("ohlc", close)}
        socket._ccxt.handle_ohlcv(SimpleNamespace(url="wss://stream", resolve=lambda *_: None), {"e": "kline", "k": kline})
    await socket.close()
    del said[4]  # nothing new
    assert told == [("BTC/USDT", minute, float(close), ended) for minute, close, ended in said]


def test_only_one_exchange_streams():
    """ccxt.pro is imported as leanly as ccxt is."""
    code = (
        "import sys; from tradewind_runner.lean_ccxt import streaming_class; streaming_class('binance')();"
        "print([m for m in sys.modules if m.startswith(('ccxt.pro.', 'ccxt.async_support.')) and m.count('.') == 2])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ["ccxt.async_support.base", "ccxt.async_support.binance", "ccxt.pro.binance"] == sorted(eval(done.stdout))
