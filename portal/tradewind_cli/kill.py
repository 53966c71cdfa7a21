"""`tw kill`: stop bots at once, and let them trade again."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from tradewind_cli.client import ApiError, Client
from tradewind_cli.output import EXIT_USAGE, Format, fail, print_rows
from tradewind_cli.profile import load_profile

app = typer.Typer()
COLUMNS = ("scope", "name", "setBy", "reason")


@app.command()
def kill(
    bot: Annotated[str, typer.Option("--bot", "-b", help="one bot")] = "",
    key: Annotated[str, typer.Option("--key", "-k", help="every bot that trades with this exchange key")] = "",
    reason: Annotated[str, typer.Option("--reason", "-r", help="why, for the audit log")] = "",
    output: Annotated[Format, typer.Option("--output", "-o", help="of --list: table, json or yaml")] = Format.TABLE,
    *,
    tenant: Annotated[bool, typer.Option("--tenant", help="every bot of the tenant")] = False,
    platform: Annotated[bool, typer.Option("--platform", help="every bot of every tenant; for administrators")] = False,
    release: Annotated[bool, typer.Option("--release", help="take the switch away instead")] = False,
    list_: Annotated[bool, typer.Option("--list", "-l", help="show the switches that are on")] = False,
) -> None:
    """Stop bots: no new entries, their orders cancelled, their positions by stop policy, within a heartbeat of 15 seconds."""
    if list_:
        print_rows(_call("GET", "/admin/kill-switches" if platform else "/kill-switches")["items"], COLUMNS, output)
        return
    places = {
        f"bot {bot}": f"/bots/{quote(bot, safe='')}/kill-switch" if bot else "",
        f"exchange key {key}": f"/exchange-keys/{quote(key, safe='')}/kill-switch" if key else "",
        "the tenant": "/kill-switch" if tenant else "",
        "the platform": "/admin/kill-switch" if platform else "",
    }
    chosen = [(what, path) for what, path in places.items() if path]
    if len(chosen) != 1:
        fail("name one of --bot NAME, --key NAME, --tenant, --platform; or look: tw kill --list", code=EXIT_USAGE)
    what, path = chosen[0]
    _call("DELETE" if release else "PUT", path, None if release else {"reason": reason})
    typer.echo(f"the kill switch of {what} is {'off' if release else 'on'}")


def _call(method: str, path: str, body: Any = None) -> Any:
    try:
        return Client(load_profile()).call(method, path, body)
    except ApiError as exc:
        fail(str(exc))
