"""Frames in, frames out: what a notebook sees of a back-test."""

import numpy as np
import pandas as pd
import pytest
from markets import market

from tradewind_api.document.resolve import template
from tradewind_engine import frames
from tradewind_engine.backtest.engine import run_backtest
from tradewind_engine.candles import COLUMNS, CandleError
from tradewind_engine.frames import backtest_frame, candles_of

CANDLES = market(2, 800)
FRAME = pd.DataFrame(dict(zip(COLUMNS, CANDLES.columns(), strict=True)))
DOCUMENT = template("sma-crossover")


def test_a_frame_gives_what_its_candles_give():
    """Figures, equity by time, one row a closed trade."""
    found, report = backtest_frame(DOCUMENT, FRAME), run_backtest(DOCUMENT, {"": CANDLES}, timeframe="1h")
    assert report.figures == found.figures
    assert report.equity.tolist() == found.equity.tolist()
    assert pd.Timestamp(CANDLES.ts[0], unit="ms") == found.equity.index[0]
    trade, row = report.trades[0], found.trades.iloc[0]
    assert len(report.trades) == len(found.trades)
    assert (trade.entry_price, trade.profit, trade.reason) == (row["entry_price"], row["profit"], row["reason"])
    assert (pd.Timestamp(trade.entry_ms, unit="ms"), pd.Timestamp(trade.exit_ms, unit="ms")) == (
        row["entry_time"],
        row["exit_time"],
    )


def test_times_may_be_the_index():
    """Of any resolution and with a time zone: 12:00 in Vienna is 11:00 UTC in winter."""
    by_time = FRAME.drop(columns="ts").set_index(pd.DatetimeIndex(pd.to_datetime(FRAME["ts"], unit="ms", utc=True)))
    times = by_time.index
    for index in (times, times.tz_convert("Europe/Vienna"), times.tz_localize(None), times.as_unit("ns")):
        np.testing.assert_array_equal(CANDLES.ts, candles_of(by_time.set_index(index)).ts)


def test_a_timeframe_may_be_said_or_told_from_the_times():
    """Also where a candle is missing."""
    gap = FRAME.drop(index=[100])
    assert backtest_frame(DOCUMENT, gap).figures == backtest_frame(DOCUMENT, gap, timeframe="1h").figures
    assert 1 == backtest_frame(DOCUMENT, gap).figures["missingCandles"]


def test_a_timeframe_that_first_and_last_candle_suggest_is_not_believed():
    """Two hours after the first one, and two hours on average; but some are one hour apart."""
    hours = np.cumsum([0, 2, *[1, 3] * ((len(FRAME) - 2) // 2)])
    uneven = FRAME.iloc[: hours.size].assign(ts=FRAME["ts"][0] + 3_600_000 * hours)
    assert uneven["ts"].iloc[-1] - uneven["ts"].iloc[0] == 7_200_000 * (hours.size - 1)
    assert backtest_frame(DOCUMENT, uneven).figures == backtest_frame(DOCUMENT, uneven, timeframe="1h").figures


def test_the_trades_are_a_frame_like_any_other():
    """It can be looked at, added to, sorted and cut; each column has its kind."""
    trades = backtest_frame(DOCUMENT, FRAME).trades
    kinds = ["datetime64[ms]"] * 2 + ["float64"] * 5 + ["category"]
    assert kinds == [str(kind) for kind in trades.dtypes]
    trades["days"] = (trades["exit_time"] - trades["entry_time"]).dt.total_seconds() / 86_400
    trades.loc[0, "profit"] = 7.0
    found = trades[trades["profit"] == 7.0].sort_values("days").groupby("reason", observed=True)["amount"].sum()
    assert [trades["amount"][0]] == found.tolist()


@pytest.mark.parametrize(
    ("owner", "name"), [(type(frames.OPEN_TIMES), "_from_backing_data"), (pd.DataFrame, "_get_column_array")]
)
def test_pandas_may_lose_its_short_ways(monkeypatch, owner, name):
    """Both are there today, where a release without them is told by this test; without one the answer is the same."""
    assert hasattr(owner, name), f"pandas {pd.__version__} has no {name} any more: tradewind_engine.frames goes the longer way"
    whole = backtest_frame(DOCUMENT, FRAME)
    place = next(base for base in owner.__mro__ if name in vars(base))
    monkeypatch.delattr(place, name)
    again = backtest_frame(DOCUMENT, FRAME)
    assert not hasattr(owner, name)
    monkeypatch.undo()  # pandas compares by it
    pd.testing.assert_frame_equal(whole.trades, again.trades)
    pd.testing.assert_series_equal(whole.equity, again.equity)


@pytest.mark.parametrize("kind", [np.float32, np.int64, "Float64", object])
def test_prices_may_be_numbers_of_any_kind(kind):
    """Of a kind that is not ours they are taken as numbers of ours."""
    whole = FRAME.assign(**{name: FRAME[name].round().clip(lower=1) for name in COLUMNS[1:]})
    taken = candles_of(whole.astype(dict.fromkeys(COLUMNS[1:], kind)))
    assert [whole[name].tolist() for name in COLUMNS] == [column.tolist() for column in taken.columns()]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (FRAME.drop(columns="volume"), "no column volume"),
        (FRAME.drop(columns="ts"), "needs a column ts"),
        (FRAME.assign(high=FRAME["low"] / 2), "row 1, column high"),
        (FRAME.iloc[::-1], "row 2, column ts"),
        (FRAME.assign(ts=FRAME["ts"] // 1000), "seconds"),
        (FRAME.iloc[:1].assign(open=-1.0), "must be positive"),
        (FRAME.iloc[:1].assign(high=1e308), "row 1, column high: .* is more than any market has"),
        (FRAME.iloc[:1].assign(volume=1e308), "row 1, column volume"),
        (FRAME.iloc[:0], "no candle"),
    ],
)
def test_what_is_no_candle_is_named(frame, message):
    """Row and column stand in the message."""
    with pytest.raises(CandleError, match=message):
        candles_of(frame)
