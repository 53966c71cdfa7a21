"""The simulated exchange: unmodified ccxt on it, markets that repeat, recordings that stay what they are."""

import asyncio
import json
import urllib.error
from itertools import pairwise

import numpy as np
import pytest
from bot_world import wait_for
from simulator_process import Server

from tradewind_engine.candle_files import read_candle_file
from tradewind_engine.candles import Candles
from tradewind_engine.honesty.leakage import tell_tales
from tradewind_engine.resampling import resample
from tradewind_simulator.clock import VirtualClock
from tradewind_simulator.klines import klines
from tradewind_simulator.market.recorded import RecordedMarket
from tradewind_simulator.market.seeded import SeededMarket

pytestmark = pytest.mark.slow

MINUTE = 60_000
T0 = 1_750_000_000_000 // MINUTE * MINUTE


@pytest.fixture
def server(tmp_path):
    found = Server(tmp_path, "--start-ms", str(T0), "--speed", "60")
    yield found
    assert 0 == found.stop()


def test_unmodified_ccxt_trades_candles_with_it(server):
    """Markets, time and candles; only the address is another."""
    import ccxt.async_support as ccxt

    async def talk():
        api = f"http://127.0.0.1:{server.rest}/api/v3"
        options = {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False}
        exchange = ccxt.binance({"urls": {"api": {"public": api, "private": api}}, "options": options})
        try:
            markets = await exchange.load_markets()
            candles = await exchange.fetch_ohlcv("ETH/USDT", "5m", limit=50)
            return markets["BTC/USDT"], candles, await exchange.fetch_time()
        finally:
            await exchange.close()

    market, candles, now = asyncio.run(talk())
    assert (0.01, 1e-05, 5.0) == (market["precision"]["price"], market["precision"]["amount"], market["limits"]["cost"]["min"])
    assert 50 == len(candles)
    assert now - candles[-1][0] < 6 * MINUTE
    assert all(low <= min(open_, close) and high >= max(open_, close) for _, open_, high, low, close, _ in candles)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("klines?interval=1m", (400, -1102)),
        ("klines?symbol=NOPE&interval=1m", (400, -1121)),
        ("klines?symbol=BTCUSDT&interval=7m", (400, -1120)),
        ("klines?symbol=BTCUSDT", (400, -1102)),
        ("klines?symbol=BTCUSDT&interval=1m&limit=abc", (400, -1100)),
    ],
)
def test_errors_are_worded_as_the_exchange_does(server, path, expected):
    """HTTP status and code of its documentation."""
    assert expected == server.error(path)


def test_the_candle_in_progress_is_the_last_one(server):
    """Its open time is the current minute's, its close lies in the future."""
    rows = server.get("klines?symbol=BTCUSDT&interval=1m&limit=3")
    now = server.get("time")["serverTime"]
    assert 3 == len(rows)
    assert rows[-1][0] <= now
    assert [MINUTE, MINUTE] == [b[0] - a[0] for a, b in pairwise(rows)]
    assert rows[-1][6] == rows[-1][0] + MINUTE - 1


def test_a_seeded_market_repeats_and_can_be_entered_anywhere():
    """The same minute is the same candle, alone or among others; another seed is another market."""
    market, now = SeededMarket("BTC/USDT", 7, 0.01), T0 + 10_000 * MINUTE
    whole = market.candles(T0, T0 + 500 * MINUTE, now)
    alone = market.candles(T0 + 250 * MINUTE, T0 + 251 * MINUTE, now)
    assert [column[250] for column in whole.columns()] == [column[0] for column in alone.columns()]
    assert (whole.close[:-1] == whole.open[1:]).all()
    other = SeededMarket("BTC/USDT", 8, 0.01).candles(T0, T0 + 500 * MINUTE, now)
    assert not (other.close == whole.close).any()


def test_a_seeded_market_moves_as_much_as_it_is_told_to():
    """A quarter of the volatility is the same way with a quarter of each move."""
    usual, quiet = (SeededMarket("BTC/USDT", 7, 1e-8, each).price(np.arange(1e7, 1e7 + 500)) for each in (1.0, 0.25))
    assert np.diff(np.log(quiet)) == pytest.approx(np.diff(np.log(usual)) / 4, abs=1e-12)


def test_a_candle_grows_until_it_is_closed():
    """High never falls, low never rises, open stays, and each price of the way lies between them."""
    market = SeededMarket("BTC/USDT", 7, 0.01)
    for minute in range(50):
        at = T0 + minute * MINUTE
        steps = [market.candles(at, at + MINUTE, at + part * MINUTE // 7) for part in range(1, 8)]
        assert {steps[0].open[0]} == {step.open[0] for step in steps}
        for before, after in pairwise(steps):
            assert before.high[0] <= after.high[0]
            assert after.low[0] <= before.low[0]
            assert after.low[0] <= before.close[0] <= after.high[0]


@pytest.mark.parametrize("timeframe", ["1m", "5m", "1h"])
@pytest.mark.parametrize("seed", range(3))
def test_no_candle_of_a_seeded_market_tells_the_next_ones_move(seed, timeframe):
    """An honest back-test on it is not told that its data knows the future: one move says nothing of the next."""
    market, now = SeededMarket("BTC/USDT", seed, 0.01), T0 + 60_000 * MINUTE
    candles = resample(market.candles(T0, now, now), "1m", timeframe)
    assert {} == tell_tales(candles)
    moves = np.diff(np.log(candles.close))
    assert abs(np.corrcoef(moves[:-1], moves[1:])[0, 1]) < 4 / np.sqrt(len(moves))


def test_a_recording_stays_what_it_is(recorded, tmp_path):
    """All closed 15m klines made of Binance's minutes equal the exchange's own; paging with startTime finds each once."""
    minutes = read_candle_file(recorded / "ohlcv/binance_spot_BTCUSDT_1m_2025.parquet")
    market, now = RecordedMarket(minutes), int(minutes.ts[-1]) + MINUTE
    expected = resample(minutes, "1m", "15m")
    found: list[float] = []
    start = int(expected.ts[0])
    while start < int(expected.ts[-1]):
        page = klines(market, "15m", now_ms=now, start_ms=start, end_ms=int(expected.ts[-1]), limit=1000)
        found += page.close.tolist()
        start = int(page.ts[-1]) + 1
    assert expected.close.tolist() == found


def test_gaps_of_a_recording_stay_gaps():
    """Nothing is made up for the minutes that are missing, and paging goes on behind them."""
    ts = T0 + np.array([0, 1, 2, 5000, 5001], dtype=np.int64) * MINUTE
    market = RecordedMarket(Candles(ts, *(np.ones(5) for _ in range(5))))
    now = int(ts[-1]) + MINUTE
    first = klines(market, "1m", now_ms=now, start_ms=T0, end_ms=None, limit=1000)
    assert ts[:3].tolist() == first.ts.tolist()
    assert ts[3:].tolist() == klines(market, "1m", now_ms=now, start_ms=T0 + 3 * MINUTE, end_ms=None, limit=1000).ts.tolist()


def test_virtual_time_goes_on_over_a_restart():
    """It follows from the epoch, not from when the process started."""
    first = VirtualClock(1000.0, 5_000_000.0, 60, wall=lambda: 3000.0)
    again = VirtualClock(1000.0, 5_000_000.0, 60, wall=lambda: 4000.0)
    assert (5_120_000, 5_180_000) == (first.now_ms(), again.now_ms())


def csv_minutes(count):
    rows = "".join(f"{T0 + n * MINUTE},{100 + n},{101 + n},{99 + n},{100 + n},1\n" for n in range(count))
    return f"ts,open,high,low,close,volume\n{rows}".encode()


def test_candles_that_are_put_replace_the_market_and_survive_a_restart(server, tmp_path):
    """The market is the recording's, from a quarter of it on; after the end it is on BREAK."""
    status = server.put("candles?symbol=BTC/USDT&start=data", csv_minutes(40))
    found = next(item for item in status["symbols"] if item["symbol"] == "BTC/USDT")
    assert ("recorded", "TRADING", T0) == (found["market"], found["status"], found["firstMs"])
    assert T0 + 10 * MINUTE <= server.get("time")["serverTime"] < T0 + 20 * MINUTE
    server.stop()
    again = Server(tmp_path, "--speed", "6000")
    try:
        wait_for(lambda: "BREAK" in {item["status"] for item in again.status()["symbols"] if item["symbol"] == "BTC/USDT"})
        statuses = {item["symbol"]: item["status"] for item in again.get("exchangeInfo")["symbols"]}
        assert ("BREAK", "TRADING") == (statuses["BTCUSDT"], statuses["ETHUSDT"])
        assert 40 == len(again.get("klines?symbol=BTCUSDT&interval=1m"))
    finally:
        again.stop()


@pytest.mark.parametrize("content", [b"", b"PAR1", b"ts,open\n1,2\n"])
def test_bad_candles_are_refused_and_change_nothing(server, content):
    """422 with what is wrong; the market goes on."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        server.put("candles?symbol=BTC/USDT", content)
    with caught.value as answer:
        assert (422, "InvalidCandles") == (answer.code, json.loads(answer.read())["code"])
    assert "simulated" == server.status()["symbols"][0]["market"]


def test_a_recording_that_is_taken_away_leaves_the_made_market_and_its_time(server, tmp_path):
    """The symbol's own market is listed again at the time that it would have had; nothing of the recording comes back."""
    before = server.status()
    server.put("candles?symbol=BTC/USDT&start=data", csv_minutes(40))
    after = server.delete("candles?symbol=BTC/USDT")
    assert (before["startMs"], before["epochMs"], before["speed"]) == (after["startMs"], after["epochMs"], after["speed"])
    assert [(s["symbol"], s["market"]) for s in before["symbols"]] == [(s["symbol"], s["market"]) for s in after["symbols"]]
    assert [] == [file.name for file in tmp_path.rglob("*") if file.is_file()]
    assert 404 == server.delete("candles?symbol=BTC/USDT")
