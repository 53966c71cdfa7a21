"""`tw login`: a personal access token for this machine."""

import socket
import sys
from typing import Annotated

import typer

from tradewind_cli.client import ApiError, make_token
from tradewind_cli.output import EXIT_USAGE, fail
from tradewind_cli.profile import DEFAULT_URL, Profile, save_profile

app = typer.Typer()


@app.command()
def login(
    user: Annotated[str, typer.Argument(help="name of the user")],
    url: Annotated[str, typer.Option(help="address of the portal")] = DEFAULT_URL,
    tenant: Annotated[str, typer.Option(help="which tenant is meant, for those who are in several")] = "",
    *,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="read the password from standard input")] = False,
) -> None:
    """Log in to a portal and keep a token that only this user of this machine can read."""
    password = sys.stdin.readline().rstrip("\n") if password_stdin else typer.prompt("Password", hide_input=True)
    if not password:
        fail("the password is empty", code=EXIT_USAGE)
    try:
        token, session = make_token(url, user, password, f"tw on {socket.gethostname()}"[:64])
    except ApiError as exc:
        fail(str(exc))
    path = save_profile(Profile(url, token, tenant))
    tenants = ", ".join(item["name"] for item in session.get("tenants", [])) or "no tenant"
    typer.echo(f"logged in as {session['user']} ({tenants}); the token is in {path}")
