"""Recorded books and trades are shown as they were; what cannot be replayed is refused with the place and the way out."""

import gzip
import json
import random
import subprocess
import sys
from bisect import bisect_right
from decimal import Decimal
from itertools import pairwise

import pytest
from simulator_process import Server

from tradewind_simulator.market.files import read_markets
from tradewind_simulator.market.recording import FeedError

pytestmark = pytest.mark.slow

L2 = "l2/binance_spot_{}_ws_20240808T2354_2400.jsonl.gz"
PROTOCOL = ("protocol/binance_spot_rest_depth_snapshots_20211012.txt.gz", "protocol/binance_spot_ws_diffs_20211012.txt.gz")


def frames(file):
    """Go through what was pushed."""
    with gzip.open(file, "rt") as lines:
        for line in lines:
            if '"stream"' in line:
                yield json.loads(line[line.index("{") :])["data"]


def tops(market, found):
    """Return how many updates have a best-price frame to compare with, and those whose book differs from it.

    The frame of the highest number until an update tells what was best then.
    """
    quotes = sorted((item for item in found if "B" in item), key=lambda item: item["u"])
    numbers = [item["u"] for item in quotes]
    compared, wrong = 0, []
    for change in market.changes(0, 2**60):
        place = bisect_right(numbers, change.last_id) - 1
        if place < 0:
            continue
        quote, book = quotes[place], market.book(change.time_ms)
        if market.update_id(change.time_ms) != change.last_id:
            continue  # two updates of one millisecond: the book is that of the later one
        compared += 1
        if (book.bids[0], book.asks[0]) != tuple((Decimal(quote[p]), Decimal(quote[q])) for p, q in ("bB", "aA")):
            wrong.append(change.last_id)
    return compared, wrong


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT"])
def test_every_recorded_book_is_the_recorded_best_price(recorded, symbol):
    """All of some 3,400 books of six minutes, price and amount of both sides."""
    file = recorded / L2.format(symbol)
    (found,) = read_markets([file])
    compared, wrong = tops(found.market, frames(file))
    assert compared > 3400
    assert [] == wrong


def test_recorded_snapshots_and_diffs_of_four_symbols_join(recorded):
    """Diffs older than the snapshot are left out; where best prices were recorded, the books have them."""
    files = [recorded / name for name in PROTOCOL]
    found = {item.symbol: item.market for item in read_markets(files)}
    assert {"NKN/USDT", "BLZ/ETH", "LRC/BTC", "RUNE/EUR"} == set(found)
    nkn = found["NKN/USDT"]
    assert 499869753 == nkn.changes(0, 2**60)[0].first_id
    quotes = [item for item in frames(files[1]) if item["s"] == "NKNUSDT" and "B" in item]
    compared, wrong = tops(nkn, quotes)
    assert compared > 100
    assert [] == wrong


def test_a_recorded_book_can_be_asked_at_any_moment(recorded):
    """Forwards and backwards, in any order, it is the same."""
    (found,) = read_markets([recorded / L2.format("ETHUSDT")])
    moments = [found.market.first_ms() + n * 5_000 for n in range(60)]
    books = [found.market.book(moment) for moment in moments]
    shuffled = random.Random(5).sample(range(60), 8)
    assert [books[n] for n in shuffled] == [found.market.book(moments[n]) for n in shuffled]


def test_recorded_trades_are_printed_once(recorded):
    """Stretches that touch have each trade once, and candles of a minute are made of them."""
    (found,) = read_markets([recorded / "trades/binance_spot_XRPETH_trades_2019-10.parquet"])
    tape, start, end = found.market, found.market.first_ms() - 1, found.market.end_ms()
    edges = sorted({start, end, *random.Random(5).sample(range(start, end), 50)})
    pieces = [item for left, right in pairwise(edges) for item in tape.trades(left, right)]
    assert 12_477 == len(pieces)
    assert tape.trades(start, end) == pieces
    candles = tape.candles(0, end, end)
    assert sum(item.amount for item in pieces) == pytest.approx(Decimal(float(candles.volume.sum())), rel=Decimal("1e-9"))
    last = int(candles.ts[-1])
    part = tape.candles(last, last + 60_000, pieces[-1].time_ms - 1)
    assert len(part) == 0 or part.volume[0] < candles.volume[-1]


def line(number, data):
    return f"17231612{number:011d} " + json.dumps({"stream": "x", "data": data})


SNAPSHOT = '1723161200000000000 {"lastUpdateId": 5, "bids": [["9", "1"]], "asks": [["10", "1"]]}'


def diff(first, last, **more):
    return {"e": "depthUpdate", "E": 1000 + last, "s": "AUSDT", "U": first, "u": last, "b": [], "a": [], **more}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (gzip.compress(b"1 {}\n" * 100, mtime=0)[:-20], "damaged gzip"),
        (b"\x1f\x8bnothing", "damaged gzip"),
        (b"1 {broken}", "line 1"),
        (b"17 nothing", "one frame a line"),
        (line(1, diff(1, 2)), "no depth snapshot"),
        (f"{SNAPSHOT}\n{line(1, diff(9, 9))}", "older than the first diff"),
        ("\n".join([SNAPSHOT, line(1, diff(5, 6)), line(2, diff(8, 9))]), "line 3: AUSDT: update 8 follows 6"),
        (f"{SNAPSHOT}\n{line(1, diff(5, 6, E=7))}\n{line(1, diff(7, 7, E=6))}", "older than the one before"),
        (f"{SNAPSHOT}\n{line(1, diff(5, 6, b=[['NaN', '1']]))}", "cannot be"),
        (f"{SNAPSHOT}\n{line(1, diff(5, 6, b=[['x', '1']]))}", "line 2"),
        (f"{SNAPSHOT}\n{line(1, diff(5, 6, b=[['1', '-1']]))}", "cannot be"),
        (f"{SNAPSHOT}\n{line(1, diff(5, 6, b=7))}", "line 2"),
        (f"{SNAPSHOT}\n{line(1, {'e': 'trade', 's': 'AUSDT'})}", "'p' is missing"),
        (SNAPSHOT, "a snapshot without a symbol"),
        (f"{SNAPSHOT}\n{line(1, diff(5, 6, s='XYZ'))}", "cannot be told apart"),
        (line(1, {"e": "kline"}), "no depth, trade or snapshot"),
        (b"PAR1nothing", "not a readable Parquet"),
        (b"ts,id,side,price,amount\n", "the trade file is empty"),
        (b"ts,id,side,price,amount\n1,1,buy,nan,1\n", "row 1"),
        (b"ts,id,side,price,amount\n2,1,buy,1,1\n1,2,buy,1,1\n", "row 2"),
        (b"ts,id,side,price,amount\n1,2,buy,1,1\n1,2,buy,1,1\n", "row 2"),
        (b"ts,id,side,price\n1,1,buy,1\n", "no trade file"),
        (b"ts,id,side,price,amount\n1,1,both,1,1\n", "row 1"),
        (b"time,price\n1,1\n", "missing column"),
    ],
)
def test_what_cannot_be_replayed_is_refused(tmp_path, content, words):
    """With the file, the place and what was wanted."""
    file = tmp_path / "found"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(FeedError, match=words):
        read_markets([file])


def test_a_file_that_is_not_there_is_refused(tmp_path):
    """With its name."""
    with pytest.raises(FeedError, match="cannot read"):
        read_markets([tmp_path / "nothing"])


def test_the_process_replays_recorded_books(recorded, tmp_path):
    """All four symbols trade, and depth has the recording's own numbers and levels."""
    files = ":".join(str(recorded / name) for name in PROTOCOL)
    server = Server(tmp_path, "--data", files, "--symbols", "[]")
    try:
        depth = server.get("depth?symbol=LRCBTC&limit=5000")
        assert 259345543 <= depth["lastUpdateId"]
        assert ("0.00000637", 100) < (depth["bids"][0][0], len(depth["bids"]))
        info = {item["symbol"]: item for item in server.get("exchangeInfo")["symbols"]}
        assert {"NKNUSDT", "BLZETH", "LRCBTC", "RUNEEUR"} == set(info)
        assert {"recorded"} == {item["market"] for item in server.status()["symbols"]}
    finally:
        assert 0 == server.stop()


def test_the_process_does_not_start_on_a_bad_file(tmp_path):
    """It says why and ends with 2."""
    file = tmp_path / "candles.csv"
    file.write_text("time,price\n1,1\n")
    command = [sys.executable, "-m", "tradewind_simulator", "--port", "0", "--control-port", "0", "--data", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (2, True) == (done.returncode, "candles.csv: missing column" in done.stdout)


def test_candles_are_told_from_trades_by_their_columns(recorded):
    """Whatever the files are called."""
    candles, trades = read_markets(
        [
            recorded / "ohlcv/binance_spot_BTCUSDT_15m_2025.parquet",
            recorded / "trades/binance_spot_XRPETH_trades_2019-10.parquet",
        ]
    )
    assert ("15m", 12_477) == (candles.market.timeframe, len(trades.market.trades(0, 2**60)))
