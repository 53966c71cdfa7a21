"""A backtest in the cluster: a Backtest resource, made through the portal, watched until its report is there."""

import re
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tradewind_api.decimals import format_decimal
from tradewind_api.document.errors import InvalidDocumentError
from tradewind_api.document.resolve import TEMPLATES
from tradewind_cli.client import ApiError, Client
from tradewind_cli.output import EXIT_BAD_DATA, EXIT_BAD_STRATEGY, EXIT_USAGE, Format, fail, print_rows
from tradewind_cli.profile import load_profile
from tradewind_cli.strategy_file import read_strategy

ENDED = ("Succeeded", "Failed")
POLL_S = 0.5
NAME = re.compile(r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")


@dataclass(frozen=True, slots=True)
class ClusterRun:
    """What a person asked for."""

    strategy: str
    exchange: str
    symbol: str
    timeframe: str
    from_: str
    to: str
    fee_bps: float
    slippage_bps: float
    capital: float
    name: str
    maker_bps: float | None = None
    market: tuple[float, float] = (0.0, 0.0)  # step of amounts, least order


def resource(run: ClusterRun, parameters: dict[str, float]) -> dict[str, Any]:
    """Return the Backtest that a run means, ending the program where something is missing or the strategy is wrong."""
    missing = [
        f"--{name}" for name in ("exchange", "symbol", "from", "to") if not getattr(run, "from_" if name == "from" else name)
    ]
    if missing:
        fail(f"in the cluster {', '.join(missing)} must be given; or give --data to run here", code=EXIT_USAGE)
    try:
        strategy: dict[str, Any] = {"template": run.strategy}
        if run.strategy not in TEMPLATES:
            strategy = _own(run.strategy)
    except OSError as exc:
        fail(f"cannot read the strategy {run.strategy}: {exc.strerror}", code=EXIT_USAGE)
    except InvalidDocumentError as exc:
        fail("the strategy cannot run\n" + "\n".join(f"  {error}" for error in exc.errors), code=EXIT_BAD_STRATEGY)
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    quote = run.symbol.partition("/")[2]
    dataset = {"exchange": run.exchange, "symbols": [run.symbol], "from": run.from_, "to": run.to}
    step, least = map(_decimal, run.market)
    return {
        "metadata": {"name": run.name or f"run-{stamp}"},
        "spec": {
            "strategy": strategy,
            "parameters": parameters,
            "dataset": dataset | ({"timeframe": run.timeframe} if run.timeframe else {}),
            "capital": {"currency": quote, "amount": f"{run.capital:.8f}".rstrip("0").rstrip(".")},
            **({"markets": [{"symbol": run.symbol, "amountStep": step, "minNotional": least}]} if any(run.market) else {}),
            "fees": {
                "makerBps": run.fee_bps if run.maker_bps is None else run.maker_bps,
                "takerBps": run.fee_bps,
                "slippageBps": run.slippage_bps,
            },
        },
    }


def _decimal(value: float) -> str:
    """Return a number as a resource writes it, which reads as the same number; no market has steps below 1e-18."""
    text = format_decimal(Decimal(repr(value)))
    if len(text.partition(".")[2]) > 18:
        fail(f"{value:g} is too small for a market's step or order", code=EXIT_USAGE)
    return text


def _own(name: str) -> dict[str, Any]:
    """Return how a resource names a file's document, or one of the tenant's strategies where there is no such file."""
    try:
        return {"document": read_strategy(name).to_json()}
    except FileNotFoundError:
        if not NAME.match(name):
            raise
    try:
        Client(load_profile()).call("GET", f"/strategies/{name}")
    except ApiError as exc:
        if exc.status != 404:
            raise
        wanted = f"no file and no strategy of the tenant is called {name}, and shipped are {', '.join(TEMPLATES)}"
        fail(f"{wanted} (tw strategy ls)", code=EXIT_USAGE)
    return {"ref": {"name": name}}


def submit(run: ClusterRun, parameters: dict[str, float], *, watch: bool, output: Format) -> dict[str, Any] | None:
    """Make the Backtest; with `watch` wait for it and return its report, else print where to look."""
    client = Client(load_profile())
    try:
        made = client.call("POST", "/backtests", resource(run, parameters))
        name = made["metadata"]["name"]
        if not watch:
            rows = [{"name": name, "summary": made["status"].get("summary") or "Queued"}]
            print_rows(rows, ("name", "summary"), output)
            return None
        return wait(client, name)
    except ApiError as exc:
        fail(str(exc))


def wait(client: Client, name: str) -> dict[str, Any]:
    """Return the report of a backtest when it is there; ends the program where the backtest fails. Raises ApiError."""
    told = ""
    while True:
        backtest = client.call("GET", f"/backtests/{name}")
        summary = backtest["status"].get("summary") or "Queued"
        progress = (backtest.get("progress") or {}).get("message", "") if summary not in ENDED else ""
        line = f"{name}: {summary} {progress}".rstrip()
        if line != told:
            sys.stderr.write(line + "\n")
            told = line
        if summary == "Failed":
            why: dict[str, str] = next((c for c in backtest["status"].get("conditions", []) if c["type"] == "Succeeded"), {})
            code = {"DataMissing": EXIT_BAD_DATA, "UserError": EXIT_BAD_STRATEGY}.get(why.get("reason", ""), 1)
            fail(f"{why.get('reason', 'Failed')}: {why.get('message', '')}", code=code)
        if summary == "Succeeded":
            report: dict[str, Any] = client.call("GET", f"/backtests/{name}/report")
            return report
        time.sleep(POLL_S)
