"""`tw close`: sell all that a bot holds, once."""

import time
from typing import Annotated
from urllib.parse import quote

import typer

from tradewind_cli.client import ApiError, Client
from tradewind_cli.output import fail
from tradewind_cli.profile import load_profile

app = typer.Typer()
PAUSE_S = 2.0


@app.command()
def close(
    bot: Annotated[str, typer.Argument(help="name of the bot")],
    wait: Annotated[float, typer.Option("--wait", min=0, help="seconds to wait until the bot says that it is done")] = 60.0,
) -> None:
    """Ask a bot to sell all that it holds. It goes on afterwards: `tw bots pause` it first if it shall not buy again."""
    client, path = Client(load_profile()), f"/bots/{quote(bot, safe='')}/close-positions"
    try:
        asked = client.call("POST", path)
        deadline = time.monotonic() + wait
        while not asked["done"] and time.monotonic() < deadline:
            time.sleep(PAUSE_S)
            asked = client.call("GET", path)
    except ApiError as exc:
        fail(str(exc))
    if not asked["done"]:
        fail(f"{bot} was asked, but has not said yet that it is done; it is asked with every heartbeat: tw bots show {bot}")
    typer.echo(f"{bot} has closed what it held")
