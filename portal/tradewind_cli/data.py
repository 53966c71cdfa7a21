"""`tw data`: candles of the tenant."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tradewind_cli.client import ApiError, Client
from tradewind_cli.output import EXIT_USAGE, Format, fail, print_rows, print_value
from tradewind_cli.profile import load_profile

app = typer.Typer(no_args_is_help=True, help="Candles of the tenant.")
Output = Annotated[Format, typer.Option("--output", "-o", help="table, json or yaml")]
COLUMNS = ("exchange", "symbol", "timeframe", "candles", "first", "end", "gapCount", "dataDigest")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV or Parquet with ts (open time, UTC ms), open, high, low, close, volume")],
    exchange: Annotated[str, typer.Option(help="exchange that the candles are from")],
    symbol: Annotated[str, typer.Option(help="such as BTC/USDT")],
    output: Output = Format.TABLE,
) -> None:
    """Import candles from a file; the same file twice is one import."""
    try:
        content = file.read_bytes()
    except OSError as exc:
        fail(f"cannot read {file}: {exc.strerror}", code=EXIT_USAGE)
    try:
        stored = Client(load_profile()).call("PUT", "/candles", query={"exchange": exchange, "symbol": symbol}, raw=content)
    except ApiError as exc:
        fail(str(exc))
    if output is Format.TABLE:
        print_rows([_shown(stored)], COLUMNS, output)
    else:
        print_value(stored, output)


@app.command()
def ls(output: Output = Format.TABLE) -> None:
    """List what was imported."""
    try:
        items = Client(load_profile()).call("GET", "/candles")["items"]
    except ApiError as exc:
        fail(str(exc))
    print_rows([_shown(item) for item in items] if output is Format.TABLE else items, COLUMNS, output)


def _shown(item: dict[str, object]) -> dict[str, object]:
    def day(key: str) -> str:
        return datetime.fromtimestamp(int(str(item[key])) / 1000, UTC).strftime("%Y-%m-%d %H:%M")

    return {**item, "first": day("from"), "end": day("to"), "dataDigest": str(item["dataDigest"])[:12]}
