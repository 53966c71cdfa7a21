"""`tw keys`: exchange keys of the tenant.

A secret is typed at a prompt or read from standard input, never an argument: arguments are in the shell's history and in the
list of processes.
"""

import sys
from typing import Annotated, Any

import typer

from tradewind_cli.client import ApiError, Client
from tradewind_cli.output import EXIT_USAGE, Format, fail, print_rows
from tradewind_cli.profile import load_profile

app = typer.Typer(no_args_is_help=True, help="Exchange keys of the tenant. They go in and never come out again.")
Output = Annotated[Format, typer.Option("--output", "-o", help="table, json or yaml")]
Name = Annotated[str, typer.Argument(help="what bots call the key in spec.credentials")]
FromStdin = Annotated[
    bool, typer.Option("--stdin", help="read the parts from standard input, a line each: public part, secret, password if any")
]
WithPassword = Annotated[bool, typer.Option("--password", help="ask for a third part, which some exchanges have")]
COLUMNS = ("name", "exchange", "version", "hint", "usedBy", "warnings")


@app.command()
def add(
    name: Name,
    exchange: Annotated[str, typer.Option("--exchange", "-e", help="which of the platform's exchanges gave it")],
    *,
    stdin: FromStdin = False,
    password: WithPassword = False,
) -> None:
    """Keep a key. The exchange is asked first: it must be able to trade and unable to withdraw."""
    _tell(
        _call("POST", "/exchange-keys", {"name": name, "exchange": exchange, **_parts(stdin=stdin, password=password)}), "kept"
    )


@app.command()
def rotate(name: Name, *, stdin: FromStdin = False, password: WithPassword = False) -> None:
    """Give a key another secret of the same exchange. Bots get it at their next start."""
    made = _call("PUT", f"/exchange-keys/{name}", _parts(stdin=stdin, password=password))
    _tell(made, f"is version {made['version']} now")
    if made["usedBy"]:
        typer.echo(f"still with the old one until they start again: {', '.join(made['usedBy'])} (tw bots stop, tw bots resume)")


@app.command()
def verify(name: Name) -> None:
    """Ask the exchange again what a key may do."""
    _tell(_call("POST", f"/exchange-keys/{name}/verify"), "asked about")


@app.command()
def ls(output: Output = Format.TABLE) -> None:
    """List the keys, without their secrets."""
    items = _call("GET", "/exchange-keys")["items"]
    rows = [{**item, "usedBy": ",".join(item["usedBy"]) or None, "warnings": len(item["warnings"])} for item in items]
    print_rows(rows if output is Format.TABLE else items, COLUMNS, output)


@app.command()
def rm(name: Name) -> None:
    """Destroy a key that no live bot uses."""
    _call("DELETE", f"/exchange-keys/{name}")
    typer.echo(f"{name} destroyed here; delete it at the exchange too")


def _tell(key: dict[str, Any], done: str) -> None:
    typer.echo(f"{key['name']} {done}: it can trade at {key['exchange']} and cannot withdraw")
    for warning in key["warnings"]:
        typer.echo(f"  note: {warning}")


def _parts(*, stdin: bool, password: bool) -> dict[str, str]:
    if stdin:
        return _from_lines(sys.stdin.read())
    if not sys.stdin.isatty():
        fail("there is no terminal to ask for the secret at: send it on standard input with --stdin", code=EXIT_USAGE)
    found = {
        "apiKey": typer.prompt("Public part (API key)", hide_input=True),
        "secret": typer.prompt("Secret", hide_input=True),
    }
    return {**found, "password": typer.prompt("Password", hide_input=True)} if password else found


def _from_lines(text: str) -> dict[str, str]:
    """Return the parts; a private key as PEM is one part of many lines."""
    public, _, rest = text.partition("\n")
    if rest.startswith("-----BEGIN "):
        secret, end, after = rest.partition("-----END ")
        last, _, password = after.partition("\n")
        secret += end + last
    else:
        secret, _, password = rest.partition("\n")
    parts = {"apiKey": public.strip(), "secret": secret.strip(), "password": password.strip()}
    if not parts["apiKey"] or not parts["secret"]:
        fail("standard input must have the public part in its first line and the secret in the second", code=EXIT_USAGE)
    return {name: value for name, value in parts.items() if value}


def _call(method: str, path: str, body: Any = None) -> Any:
    try:
        return Client(load_profile()).call(method, path, body)
    except ApiError as exc:
        fail(str(exc))
