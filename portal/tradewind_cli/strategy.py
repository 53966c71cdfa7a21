"""`tw strategy`: what is wrong with a document, and what it is."""

from typing import Annotated

import typer

from tradewind_api.document.digest import strategy_digest
from tradewind_api.document.errors import InvalidDocumentError
from tradewind_api.document.resolve import TEMPLATES
from tradewind_api.document.validation import lookback_of
from tradewind_cli.output import EXIT_BAD_STRATEGY, EXIT_USAGE, Format, fail, print_rows, print_value

app = typer.Typer(no_args_is_help=True, help="Validate and show strategy documents.")
Name = Annotated[str, typer.Argument(help="a strategy file, or the name of a shipped one")]


@app.callback()
def group() -> None:
    """Validate and show strategy documents."""


@app.command()
def ls(output: Annotated[Format, typer.Option("--output", "-o")] = Format.TABLE) -> None:
    """List the shipped strategies."""
    print_rows([{"name": name} for name in TEMPLATES], ["name"], output)


@app.command()
def validate(strategy: Name, output: Annotated[Format, typer.Option("--output", "-o")] = Format.TABLE) -> None:
    """Print every fault of a document; exit 64 if there is one."""
    from tradewind_cli.local_backtest import load_strategy  # noqa: PLC0415 - shares the reading of names

    try:
        document = load_strategy(strategy, {})
    except InvalidDocumentError as exc:
        if output is Format.TABLE:
            fail("\n".join(map(str, exc.errors)), code=EXIT_BAD_STRATEGY)
        print_value({"valid": False, "errors": [error.to_json() for error in exc.errors]}, output)
        raise typer.Exit(EXIT_BAD_STRATEGY) from None
    except OSError as exc:
        fail(f"cannot read {strategy}: {exc.strerror}", code=EXIT_USAGE)
    found = {
        "valid": True,
        "digest": strategy_digest(document),
        "lookback": lookback_of(document),
        "timeframe": document.timeframe,
    }
    if output is Format.TABLE:
        print_rows([found], list(found), output)
    else:
        print_value(found, output)


@app.command()
def expand(strategy: Name) -> None:
    """Print a document as YAML, ready to edit."""
    from tradewind_cli.local_backtest import load_strategy  # noqa: PLC0415

    try:
        print_value(load_strategy(strategy, {}).to_json(), Format.YAML)
    except InvalidDocumentError as exc:
        fail("\n".join(map(str, exc.errors)), code=EXIT_BAD_STRATEGY)
    except OSError as exc:
        fail(f"cannot read {strategy}: {exc.strerror}", code=EXIT_USAGE)
