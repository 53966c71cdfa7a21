"""`tw backtest`: with --data here and now, without it in the cluster."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer

from tradewind_api.document.errors import InvalidDocumentError
from tradewind_api.document.resolve import TEMPLATES
from tradewind_api.times import TIME_PATTERN, milliseconds
from tradewind_cli.output import EXIT_BAD_DATA, EXIT_BAD_STRATEGY, EXIT_USAGE, Format, fail, print_pairs, print_value
from tradewind_cli.report_page import check_target, deliver

app = typer.Typer(no_args_is_help=True, help="Run strategies over history.")

Html = Annotated[Path | None, typer.Option(help="write the report as one HTML file that needs nothing else")]
Open = Annotated[bool, typer.Option("--open", help="open the report in the browser")]
From = Annotated[str, typer.Option("--from", help="first candle, such as 2025-01-31; required in the cluster")]
To = Annotated[str, typer.Option("--to", help="end, not included; required in the cluster")]
Capital = Annotated[float, typer.Option(min=1e-9, max=1e15, help="quote currency at the start")]
MakerBps = Annotated[float | None, typer.Option(min=0, max=1000, help="fee of a resting order; --fee-bps if not given")]
AmountStep = Annotated[float, typer.Option(min=0, max=1e15, help="smallest step of an amount at the market; 0 rounds nothing")]
MinNotional = Annotated[float, typer.Option(min=0, max=1e15, help="smallest order of the market, in quote")]
Output = Annotated[Format, typer.Option("--output", "-o", help="table, json or yaml")]
Value = TypeVar("Value")
PERCENT = ("totalReturn", "maxDrawdown", "winRate", "timeInMarket", "buyAndHoldReturn")
LISTS = {"tradeList", "equityCurve", "buyAndHoldCurve", "drawdownCurve", "monthlyReturns", "strategy"}  # with --full only
SHOWN = (
    ("totalReturn", "total return"),
    ("buyAndHoldReturn", "buy and hold"),
    ("maxDrawdown", "max drawdown"),
    ("sharpe", "Sharpe"),
    ("sortino", "Sortino"),
    ("trades", "closed trades"),
    ("winRate", "win rate"),
    ("profitFactor", "profit factor"),
    ("timeInMarket", "time in market"),
    ("feesPaid", "fees paid"),
    ("equityFinal", "final equity"),
    ("candles", "candles"),
    ("reportDigest", "report digest"),
    ("trust", "trust"),
)


@app.callback()
def group() -> None:
    """Run strategies over history."""


@app.command("run")
def run(
    strategy: Annotated[str, typer.Argument(help="a strategy file, or the name of a shipped one (tw strategy ls)")],
    data: Annotated[Path | None, typer.Option(help="candle file (CSV or Parquet): run here, without a cluster")] = None,
    exchange: Annotated[str, typer.Option(help="exchange of the candles; required in the cluster")] = "",
    symbol: Annotated[str, typer.Option(help="such as BTC/USDT; required in the cluster")] = "",
    timeframe: Annotated[str, typer.Option(help="instead of the strategy's own")] = "",
    from_: From = "",
    to: To = "",
    fee_bps: Annotated[float, typer.Option(min=0, max=1000, help="fee of each fill, basis points")] = 10.0,
    slippage_bps: Annotated[float, typer.Option(min=0, max=1000, help="price paid on top, basis points")] = 0.0,
    maker_bps: MakerBps = None,
    amount_step: AmountStep = 0.0,
    min_notional: MinNotional = 0.0,
    capital: Capital = 10_000.0,
    set_: Annotated[list[str] | None, typer.Option("--set", help="a parameter, such as fast.period=10; repeatable")] = None,
    name: Annotated[str, typer.Option(help="name of the Backtest in the cluster; made up if not given")] = "",
    tried: Annotated[int, typer.Option(min=1, help="parameter sets tried before this one, for the verdict (with --data)")] = 1,
    html: Html = None,
    *,
    full: Annotated[bool, typer.Option("--full", help="with trades and equity curve (json, yaml)")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="wait for the result (in the cluster)")] = False,
    open_: Open = False,
    output: Output = Format.TABLE,
) -> None:
    """Run a strategy over history and print what it would have done."""
    parameters = once("--set", [parse_setting(setting) for setting in set_ or []])
    check_times(from_, to)
    if data is not None and (watch or name):
        fail("--watch and --name are for a run in the cluster: leave them out, or --data", code=EXIT_USAGE)
    if data is None and tried != 1:
        fail("--tried is for a run here, with --data: in the cluster give the Backtest an optimization", code=EXIT_USAGE)
    check_target(html, strategy, *([data] if data else []))
    if data is None:
        from tradewind_cli.cluster_backtest import ClusterRun, submit  # noqa: PLC0415 - needs the network half

        if (html or open_) and not watch:
            fail("--html and --open need the result: give --watch too, or --data to run here", code=EXIT_USAGE)
        market = amount_step, min_notional
        asked = ClusterRun(
            strategy, exchange, symbol, timeframe, from_, to, fee_bps, slippage_bps, capital, name, maker_bps, market
        )
        report = submit(asked, parameters, watch=watch, output=output)
        candles = None
    else:
        names, money = (exchange, symbol, timeframe), (capital, fee_bps, slippage_bps, maker_bps)
        report, candles = _run_here(strategy, data, names, money, (amount_step, min_notional), (from_, to), parameters, tried)
    if report is not None:
        print_report(report, output, full=full)
        deliver(report, title=Path(strategy).stem, candles=candles, html=html, open_=open_)


@app.command("compare")
def compare(
    first: Annotated[str, typer.Argument(help="a report (a file of -o json), or the name of a Backtest in the cluster")],
    second: Annotated[str, typer.Argument(help="another one")],
    output: Output = Format.TABLE,
) -> None:
    """Print two reports side by side: figures, parameters that differ, and what makes them hard to compare."""
    from tradewind_cli.compare import compare as print_both  # noqa: PLC0415 - only this command needs it
    from tradewind_cli.compare import load_report  # noqa: PLC0415

    print_both(load_report(first), load_report(second), (first, second), output)


@app.command("ls")
def ls(output: Output = Format.TABLE) -> None:
    """List the backtests in the cluster."""
    from tradewind_cli.client import ApiError, Client  # noqa: PLC0415 - needs the network half
    from tradewind_cli.output import print_rows  # noqa: PLC0415
    from tradewind_cli.profile import load_profile  # noqa: PLC0415

    try:
        items = Client(load_profile()).all_items("/backtests")
    except ApiError as exc:
        fail(str(exc))
    rows = [{"name": item["metadata"]["name"], **item["status"].get("figures", {}), **item["status"]} for item in items]
    columns = ("name", "summary", "totalReturn", "maxDrawdown", "trades", "completionTime")
    print_rows(rows if output is Format.TABLE else items, columns, output)


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="name of the Backtest")],
    html: Html = None,
    *,
    full: Annotated[bool, typer.Option("--full", help="with trades and equity curve (json, yaml)")] = False,
    open_: Open = False,
    output: Output = Format.TABLE,
) -> None:
    """Print the report of a backtest in the cluster, waiting for it."""
    check_target(html)
    from tradewind_cli.client import ApiError, Client  # noqa: PLC0415 - needs the network half
    from tradewind_cli.cluster_backtest import wait  # noqa: PLC0415
    from tradewind_cli.profile import load_profile  # noqa: PLC0415

    try:
        report = wait(Client(load_profile()), name)
    except ApiError as exc:
        fail(str(exc))
    print_report(report, output, full=full)
    deliver(report, title=name, candles=None, html=html, open_=open_)


def _run_here(
    strategy: str,
    data: Path,
    names: tuple[str, str, str],
    money: tuple[float, float, float, float | None],
    market: tuple[float, float],
    times: tuple[str, str],
    parameters: dict[str, float],
    tried: int,
) -> tuple[dict[str, Any], Mapping[str, Any]]:
    from tradewind_cli.local_backtest import LocalRun, run_local  # noqa: PLC0415 - numba takes half a second
    from tradewind_engine.backtest.simulate import Costs, MarketRules  # noqa: PLC0415
    from tradewind_engine.candles import CandleError  # noqa: PLC0415
    from tradewind_engine.honesty.verdict import Selection, judge  # noqa: PLC0415

    exchange, symbol, timeframe = names
    capital, fee_bps, slippage_bps, maker_bps = money
    try:
        asked = LocalRun(strategy, data, exchange, symbol, timeframe, capital, Costs(fee_bps, slippage_bps, maker_bps))
        report = run_local(replace(asked, market=MarketRules(*market), from_=times[0], to=times[1]), parameters)
    except InvalidDocumentError as exc:
        fail_for_document(exc)
    except CandleError as exc:
        fail(f"{data.name}: {exc}", code=EXIT_BAD_DATA)
    except OSError as exc:
        fail_for_file(strategy, exc)
    return report.to_json() | judge(report, Selection(trials=tried)).to_json(), report.candles


def fail_for_file(strategy: str, exc: OSError) -> NoReturn:
    """End the program where a strategy's file cannot be read, naming the shipped ones."""
    fail(f"cannot read the strategy {strategy}: {exc.strerror}; shipped are {', '.join(TEMPLATES)}", code=EXIT_USAGE)


def fail_for_document(exc: InvalidDocumentError) -> NoReturn:
    """End the program with every fault of a strategy."""
    fail("the strategy cannot run\n" + "\n".join(f"  {error}" for error in exc.errors), code=EXIT_BAD_STRATEGY)


def once(option: str, settings: list[tuple[str, Value]]) -> dict[str, Value]:
    """Return settings by address, ending the program where one is given twice: only one of them could count."""
    addresses = [address for address, _ in settings]
    twice = sorted({address for address in addresses if addresses.count(address) > 1})
    if twice:
        fail(f"{option} {', '.join(twice)}: given more than once", code=EXIT_USAGE)
    return dict(settings)


def check_times(*times: str) -> None:
    """End the program on what is no date or time; an empty one was not given."""
    for text in filter(None, times):
        try:
            milliseconds(text if re.match(TIME_PATTERN, text) else "")
        except ValueError:
            fail(f"{text}: wanted is a day or a time in UTC, such as 2025-01-31 or 2025-01-31T12:00Z", code=EXIT_USAGE)
    if all(times) and len(times) > 1 and milliseconds(times[0]) >= milliseconds(times[1]):
        fail(f"--from {times[0]} is not before --to {times[1]}", code=EXIT_USAGE)


def parse_setting(setting: str) -> tuple[str, float]:
    """Return address and value of `node.param=value`, ending the program on anything else."""
    address, equals, value = setting.partition("=")
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not equals or number != number or abs(number) == float("inf"):  # noqa: PLR0124 - the test for NaN
        fail(f"--set {setting}: wanted is node.param=number, such as fast.period=10", code=EXIT_USAGE)
    return address, number


def print_report(report: dict[str, Any], output: Format, *, full: bool = False) -> None:
    """Print a report: all figures for programs, the ones that matter for people."""
    if output is not Format.TABLE:
        print_value(report if full else {k: v for k, v in report.items() if k not in LISTS}, output)
        return
    print_pairs([(label, _shown(key, report.get(key))) for key, label in SHOWN])
    for reason in report.get("trustReasons", []):
        typer.echo(f"{reason['level']}: {reason['message']}")
    for warning in report.get("warnings", []):
        typer.echo(f"warning: {warning}")


def _shown(key: str, value: Any) -> str:
    if value is None:
        return "-"
    if key in PERCENT:
        return f"{value * 100:.2f} %"
    return f"{value:.2f}" if isinstance(value, float) else str(value)
