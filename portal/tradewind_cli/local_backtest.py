"""A backtest on this machine: strategy file and candle file in, report out. No cluster, no account."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tradewind_api.document.model import StrategyDocument
from tradewind_api.document.resolve import with_parameters
from tradewind_api.document.validation import parse_document
from tradewind_api.times import milliseconds
from tradewind_cli.strategy_file import read_strategy
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
    """What a person asked for; empty `timeframe` means the document's own, empty `from_` and `to` all of the file."""

    strategy: str
    data: Path
    exchange: str = ""
    symbol: str = ""
    timeframe: str = ""
    capital: float = 10_000.0
    costs: Costs = Costs()  # noqa: RUF009 - frozen
    market: MarketRules = ANY_ORDER
    from_: str = ""
    to: str = ""


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
    document = with_parameters(read_strategy(run.strategy), parameters)
    if run.timeframe:  # another timeframe is another strategy, as the operator has it
        document = parse_document(document.to_json() | {"timeframe": run.timeframe})
    history = _between(read_candle_file(run.data), run.from_, run.to)
    source = infer_timeframe(history.ts)
    target = document.timeframe
    try:
        history = resample(history, source, target)
    except CandleError:
        raise CandleError(
            f"the strategy works on {target} candles, the file has {source} ones: give finer candles, or --timeframe {source}"
        ) from None
    return document, history


def _between(history: Candles, from_: str, to: str) -> Candles:
    """Return the candles that open in [from_, to). Raises CandleError if there is none, saying what there is."""
    if not from_ and not to:
        return history
    start = milliseconds(from_) if from_ else 0
    stop = milliseconds(to) if to else int(history.ts[-1]) + 1
    found = history.between(start, stop)
    if not len(found):
        there = [
            datetime.fromtimestamp(int(ts) / 1000, UTC).strftime("%Y-%m-%dT%H:%MZ") for ts in (history.ts[0], history.ts[-1])
        ]
        raise CandleError(
            f"no candle opens from {from_ or 'the first'} to {to or 'the last'}: there are {there[0]} to {there[1]}"
        )
    return found
