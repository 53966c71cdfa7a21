"""`tw bots`: what runs, and what should."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from tradewind_api.document.errors import InvalidDocumentError
from tradewind_api.document.text import read_text
from tradewind_cli.client import ApiError, Client
from tradewind_cli.output import EXIT_USAGE, Format, fail, print_pairs, print_rows, print_value
from tradewind_cli.profile import load_profile
from tradewind_cli.strategy_file import start_of

app = typer.Typer(no_args_is_help=True, help="Bots of the tenant.")
Output = Annotated[Format, typer.Option("--output", "-o", help="table, json or yaml")]
Name = Annotated[str, typer.Argument(help="name of the bot")]
COLUMNS = ("name", "mode", "symbols", "summary", "ready", "equity", "return", "fees")


@app.command()
def ls(output: Output = Format.TABLE) -> None:
    """List the bots with what they have made."""
    bots = _call("GET", "/bots", pages=True)
    print_rows([_row(bot) for bot in bots] if output is Format.TABLE else bots, COLUMNS, output)


@app.command()
def show(name: Name, output: Output = Format.TABLE) -> None:
    """Show a bot: state, money, last decisions and fills."""
    bot = _call("GET", f"/bots/{name}")
    if output is not Format.TABLE:
        print_value(bot, output)
        return
    row = _row(bot)
    print_pairs([(key, "-" if row[key] is None else str(row[key])) for key in COLUMNS])
    if bot.get("notice"):
        typer.echo(f"{bot['notice']['reason']}: {bot['notice']['message']}")
    if bot.get("kill"):
        typer.echo(f"kill switches that are on: {', '.join(bot['kill'])} (tw kill --list)")
    for condition in bot["status"].get("conditions", []):
        if condition["status"] != "True" and condition.get("message"):
            typer.echo(f"{condition['type']}: {condition['message']}")
    print_rows(
        _moments(_call("GET", f"/bots/{name}/decisions", query={"limit": "5"})["items"]),
        ("at", "symbol", "action", "blocked"),
        output,
    )
    print_rows(
        _moments(_call("GET", f"/bots/{name}/fills", query={"limit": "5"})["items"]),
        ("at", "symbol", "side", "amount", "price", "fee", "feeCurrency"),
        output,
    )


@app.command()
def apply(file: Annotated[Path, typer.Option("--file", "-f", help="bot as YAML or JSON: metadata.name and spec")]) -> None:
    """Make or change a bot from a file."""
    try:
        body = read_text(start_of(file))
        name = body["metadata"]["name"]
        wanted = {"metadata": {"name": name}, "spec": body["spec"]}
    except OSError as exc:
        fail(f"cannot read {file}: {exc.strerror}", code=EXIT_USAGE)
    except InvalidDocumentError as exc:
        fail("\n".join(f"{file}: {error}" for error in exc.errors), code=EXIT_USAGE)
    except (KeyError, TypeError) as exc:
        fail(f"{file}: wanted is YAML with metadata.name and spec: {exc!r}", code=EXIT_USAGE)
    client = Client(load_profile())
    try:
        client.call("GET", f"/bots/{name}")
        known = True
    except ApiError as exc:
        if exc.status != 404:
            fail(str(exc))
        known = False
    _call("PUT" if known else "POST", f"/bots/{name}" if known else "/bots", wanted)
    typer.echo(f"{name} {'changed' if known else 'made'}")


@app.command()
def pause(name: Name) -> None:
    """Let a bot make no new entries; it goes on to exit."""
    _policy(name, "Paused")


@app.command()
def resume(name: Name) -> None:
    """Let a bot trade again."""
    _policy(name, "Running")


@app.command()
def stop(name: Name) -> None:
    """Take a bot's pod away; its ledger stays."""
    _policy(name, "Stopped")


@app.command()
def rm(name: Name) -> None:
    """Delete a bot."""
    _call("DELETE", f"/bots/{name}")
    typer.echo(f"{name} deleted")


def _policy(name: str, policy: str) -> None:
    _call("PATCH", f"/bots/{name}", {"spec": {"runPolicy": policy}})
    typer.echo(f"{name}: {policy}")


def _call(method: str, path: str, body: Any = None, *, pages: bool = False, query: dict[str, str] | None = None) -> Any:
    client = Client(load_profile())
    try:
        return client.all_items(path) if pages else client.call(method, path, body, query=query)
    except ApiError as exc:
        fail(str(exc))


def _row(bot: dict[str, Any]) -> dict[str, Any]:
    ledger = bot.get("ledger") or {}
    ready = next((c["status"] for c in bot["status"].get("conditions", []) if c["type"] == "Ready"), None)
    capital = float(ledger.get("capital") or 0)
    mode = bot["spec"].get("mode", "Paper")
    gained = f"{(float(ledger['equity']) / capital - 1) * 100:.2f} %" if capital else None
    return {
        "name": bot["metadata"]["name"],
        "mode": mode,
        "fills": bot["spec"].get("paperFill", "Book") if mode == "Paper" else "Exchange",
        "symbols": ",".join(bot["spec"]["symbols"]),
        "summary": bot["status"].get("summary"),
        "ready": ready,
        "equity": f"{float(ledger['equity']):.2f} {ledger.get('currency', '')}" if ledger else None,
        "return": gained,
        "fees": f"{float(ledger['feesPaid']):.2f}" if ledger else None,
    }


def _moments(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**item, "at": datetime.fromtimestamp(item["atMs"] / 1000, UTC).strftime("%Y-%m-%d %H:%M")} for item in items]
