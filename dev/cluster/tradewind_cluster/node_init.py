"""Process 1 of the node's own pid and mount namespaces: runs containerd, kubelet and kube-proxy, and reaps.

The machine sees none of the mounts, and killing this one process ends every container at once.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from tradewind_cluster.layout import layout
from tradewind_cluster.node import PRIVATE_FOLDERS, node_commands, write_node_config


def main(name: str, state: str) -> None:
    """Run the node's daemons for ever, starting again whichever ends."""
    where = layout(name, node=True, state=Path(state))
    for folder in PRIVATE_FOLDERS:
        ours = where.state / "private" / folder.strip("/").replace("/", "-")
        ours.mkdir(parents=True, exist_ok=True)
        Path(folder).mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "--bind", str(ours), folder], check=True)
    write_node_config(where)
    commands = node_commands(where)
    running: dict[int, str] = {}
    started: dict[str, float] = {}
    while True:
        for daemon, command in commands.items():
            if daemon not in running.values() and time.monotonic() - started.get(daemon, -9.0) > 1.0:
                started[daemon] = time.monotonic()
                running[_start(daemon, command, where.state / "log")] = daemon
        pid, _ = os.waitpid(-1, os.WNOHANG)
        while pid:
            running.pop(pid, None)
            pid, _ = os.waitpid(-1, os.WNOHANG)
        time.sleep(0.1)


def _start(daemon: str, command: list[str], logs: Path) -> int:
    with (logs / f"{daemon}.log").open("ab") as output:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True).pid


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
