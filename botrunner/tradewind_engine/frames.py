"""The public border to pandas: frames in, frames out. Nothing inside the engine knows them, and no bot's pod has pandas."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.internals import create_dataframe_from_blocks

from tradewind_api.document.model import TIMEFRAME_MS, StrategyDocument
from tradewind_engine.backtest import compiled
from tradewind_engine.backtest.engine import DEFAULT_COSTS, run_backtest
from tradewind_engine.backtest.report import REASONS, Report, SymbolTrades
from tradewind_engine.backtest.simulate import Costs
from tradewind_engine.beside import BESIDE, Task
from tradewind_engine.candles import COLUMNS, SECONDS, CandleError, Candles, Floats, Integers, check_candles
from tradewind_engine.timeframes import infer_timeframe

TIMEFRAME_OF = {length: name for name, length in TIMEFRAME_MS.items()}
TRADE_COLUMNS = pd.Index(["entry_time", "exit_time", "entry_price", "exit_price", "amount", "profit", "fees", "reason"])
TIMES, NUMBERS, REASON = np.array([0, 1]), np.array([2, 3, 4, 5, 6]), np.array([7])  # places of the columns of one kind
OPEN_TIMES: Any = pd.array(np.empty(0, "datetime64[ms]"))  # an array of pandas' own, for others to be made like it
REASON_NAMES = pd.CategoricalDtype([REASONS[float(code)] for code in range(len(REASONS))])


@dataclass(frozen=True, slots=True)
class FrameResult:
    """A back-test as pandas: `equity` by open time in UTC, `trades` one row a closed trade; `report` has the rest."""

    figures: dict[str, float | int | None]
    equity: "pd.Series[float]"
    trades: pd.DataFrame
    report: Report


def backtest_frame(
    document: StrategyDocument,
    frame: pd.DataFrame,
    *,
    capital: float = 10_000.0,
    costs: Costs = DEFAULT_COSTS,
    timeframe: str = "",
) -> FrameResult:
    """Return what a document would have done on the candles of a frame.

    Args:
        document: A valid document, parameters applied (`read_document`, `with_parameters`).
        frame: Columns open, high, low, close, volume; and `ts`, open times in UTC ms, unless the index has them as times.
        capital: Quote currency at the start.
        costs: What each fill pays.
        timeframe: Of the candles; told from their times if not given.

    Raises:
        CandleError: If a column is missing, or a row cannot be a candle; the message names both.
    """
    candles = _columns_of(frame)
    room = np.empty(len(candles))
    beside = BESIDE.give(_beside, candles, room)
    closed: list[Task[pd.DataFrame]] = []
    try:
        told = timeframe or _timeframe_of(candles.ts)
        report = run_backtest(
            document,
            {"": candles},
            timeframe=told,
            capital=capital,
            costs=costs,
            rooms={"": room},
            closed=lambda trades: closed.append(BESIDE.give(_trades_of, trades)),
        )
    finally:
        even, equity = beside.result()
        if even is None:  # refused, whatever came of it meanwhile
            check_candles(candles)
    if not (timeframe or even) and (found := infer_timeframe(candles.ts)) != told:
        return backtest_frame(document, frame, capital=capital, costs=costs, timeframe=found)
    return FrameResult(report.figures, equity, closed[0].result(), report)


def candles_of(frame: pd.DataFrame) -> Candles:
    """Return the candles of a frame, checked. Raises CandleError."""
    candles = _columns_of(frame)
    if _seen(candles) is None:
        check_candles(candles)
    return candles


def _beside(candles: Candles, room: Floats) -> tuple[bool | None, "pd.Series[float]"]:
    """Return what `_seen` does, and a series by open time around `room`, which is being filled meanwhile.

    The series comes first: it needs the interpreter, which is free while the signals are looked for.
    """
    times = pd.DatetimeIndex(_times(candles.ts.view("datetime64[ms]")), copy=False)
    equity = pd.Series(room, times, name="equity", copy=False)
    return _seen(candles), equity


def _trades_of(trades: SymbolTrades) -> pd.DataFrame:
    """Return the closed trades. Columns of one kind are rows of one array, as pandas keeps them, so it takes them as they are.

    From eight single columns a frame takes four times as long.
    """
    count = len(trades.table)
    times, numbers, codes = np.empty((2, count), np.int64), np.empty((5, count)), np.empty(count, np.int8)
    compiled.turn(trades.table, trades.ts, times, numbers, codes)
    opened = _times(times.view("datetime64[ms]"))
    reasons: Any = pd.Categorical.from_codes(codes, dtype=REASON_NAMES, validate=False)
    blocks = [(opened, TIMES), (numbers, NUMBERS), (reasons, REASON)]
    return create_dataframe_from_blocks(blocks, index=pd.RangeIndex(count), columns=TRADE_COLUMNS)


def _times(values: Any) -> Any:
    """Return an array of pandas' around times that need no look: it asks what they may be in a hundred steps otherwise.

    The short way is pandas' own and may go with any release: without it the answer is the same, 0.03 ms later.
    """
    short = getattr(OPEN_TIMES, "_from_backing_data", None)
    return short(values) if short else pd.array(values, copy=False)


def _columns_of(frame: pd.DataFrame) -> Candles:
    names = frame.columns
    missing = [name for name in COLUMNS[1:] if name not in names]
    if missing:
        raise CandleError(f"the frame has no column {', '.join(missing)}")
    if "ts" in names:
        ts = _column(frame, "ts", np.int64)
    elif isinstance(frame.index, pd.DatetimeIndex):
        times = frame.index if frame.index.tz is None else frame.index.tz_convert("UTC").tz_localize(None)
        ts = times.to_numpy().astype("datetime64[ms]").astype(np.int64)
    else:
        raise CandleError("the frame needs a column ts, open times in UTC milliseconds, or an index of times")
    return Candles(ts, *(_column(frame, name, np.float64) for name in COLUMNS[1:]))


def _column(frame: pd.DataFrame, name: str, kind: type) -> Any:
    """Return a column as an array of a kind, its own where it can be: six series around it would take as long as the check.

    The short way is pandas' own, as in `_times`: without it, 0.1 ms later.
    """
    place, short = frame.columns.get_loc(name), getattr(frame, "_get_column_array", None)
    values = short(place) if short and isinstance(place, int) else None
    if type(values) is np.ndarray and values.dtype == kind:
        return np.ascontiguousarray(values)
    return np.ascontiguousarray(frame[name].to_numpy(kind))


def _timeframe_of(ts: Integers) -> str:
    """Return the timeframe of open times, told from the first and the last where all seem to have one distance."""
    if ts.size > 1 and (ts[-1] - ts[0]) == (ts.size - 1) * (ts[1] - ts[0]):
        return TIMEFRAME_OF.get(int(ts[1] - ts[0])) or infer_timeframe(ts)
    return infer_timeframe(ts)


def _seen(candles: Candles) -> bool | None:
    """Return whether all open times have one distance, None where a row may be no candle, which `check_candles` looks for."""
    if len(candles) < 2:
        return None
    smallest, largest = compiled.distances(candles.ts)
    if smallest <= 0 or candles.ts[0] < SECONDS or not compiled.fit(*candles.columns()[1:]):
        return None
    return bool(smallest == largest)
