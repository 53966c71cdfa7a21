"""The detached process that keeps one cluster alive: whatever of it ends is started again.

It may be killed itself: the daemons go on, and the next supervisor adopts them. What a changed command line makes different is
started anew. All work beside starting is done by `attendant`, a daemon like the others.
"""

import fcntl
import os
import signal
import sys
import time
from pathlib import Path

from tradewind_cluster import kwok, policies
from tradewind_cluster.control_plane import commands
from tradewind_cluster.daemons import Daemon, trim_logs
from tradewind_cluster.layout import Layout
from tradewind_cluster.network import ensure_network, is_joined
from tradewind_cluster.node import config_digest, make_cgroups
from tradewind_cluster.options import Options, read_options


def daemons(where: Layout, options: Options) -> list[Daemon]:
    """Return all that should run."""
    wanted = [Daemon(name, where.inside(command), where) for name, command in commands(where).items()]
    if options.kwok:
        wanted.append(Daemon("kwok", kwok.command(where), where))
    if where.node:
        init = [sys.executable, "-m", "tradewind_cluster.node_init", where.name, str(where.state), config_digest(where)]
        unshare = ["unshare", "--pid", "--fork", "--kill-child=KILL", "--mount", "--propagation", "private", "--mount-proc"]
        wanted.append(Daemon("node", where.inside([*unshare, *init]), where))
        forwards = [f"{port}:{target}" for port, target in options.forward.items()]
        wanted.append(
            Daemon("attendant", [sys.executable, "-m", "tradewind_cluster.attendant", str(where.state), *forwards], where)
        )
    return wanted


def main(state: Path) -> None:
    """Supervise for ever; a second supervisor of the same cluster ends at once."""
    options = read_options(state)
    where = options.layout(state)
    lock = (state / "supervisor.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    (state / "supervisor.pid").write_text(str(os.getpid()))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    wanted = daemons(where, options)
    if where.node:
        ensure_network(where)
        policies.close_at_first(where)
    for daemon in wanted:
        daemon.adopt()
    for record in set((state / "run").glob("*.json")) - {daemon.record for daemon in wanted}:
        Daemon(record.stem, [], where).kill()  # asked for earlier, no longer
    while True:
        trim_logs(state / "log")
        if where.node:
            if not is_joined(where):
                ensure_network(where)
            make_cgroups(where)
        for daemon in wanted:
            if daemon.ensure():
                print(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} started {daemon.name}", flush=True)
        time.sleep(0.3)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
