"""The public border to pandas: frames in, frames out. Nothing inside the engine knows them, and no bot's pod has pandas."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tradewind_api.document.model import TIMEFRAME_MS, StrategyDocument
from tradewind_engine.backtest import compiled, kernel
from tradewind_engine.backtest.engine import DEFAULT_COSTS, run_backtest
from tradewind_engine.backtest.report import REASONS, Report
from tradewind_engine.backtest.simulate import Costs
from tradewind_engine.candles import COLUMNS, SECONDS, CandleError, Candles, check_candles
from tradewind_engine.timeframes import infer_timeframe

NUMBERS = {
    "entry_price": kernel.ENTRY_PRICE,
    "exit_price": kernel.EXIT_PRICE,
    "amount": kernel.AMOUNT,
    "profit": kernel.PROFIT,
    "fees": kernel.FEES,
}
TIMEFRAME_OF = {length: name for name, length in TIMEFRAME_MS.items()}
BESIDE = ThreadPoolExecutor(
    1, "candle-check"
)  # prices are read once more for their check, by another processor if there is one
TRADE_COLUMNS = pd.Index(["entry_time", "exit_time", *NUMBERS, "reason"])
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
    smallest, largest = _check_times(candles)
    timeframe = timeframe or TIMEFRAME_OF.get(smallest if smallest == largest else 0) or infer_timeframe(candles.ts)
    checked = BESIDE.submit(_check_prices, candles)
    try:
        report = run_backtest(document, {"": candles}, timeframe=timeframe, capital=capital, costs=costs)
    finally:
        checked.result()  # what is no candle is refused, whatever came of it meanwhile
    times = pd.DatetimeIndex(candles.ts.view("datetime64[ms]"), copy=False)
    table = report.tables[0].table
    entered, left = (table[:, column].astype(np.int64) for column in (kernel.ENTRY_INDEX, kernel.EXIT_INDEX))
    columns = [times.take(entered), times.take(left), *(table[:, column] for column in NUMBERS.values())]
    columns.append(pd.Categorical.from_codes(table[:, kernel.REASON].astype(np.int8), dtype=REASON_NAMES))
    trades = pd.DataFrame(dict(enumerate(columns)), index=pd.RangeIndex(len(table)), copy=False)
    trades.columns = TRADE_COLUMNS  # made once: an index of names takes as long as the rest
    return FrameResult(report.figures, pd.Series(report.equity, times, name="equity", copy=False), trades, report)


def candles_of(frame: pd.DataFrame) -> Candles:
    """Return the candles of a frame, checked. Raises CandleError."""
    candles = _columns_of(frame)
    _check_times(candles)
    _check_prices(candles)
    return candles


def _columns_of(frame: pd.DataFrame) -> Candles:
    missing = [name for name in COLUMNS[1:] if name not in frame]
    if missing:
        raise CandleError(f"the frame has no column {', '.join(missing)}")
    if "ts" in frame:
        ts = frame["ts"].to_numpy(np.int64)
    elif isinstance(frame.index, pd.DatetimeIndex):
        times = frame.index if frame.index.tz is None else frame.index.tz_convert("UTC").tz_localize(None)
        ts = times.to_numpy().astype("datetime64[ms]").astype(np.int64)
    else:
        raise CandleError("the frame needs a column ts, open times in UTC milliseconds, or an index of times")
    return Candles(ts, *(np.ascontiguousarray(frame[name].to_numpy(np.float64)) for name in COLUMNS[1:]))


def _check_times(candles: Candles) -> tuple[int, int]:
    """Return the smallest and the largest distance of open times. Raises CandleError where they do not ascend."""
    if len(candles) < 2:
        check_candles(candles)
        return 0, 0
    smallest, largest = compiled.distances(candles.ts)
    if smallest <= 0 or candles.ts[0] < SECONDS:
        check_candles(candles)  # looks for the row
    return smallest, largest


def _check_prices(candles: Candles) -> None:
    """Raise CandleError at the first row that is no candle."""
    if not compiled.fit(*candles.columns()[1:]):
        check_candles(candles)
