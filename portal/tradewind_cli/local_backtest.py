"""A backtest on this machine: strategy file and candle file in, report out. No cluster, no account."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tradewind_api.document.model import StrategyDocument
from tradewind_api.document.resolve import TEMPLATES, read_document, template, with_parameters
from tradewind_api.document.validation import parse_document
from tradewind_engine.backtest.ahead_of_time import prepare
from tradewind_engine.backtest.engine import run_backtest
from tradewind_engine.backtest.report import Report
from tradewind_engine.backtest.simulate import ANY_ORDER, Costs, MarketRules
from tradewind_engine.candle_files import read_candle_file
from tradewind_engine.candles import CandleError, Candles
from tradewind_engine.resampling import resample
from tradewind_engine.timeframes import infer_timeframe


@dataclass(frozen=True, slots=True)
class LocalRun:
    """What a person asked for; empty `timeframe` means the document's own."""

    strategy: str
    data: Path
    exchange: str = ""
    symbol: str = ""
    timeframe: str = ""
    capital: float = 10_000.0
    costs: Costs = Costs()  # noqa: RUF009 - frozen
    market: MarketRules = ANY_ORDER


def load_strategy(name: str, parameters: Mapping[str, float]) -> StrategyDocument:
    """Return the document in file `name`, or the shipped one of that name. Raises InvalidDocumentError, OSError."""
    document = template(name) if name in TEMPLATES else read_document(Path(name).read_text(errors="replace"))
    return with_parameters(document, parameters)


def run_local(run: LocalRun, parameters: Mapping[str, float]) -> Report:
    """Return the report of a run on a file's candles. Raises as `load` does."""
    document, history = load(run, parameters)
    return run_backtest(
        document,
        {run.symbol: history},
        timeframe=document.timeframe,
        exchange=run.exchange,
        capital=run.capital,
        costs=run.costs,
        markets={run.symbol: run.market},
    )


def load(run: LocalRun, parameters: Mapping[str, float]) -> tuple[StrategyDocument, Candles]:
    """Return document and candles of a run, resampled to the wanted timeframe where the file's is finer.

    Raises:
        InvalidDocumentError: If strategy or parameters are wrong.
        CandleError: If the candles are.
        OSError: If the strategy file cannot be read.
    """
    prepare()
    document = load_strategy(run.strategy, parameters)
    if run.timeframe:  # another timeframe is another strategy, as the operator has it
        document = parse_document(document.to_json() | {"timeframe": run.timeframe})
    history = read_candle_file(run.data)
    source = infer_timeframe(history.ts)
    target = document.timeframe
    try:
        history = resample(history, source, target)
    except CandleError:
        raise CandleError(
            f"the strategy works on {target} candles, the file has {source} ones: give finer candles, or --timeframe {source}"
        ) from None
    return document, history
