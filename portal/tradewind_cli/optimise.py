"""`tw optimise`: the best parameters on this machine, and how far to trust them."""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from tradewind_api.backtest import Objective
from tradewind_api.document.errors import InvalidDocumentError
from tradewind_api.document.ranges import Range
from tradewind_cli.backtest import (
    AmountStep,
    Capital,
    Html,
    MakerBps,
    MinNotional,
    Open,
    Output,
    check_times,
    fail_for_document,
    fail_for_file,
    once,
    parse_setting,
    print_report,
)
from tradewind_cli.output import EXIT_BAD_DATA, EXIT_BAD_STRATEGY, EXIT_USAGE, Format, fail, print_rows
from tradewind_cli.report_page import check_target, deliver

TOLD_EVERY_S = 0.2
app = typer.Typer(no_args_is_help=True)


@dataclass(frozen=True, slots=True)
class Question:
    """What is searched, as the options say it."""

    ranges: dict[str, Range]
    objective: str
    constraints: tuple[str, ...]
    budget: int
    trials: int
    seed: int
    folds: int
    anchored: bool
    threads: int
    resume: Path | None


@app.command()
def optimise(
    strategy: Annotated[str, typer.Argument(help="a strategy file, or the name of a shipped one (tw strategy ls)")],
    data: Annotated[Path, typer.Option(help="candle file (CSV or Parquet)")],
    tune: Annotated[
        list[str] | None,
        typer.Option(
            help="a range, such as fast.period=5:50:5 (smallest:largest:step); repeatable; all parameters if left out"
        ),
    ] = None,
    objective: Annotated[Objective, typer.Option(help="what is sought")] = "sharpe",
    constraint: Annotated[
        list[str] | None,
        typer.Option(help="such as trades>=30 or maxDrawdown<=0.2 (fractions); repeatable [default: trades>=10]"),
    ] = None,
    budget: Annotated[
        int, typer.Option(min=1, max=200_000, help="points scored in batches; a smaller space is searched whole")
    ] = 2000,
    trials: Annotated[int, typer.Option(min=0, max=1000, help="points proposed one by one afterwards (TPE)")] = 60,
    folds: Annotated[int, typer.Option(min=0, max=20, help="walk-forward steps; 0 for none")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="the same seed finds the same")] = 1,
    threads: Annotated[int, typer.Option(min=0, help="0 means one for each processor")] = 0,
    exchange: Annotated[str, typer.Option(help="exchange of the candles, for the report")] = "",
    symbol: Annotated[str, typer.Option(help="such as BTC/USDT, for the report")] = "",
    timeframe: Annotated[str, typer.Option(help="instead of the strategy's own")] = "",
    from_: Annotated[str, typer.Option("--from", help="first candle, such as 2025-01-31 or 2025-01-31T12:00Z")] = "",
    to: Annotated[str, typer.Option(help="end, not included")] = "",
    fee_bps: Annotated[float, typer.Option(min=0, max=1000, help="fee of each fill, basis points")] = 10.0,
    slippage_bps: Annotated[float, typer.Option(min=0, max=1000, help="price paid on top, basis points")] = 0.0,
    maker_bps: MakerBps = None,
    amount_step: AmountStep = 0.0,
    min_notional: MinNotional = 0.0,
    capital: Capital = 10_000.0,
    set_: Annotated[list[str] | None, typer.Option("--set", help="a parameter that is not tuned; repeatable")] = None,
    resume: Annotated[
        Path | None, typer.Option(help="keep what was scored in this file, and go on from it after a kill")
    ] = None,
    html: Html = None,
    *,
    anchored: Annotated[bool, typer.Option("--anchored", help="walk-forward trains on all that came before")] = False,
    full: Annotated[bool, typer.Option("--full", help="with trades and equity curve (json, yaml)")] = False,
    open_: Open = False,
    output: Output = Format.TABLE,
) -> None:
    """Search for good parameters, and say how far to trust what was found."""
    from tradewind_cli.local_backtest import LocalRun  # noqa: PLC0415 - numba takes half a second
    from tradewind_engine.backtest.simulate import Costs, MarketRules  # noqa: PLC0415

    check_target(html, strategy, data, *([resume] if resume else []))
    check_times(from_, to)
    if folds == 1:
        fail("--folds 1: a walk-forward takes 2 steps or more; 0 is none", code=EXIT_USAGE)
    ranges = once("--tune", [parse_range(item) for item in tune or []])
    parameters = once("--set", [parse_setting(item) for item in set_ or []])
    if both := sorted(ranges.keys() & parameters.keys()):
        fail(f"{', '.join(both)}: either --tune or --set", code=EXIT_USAGE)
    constraints = tuple(constraint or ["trades>=10"])
    asked = Question(ranges, objective, constraints, budget, trials, seed, folds, anchored, threads, resume)
    market = MarketRules(amount_step, min_notional)
    costs = Costs(fee_bps, slippage_bps, maker_bps)
    run = LocalRun(strategy, data, exchange, symbol, timeframe, capital, costs, market, from_, to)
    report, candles = _search(run, parameters, asked)
    print_report(report, output, full=full)
    if output is Format.TABLE:
        _print_search(report["optimisation"])
    deliver(report, title=Path(strategy).stem, candles=candles, html=html, open_=open_)


def parse_range(text: str) -> tuple[str, Range]:
    """Return address and range of `node.param=smallest:largest:step`, ending the program on anything else."""
    address, equals, value = text.partition("=")
    try:
        low, high, step = map(float, value.split(":"))
    except ValueError:
        fail(f"--tune {text}: wanted is node.param=smallest:largest:step, such as fast.period=5:50:5", code=EXIT_USAGE)
    if not equals or not address:
        fail(f"--tune {text}: wanted is node.param=smallest:largest:step, such as fast.period=5:50:5", code=EXIT_USAGE)
    return address, (low, high, step)


def _search(run: Any, parameters: dict[str, float], asked: Question) -> tuple[dict[str, Any], Mapping[str, Any]]:
    from tradewind_api.document.ranges import default_ranges  # noqa: PLC0415 - numba takes half a second
    from tradewind_cli.local_backtest import load  # noqa: PLC0415
    from tradewind_cli.record_file import open_record  # noqa: PLC0415
    from tradewind_engine.candles import CandleError  # noqa: PLC0415
    from tradewind_engine.optimise.book import Aim, State  # noqa: PLC0415
    from tradewind_engine.optimise.objectives import parse_constraint  # noqa: PLC0415
    from tradewind_engine.optimise.record import fingerprint  # noqa: PLC0415
    from tradewind_engine.optimise.space import make_space  # noqa: PLC0415
    from tradewind_engine.optimise.study import NothingFoundError, run_study  # noqa: PLC0415
    from tradewind_engine.optimise.sweep import SweepSettings  # noqa: PLC0415

    told = 0.0

    def tell(part: str, state: State) -> None:
        nonlocal told
        if time.monotonic() - told < TOLD_EVERY_S or not sys.stderr.isatty():
            return
        told = time.monotonic()
        sys.stderr.write(f"\r\x1b[K{part}: {state.done} of {state.planned} points, best {state.best_value:.4g}")

    try:
        constraints = tuple(map(parse_constraint, asked.constraints))
    except ValueError as exc:
        fail(f"--constraint: {exc}", code=EXIT_USAGE)
    try:
        document, history = load(run, parameters)
        space = make_space(document, asked.ranges or default_ranges(document))
        aim = Aim(asked.objective, constraints, asked.budget, asked.trials, asked.seed)
        settings = SweepSettings(document.timeframe, run.capital, run.costs, asked.threads, markets={run.symbol: run.market})
        kind: Any = "anchored" if asked.anchored else "rolling"
        record = None
        if asked.resume is not None:
            search = fingerprint(
                document, space, {run.symbol: history}, settings, exchange=run.exchange, folds=asked.folds, kind=kind
            )
            record = open_record(asked.resume, space, search)
        study = run_study(
            document,
            space,
            {run.symbol: history},
            settings,
            aim,
            exchange=run.exchange,
            folds=asked.folds,
            kind=kind,
            tell=tell,
            record=record,
        )
    except InvalidDocumentError as exc:
        fail_for_document(exc)
    except NothingFoundError as exc:
        fail(str(exc), code=EXIT_BAD_STRATEGY)
    except CandleError as exc:
        fail(f"{run.data.name}: {exc}", code=EXIT_BAD_DATA)
    except OSError as exc:
        fail_for_file(run.strategy, exc)
    finally:
        if told:
            sys.stderr.write("\r\x1b[K")
    return study.to_json(), study.report.candles


def _print_search(found: dict[str, Any]) -> None:
    chosen = " ".join(f"--set {address}={value:g}" for address, value in found["parameters"].items())
    typer.echo(f"\n{found['points']} of {found['spaceSize']} points ({found['method']}), best {found['objective']}: {chosen}")
    walk = found.get("walkForward")
    if walk:
        profitable = round(walk["profitableFolds"] * len(walk["folds"]))
        typer.echo(
            f"walk-forward ({walk['kind']}): {walk['testReturn'] * 100:.2f} % out of sample, "
            f"{profitable} of {len(walk['folds'])} stretches with a profit"
        )
    rows = [
        {**row["parameters"], found["objective"]: row["value"], "return %": row["totalReturn"] * 100,
         "drawdown %": row["maxDrawdown"] * 100, "trades": row["trades"]}
        for row in found["top"][:5]
    ]  # fmt: skip
    print_rows(rows, list(rows[0]), Format.TABLE)
