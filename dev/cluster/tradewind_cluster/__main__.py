"""The command line: `python -m tradewind_cluster --help`."""

import argparse
import os
import sys
import time
from pathlib import Path

from tradewind_cluster import binaries, cluster, images
from tradewind_cluster.daemons import Daemon
from tradewind_cluster.layout import DEFAULT_NAME, ClusterError, Layout, layout
from tradewind_cluster.supervisor import daemons


def main() -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(prog="tradewind_cluster", description="A real Kubernetes on this machine.")
    parser.add_argument("--name", default=os.environ.get("CLUSTER", DEFAULT_NAME), help="which cluster (default: %(default)s)")
    parser.add_argument("--control-plane-only", action="store_true", help="no node: needs no root")
    parser.add_argument("--state", type=Path, help="folder of its state (default: below the user's state folder)")
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="build the binaries, once")
    build.add_argument("set", choices=sorted(binaries.SETS), nargs="?", default="node")
    start = commands.add_parser("up", help="bring the cluster up")
    start.add_argument("--forward", action="append", default=[], metavar="PORT:NODEPORT", help="a port of 127.0.0.1")
    stop = commands.add_parser("down", help="take the cluster away")
    stop.add_argument("--keep", action="store_true", help="keep its state for the next up")
    commands.add_parser("status", help="say what runs")
    commands.add_parser("env", help="print shell lines that set KUBECONFIG and PATH")
    load = commands.add_parser("load", help="load image archives into the node")
    load.add_argument("archives", nargs="+", type=Path)
    arguments = parser.parse_args()
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:5.1f} s] {text}", file=sys.stderr, flush=True)

    try:
        where = layout(arguments.name, node=not arguments.control_plane_only, state=arguments.state)
        return _run(arguments, where, say)
    except ClusterError as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1


def _run(arguments: argparse.Namespace, where: Layout, say: cluster.Say) -> int:
    match arguments.command:
        case "build":
            binaries.build(arguments.set, say)
        case "up":
            cluster.up(where, say, forward=dict(_pair(text) for text in arguments.forward))
            say(f"up: KUBECONFIG={where.kubeconfig}")
        case "down":
            cluster.down(where, keep=arguments.keep)
            say(f"down{': its state is kept' if arguments.keep else ': nothing of it is left'}")
        case "status":
            return _status(where)
        case "env":
            print(f"export KUBECONFIG={where.kubeconfig}\nexport PATH={binaries.search_path()}")
        case "load":
            for archive in arguments.archives:
                images.import_image(where, archive)
    return 0


def _status(where: Layout) -> int:
    supervisor = cluster.supervisor_pid(where)
    print(f"supervisor: {supervisor or 'does not run'}")
    wanted: list[Daemon] = daemons(where) if (where.state / "cluster.json").exists() else []
    for daemon in wanted:
        print(f"{daemon.name}: {daemon.pid() or 'does not run'}")
    return 0 if supervisor and all(daemon.pid() for daemon in wanted) else 1


def _pair(text: str) -> tuple[int, int]:
    port, _, target = text.partition(":")
    if not (port.isdigit() and target.isdigit()):
        raise ClusterError(f"--forward {text}: wanted is PORT:NODEPORT, such as 8000:30800")
    return int(port), int(target)


if __name__ == "__main__":
    sys.exit(main())
