"""`tw strategy`: what a document means and what is wrong with it, here; the tenant's own strategies at the portal."""

from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from tradewind_api.document.digest import strategy_digest
from tradewind_api.document.errors import DocumentError, InvalidDocumentError
from tradewind_api.document.explain import explain as sentence_of
from tradewind_api.document.model import StrategyDocument
from tradewind_api.document.resolve import TEMPLATES
from tradewind_api.document.validation import candles_needed
from tradewind_cli.client import ApiError, Client
from tradewind_cli.output import EXIT_BAD_STRATEGY, EXIT_USAGE, Format, fail, print_pairs, print_rows, print_value
from tradewind_cli.profile import load_profile
from tradewind_cli.strategy_file import read_strategy

app = typer.Typer(no_args_is_help=True, help="Strategy documents, shipped and your own.")
Name = Annotated[str, typer.Argument(help="a strategy file, or the name of a shipped one")]
Mine = Annotated[str, typer.Argument(help="name of a strategy of the tenant")]
Output = Annotated[Format, typer.Option("--output", "-o", help="table, json or yaml")]


@app.callback()
def group() -> None:
    """Strategy documents, shipped and your own."""


@app.command()
def ls(output: Output = Format.TABLE) -> None:
    """List the shipped strategies, and the tenant's own if you are logged in."""
    rows: list[dict[str, Any]] = [{"name": name, "where": "shipped", "summary": "Ready"} for name in TEMPLATES]
    rows += _own() if load_profile().token else []
    print_rows(rows, ["name", "where", "summary", "used", "digest"], output)


@app.command()
def show(name: Mine, output: Output = Format.TABLE) -> None:
    """Show one of the tenant's strategies: what it means, or all that is wrong with it, and its document."""
    item = _call("GET", f"/strategies/{name}")
    if output is not Format.TABLE:
        print_value(item, output)
        return
    status = item["status"]
    needed = ", ".join(f"{found['candles']} of {found['timeframe']}" for found in status.get("lookback") or [])
    pairs = [("name", name), ("summary", status.get("summary") or "New"), ("used by", f"{status.get('usedBy', 0)} bots")]
    pairs += [("digest", status["digest"]), ("candles", needed)] if status.get("digest") else []
    print_pairs(pairs)
    for error in status.get("errors") or []:
        typer.echo(str(DocumentError(**error)))
    typer.echo(f"\n{status['sentence']}\n" if status.get("sentence") else "")
    print_value(item["spec"]["document"], Format.YAML)


@app.command()
def apply(
    file: Annotated[str, typer.Option("--file", "-f", help="a strategy file, or the name of a shipped one to start from")],
    name: Annotated[str, typer.Option(help="name in the tenant; the file's own if left out")] = "",
) -> None:
    """Make or change one of the tenant's strategies; bots that name it follow by their update policy."""
    document, chosen = _load(file), name or Path(file).stem
    body = {"metadata": {"name": chosen}, "spec": {"document": document.to_json()}}
    client = Client(load_profile())
    try:
        client.call("GET", f"/strategies/{chosen}")
        known = True
    except ApiError as exc:
        if exc.status != 404:
            fail(str(exc))
        known = False
    _call("PUT" if known else "POST", f"/strategies/{chosen}" if known else "/strategies", body)
    typer.echo(f"{chosen} {'changed' if known else 'made'}: {sentence_of(document)}")


@app.command()
def rm(name: Mine) -> None:
    """Delete one of the tenant's strategies; refused while a bot names it."""
    _call("DELETE", f"/strategies/{name}")
    typer.echo(f"{name} deleted")


@app.command()
def validate(strategy: Name, output: Output = Format.TABLE) -> None:
    """Print every fault of a document; exit 64 if there is one."""
    try:
        document = _read(strategy)
    except InvalidDocumentError as exc:
        if output is Format.TABLE:
            _fail_for(exc)
        print_value({"valid": False, "errors": [error.to_json() for error in exc.errors]}, output)
        raise typer.Exit(EXIT_BAD_STRATEGY) from None
    found = {
        "valid": True,
        "digest": strategy_digest(document),
        "timeframe": document.timeframe,
        "lookback": candles_needed(document),
    }
    if output is Format.TABLE:
        needed = ", ".join(f"{count} of {timeframe}" for timeframe, count in candles_needed(document).items())
        print_rows([found | {"lookback": needed}], list(found), output)
    else:
        print_value(found, output)


@app.command()
def explain(strategy: Name) -> None:
    """Say a document in English."""
    typer.echo(sentence_of(_load(strategy)))


@app.command()
def expand(strategy: Name) -> None:
    """Print a document as YAML, ready to edit."""
    print_value(_load(strategy).to_json(), Format.YAML)


def _own() -> list[dict[str, Any]]:
    """Return rows of the tenant's strategies; a portal that does not tell is no reason not to list the shipped ones."""
    try:
        items = Client(load_profile()).all_items("/strategies")
    except ApiError as exc:
        typer.echo(f"tw: the tenant's own are not listed: {exc}", err=True)
        return []
    found = []
    for item in items:
        status = item["status"]
        row = {"name": item["metadata"]["name"], "where": "tenant", "summary": status.get("summary") or "New"}
        found.append(row | {"used": status.get("usedBy"), "digest": status.get("digest", "")[:12]})
    return found


def _read(name: str) -> StrategyDocument:
    """Return a document by file or shipped name, ending the program where the file cannot be read."""
    try:
        return read_strategy(name)
    except OSError as exc:
        hint = f"; shipped are {', '.join(TEMPLATES)}" if not Path(name).suffix else ""
        fail(f"cannot read {name}: {exc.strerror}{hint}", code=EXIT_USAGE)


def _load(name: str) -> StrategyDocument:
    """Return a valid document, ending the program with every fault of one that is not."""
    try:
        return _read(name)
    except InvalidDocumentError as exc:
        _fail_for(exc)


def _fail_for(exc: InvalidDocumentError) -> NoReturn:
    fail("\n".join(map(str, exc.errors)), code=EXIT_BAD_STRATEGY)


def _call(method: str, path: str, body: Any = None) -> Any:
    try:
        return Client(load_profile()).call(method, path, body)
    except ApiError as exc:
        fail(str(exc))
