"""Candles: bad ones are refused by row and column, gaps are kept, long ones are made of whole short ones."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tradewind_engine.candle_files import parse_candles, read_candle_file
from tradewind_engine.candles import COLUMNS, CandleError, from_columns, gaps
from tradewind_engine.resampling import resample
from tradewind_engine.timeframes import infer_timeframe, periods_per_year

HEADER = "ts,open,high,low,close,volume\n"
T0 = 1_700_000_000_000 - 1_700_000_000_000 % 3_600_000


def csv(*rows, header=HEADER):
    return (header + "".join(f"{row}\n" for row in rows)).encode()


def minutes(*numbers):
    return parse_candles(csv(*(f"{T0 + n * 60_000},{n + 1},{n + 3},{n + 0.5},{n + 2},1" for n in numbers)))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["1,2,3,1,2,x"], "row 1, column volume: 'x' is not a number"),
        ([f"{T0},1,1,1,1,1", f"{T0},1,1,1,1,1"], "row 2, column ts: .* stands twice"),
        ([f"{T0 + 60000},1,1,1,1,1", f"{T0},1,1,1,1,1"], "row 2, column ts: .* sort the rows"),
        ([f"{T0},1,1,1,nan,1"], "row 1, column close: nan is not a finite number"),
        ([f"{T0},1,1,1,-1,1"], "row 1, column close: -1.0 must be positive"),
        ([f"{T0},1,1,1,1,-1"], "row 1, column volume: -1.0 must not be negative"),
        ([f"{T0},2,1,1,1,1"], "row 1, column high: 1.0 is below open or close"),
        ([f"{T0},1,2,1.5,2,1"], "row 1, column low: 1.5 is above open or close"),
        ([f"{T0 // 1000},1,1,1,1,1"], "looks like seconds"),
        ([f"{T0},1,1,1,1"], "row 1: 5 fields, the header has 6"),
        ([f"{'9' * 30},1,1,1,1,1"], "beyond 64 bits"),
        ([], "there is no candle"),
    ],
)
def test_a_bad_candle_is_named(rows, message):
    """Row, column, value and what was wanted."""
    with pytest.raises(CandleError, match=message):
        parse_candles(csv(*rows))


def test_missing_columns_are_named():
    """What is missing and what was found."""
    with pytest.raises(CandleError, match="missing column volume: wanted are ts, open"):
        parse_candles(csv(header="ts,open,high,low,close\n"))


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"PAR1", b"PAR1" + b"\0" * 100, b"a,b\n1,2\n", b"\n\n"])
def test_what_is_no_candle_file_is_refused(content):
    """Empty, binary and truncated files end as one kind of error."""
    with pytest.raises(CandleError):
        parse_candles(content)


def parquet(path, **changed):
    """Write three minutes as Parquet, some columns changed, and read them."""
    columns = {"ts": [T0, T0 + 60_000, T0 + 120_000], "open": [1.0, 2, 3], "high": [3.0, 4, 5], "low": [0.5, 1, 2]}
    pq.write_table(pa.table(columns | {"close": [2.0, 3, 4], "volume": [1.0, 0, 1]} | changed), path)
    return read_candle_file(path)


def test_parquet_of_any_number_type_is_read(tmp_path):
    """Times as timestamps of any unit, whole numbers and single precision as prices, several pieces of a column."""
    plain = parquet(tmp_path / "a.parquet")
    assert [1.0, 2.0, 3.0] == plain.open.tolist()
    stamps = pa.array([value * 1000 for value in plain.ts.tolist()], pa.timestamp("us", "UTC"))
    other = parquet(
        tmp_path / "b.parquet",
        ts=stamps,
        open=pa.array([1, 2, 3], pa.int32()),
        volume=pa.chunked_array([[1.0], [0.0, 1.0]]).cast(pa.float32()),
    )
    assert all((a == b).all() and a.dtype == b.dtype for a, b in zip(plain.columns(), other.columns(), strict=True))
    other.open[0] = 1.5  # ours to write


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"open": [1.0, None, 3.0]}, "column open has 1 empty values"),
        ({"ts": ["a", "b", "c"]}, "column ts is of type .*UTC milliseconds as int64 are wanted"),
        ({"volume": ["a", "b", "c"]}, "column volume is of type .*numbers are wanted"),
        ({"ts": pa.array([2**63, 2**63 + 1, 2**63 + 2], pa.uint64())}, "column ts does not fit"),
    ],
)
def test_a_parquet_column_that_is_no_number_is_named(tmp_path, changed, message):
    """With its type and what is wanted."""
    with pytest.raises(CandleError, match=message):
        parquet(tmp_path / "bad.parquet", **changed)


def test_no_thread_is_left_by_a_parquet_file(tmp_path):
    """A thread of Arrow's that lets go of a file's bytes while Python ends aborts the process, once in thousands."""
    parquet(tmp_path / "a.parquet")
    count = "len(__import__('os').listdir('/proc/self/task'))"
    code = (
        "import pathlib, sys, tradewind_engine.candle_files as files, pyarrow.parquet;"
        f"before = {count}; files.read_candle_file(pathlib.Path(sys.argv[1])); print({count} - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "a.parquet"], capture_output=True, text=True, check=True)
    assert "0\n" == done.stdout


def test_an_empty_parquet_has_no_candle(tmp_path):
    """Columns of the right types and no row."""
    empty = {name: pa.array([], pa.int64() if name == "ts" else pa.float64()) for name in COLUMNS}
    pq.write_table(pa.table(empty), tmp_path / "empty.parquet")
    with pytest.raises(CandleError, match="no candle"):
        read_candle_file(tmp_path / "empty.parquet")


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    """A hole of a gigabyte: refused by its size."""
    with (tmp_path / "large.csv").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(CandleError, match="split it by time"):
        read_candle_file(tmp_path / "large.csv")


def test_empty_lines_of_a_csv_are_nothing():
    """Between rows and at the end."""
    assert 2 == len(parse_candles(csv(f"{T0},1,1,1,1,1", "", f"{T0 + 60_000},1,1,1,1,1", "")))


def test_columns_of_other_lengths_are_refused():
    """Five of six, or one shorter."""
    columns = minutes(0, 1).column_bytes()
    for bad in (columns[:5], [columns[0][:8], *columns[1:]], [column[:7] for column in columns]):
        with pytest.raises(CandleError, match="six byte strings"):
            from_columns(bad)


def test_a_timeframe_needs_two_candles_and_a_name():
    """One candle has no distance, and nobody trades by seven hours."""
    with pytest.raises(CandleError, match="fewer than two"):
        infer_timeframe(np.array([0]))
    with pytest.raises(CandleError, match="unknown timeframe '7h'"):
        periods_per_year("7h")


def test_resampling_to_the_same_changes_nothing():
    """Nor does resampling nothing."""
    candles = minutes(0, 1)
    assert candles is resample(candles, "1m", "1m")
    assert 0 == len(resample(candles[:0], "1m", "5m"))


def test_a_missing_file_is_an_error(tmp_path):
    """With the reason."""
    with pytest.raises(CandleError, match="No such file"):
        read_candle_file(tmp_path / "none.csv")


def test_gaps_are_kept_and_told():
    """Minutes 2 and 3 are missing."""
    candles = minutes(0, 1, 4)
    assert 3 == len(candles)
    assert [(T0 + 120_000, T0 + 240_000)] == gaps(candles, 60_000)


def test_bytes_survive_the_wire():
    """Columns are bytes and back."""
    candles = minutes(0, 1, 2)
    again = from_columns(candles.column_bytes())
    assert all((a == b).all() for a, b in zip(candles.columns(), again.columns(), strict=True))


def test_the_timeframe_is_the_smallest_distance():
    """A gap does not change it; an odd distance is refused."""
    assert "1m" == infer_timeframe(np.array([0, 60_000, 300_000]))
    with pytest.raises(CandleError, match="not on the grid"):
        infer_timeframe(np.array([0, 60_000, 150_000]))
    with pytest.raises(CandleError, match="no timeframe"):
        infer_timeframe(np.array([0, 61_000]))
    assert 8760 == periods_per_year("1h")


def test_only_whole_candles_are_made():
    """Minutes 1..10 make one whole 5m candle: 5..9."""
    five = resample(minutes(*range(1, 11)), "1m", "5m")
    assert [T0 + 300_000] == five.ts.tolist()
    assert (6.0, 12.0, 5.5, 11.0, 5.0) == (five.open[0], five.high[0], five.low[0], five.close[0], five.volume[0])


def test_a_timeframe_that_does_not_divide_is_refused():
    """15m from 2h."""
    with pytest.raises(CandleError, match="cannot be made"):
        resample(minutes(0, 1), "2h", "15m")


def test_resampling_gives_the_exchanges_own_candles(recorded):
    """All 15m candles of Binance, from its 1m candles: prices exactly, volume to 1e-9."""
    short = read_candle_file(recorded / "ohlcv/binance_spot_BTCUSDT_1m_2025.parquet")
    own = read_candle_file(recorded / "ohlcv/binance_spot_BTCUSDT_15m_2025.parquet")
    made = resample(short, "1m", "15m")
    assert len(made) >= 8712
    own = own.between(int(made.ts[0]), int(made.ts[-1]) + 1)
    for name in ("ts", "open", "high", "low", "close"):
        assert (getattr(own, name) == getattr(made, name)).all(), name
    np.testing.assert_allclose(made.volume, own.volume, rtol=1e-9)
