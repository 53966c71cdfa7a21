"""The table of commands. Each group is imported only when it is asked for: a cold start is what a person feels first."""

import errno
import importlib
import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

COMMANDS = {
    "backtest": ("tradewind_cli.backtest", "run strategies over history, here or in the cluster"),
    "bots": ("tradewind_cli.bots", "list, apply, pause, resume and remove bots"),
    "close": ("tradewind_cli.close", "sell all that a bot holds, once"),
    "data": ("tradewind_cli.data", "import and list candles"),
    "keys": ("tradewind_cli.keys", "add, list, rotate and remove exchange keys"),
    "kill": ("tradewind_cli.kill", "stop bots at once, and let them trade again"),
    "login": ("tradewind_cli.login", "log in to a portal and keep a token"),
    "optimise": ("tradewind_cli.optimise", "search for good parameters, and say how far to trust them"),
    "strategy": ("tradewind_cli.strategy", "validate, explain, list, apply and remove strategies"),
}


class LazyGroup(TyperGroup):
    """A group that imports a command's module when it is run."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - typer asks so
        """Return the names of all commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - typer asks so
        """Return the command, importing it; None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        command = typer.main.get_command(importlib.import_module(module).app)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - typer asks so
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in sorted(COMMANDS)])


app = typer.Typer(
    cls=LazyGroup, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)


@app.callback()
def root() -> None:
    """Tradewind on the command line. Settings: TRADEWIND_CLI_URL, TRADEWIND_CLI_TOKEN, TRADEWIND_CLI_TENANT."""


def main() -> None:
    """Run `tw`. A reader that closed the pipe ends it quietly, a full disk with a sentence."""
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except OSError as exc:
        if exc.errno not in {errno.EPIPE, errno.ENOSPC}:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if exc.errno == errno.ENOSPC:
            sys.stderr.write(f"tw: what was printed is cut off: {exc.strerror}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
