"""The detached process that keeps one cluster alive: whatever of it ends is started again.

It may be killed itself: the daemons go on, and the next supervisor adopts them.
"""

import fcntl
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from tradewind_cluster import forward, policies, volumes
from tradewind_cluster.api import Api
from tradewind_cluster.control_plane import commands
from tradewind_cluster.daemons import Daemon
from tradewind_cluster.layout import Layout, layout
from tradewind_cluster.network import ensure_network
from tradewind_cluster.node import make_cgroups
from tradewind_cluster.watching import Watched


def daemons(where: Layout) -> list[Daemon]:
    """Return all that should run."""
    wanted = [Daemon(name, where.inside(command), where) for name, command in commands(where).items()]
    if where.node:
        init = [sys.executable, "-m", "tradewind_cluster.node_init", where.name, str(where.state)]
        unshare = ["unshare", "--pid", "--fork", "--kill-child=KILL", "--mount", "--propagation", "private", "--mount-proc"]
        wanted.append(Daemon("node", where.inside([*unshare, *init]), where))
    return wanted


def main(state: Path) -> None:
    """Supervise for ever; a second supervisor of the same cluster ends at once."""
    options = json.loads((state / "cluster.json").read_text())
    where = layout(options["name"], node=options["node"], state=state)
    lock = (state / "supervisor.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    (state / "supervisor.pid").write_text(str(os.getpid()))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    _start_helpers(where, options)
    wanted = daemons(where)
    checked = -60.0
    while True:
        if where.node and time.monotonic() - checked > 10:
            ensure_network(where)
            make_cgroups(where)
            checked = time.monotonic()
        for daemon in wanted:
            if daemon.ensure():
                print(f"started {daemon.name}", flush=True)
        time.sleep(0.3)


def _start_helpers(where: Layout, options: dict[str, Any]) -> None:
    if not where.node:
        return
    api = Api(where)
    policies.start(where, Watched(api, policies.PATHS))
    volumes.start(where, api)
    for port, target in options["forward"].items():
        forward.start(int(port), where.address, target)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
