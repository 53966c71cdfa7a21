"""What a cluster needs beside its daemons: network policies, volumes and the way in, in one process.

A failure of one ends the process, so that the supervisor starts all of them anew: none is ever silently missing.
"""

import os
import sys
import threading
import traceback
from pathlib import Path

from tradewind_cluster import forward, policies, volumes
from tradewind_cluster.api import Api
from tradewind_cluster.options import read_options


def main(state: Path, forwards: list[str]) -> None:
    """Attend for ever."""
    threading.excepthook = _end
    where = read_options(state).layout(state)
    api = Api(where)
    policies.start(where, api)
    volumes.start(where, api)
    for pair in forwards:
        port, target = pair.split(":")
        forward.start(int(port), where.address, int(target))
    threading.Event().wait()


def _end(failure: threading.ExceptHookArgs) -> None:
    traceback.print_exception(failure.exc_type, failure.exc_value, failure.exc_traceback)
    sys.stderr.flush()
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
