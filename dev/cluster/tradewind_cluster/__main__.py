"""The command line: `dev/cluster/cluster --help`, or `python -m tradewind_cluster --help`."""

import argparse
import os
import sys
import time
from pathlib import Path

from tradewind_cluster import binaries, cluster, images
from tradewind_cluster.layout import DEFAULT_NAME, ClusterError, Layout, layout
from tradewind_cluster.options import FILE, read_options
from tradewind_cluster.supervisor import daemons

PASSED_ON = ("kubectl", "helm")


def main() -> int:
    """Run one command and return its exit code."""
    arguments = _parser().parse_args()
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:5.1f} s] {text}", file=sys.stderr, flush=True)

    try:
        return _run(arguments, _layout(arguments), say)
    except ClusterError as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped: the same command goes on from here", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument("--name", help=f"which cluster (default: $CLUSTER, else {DEFAULT_NAME})")
    common.add_argument("--state", type=Path, help="folder of its state (default: below the user's state folder)")
    parser = argparse.ArgumentParser(prog="cluster", description="A real Kubernetes on this machine.", parents=[common])
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text, parents=[common])

    build = command("build", "build the binaries, once")
    build.add_argument("--only", choices=sorted(binaries.SETS), default="node")
    start = command("up", "bring the cluster up, whatever state it is in")
    start.add_argument("--control-plane-only", action="store_true", help="no node: needs no root")
    start.add_argument("--forward", action="append", metavar="PORT:NODEPORT", help="a port of 127.0.0.1, kept until `down`")
    start.add_argument("--api-port", type=int, default=0, help="of a control plane alone (default: a free one)")
    start.add_argument("--kwok", action="store_true", help="let kwok play nodes with the annotation kwok.x-k8s.io/node=fake")
    stop = command("down", "take the cluster away, with all that it stores")
    stop.add_argument("--keep", action="store_true", help="keep its state for the next up")
    command("status", "say what runs")
    command("kubeconfig", "print the path of the administrator's kubeconfig")
    command("env", "print shell lines that set KUBECONFIG and PATH")
    load = command("load", "load image archives into the node")
    load.add_argument("archives", nargs="+", type=Path)
    command("base-image", "make the base of all images, once, and print its name")
    image = command("image", "build an image from a Containerfile, without the network")
    image.add_argument("--tag", required=True, help="name of the image, such as localhost/tradewind-portal:0.1.0")
    image.add_argument("--containerfile", required=True, type=Path)
    image.add_argument("--context", required=True, type=Path)
    image.add_argument("--build-arg", action="append", default=[], metavar="KEY=VALUE", help="BASE_IMAGE is given already")
    image.add_argument("--load", action="store_true", help="load it into the node")
    for name in PASSED_ON:
        commands.add_parser(name, help=f"{name} of this cluster", prefix_chars="\0").add_argument(
            "rest", nargs=argparse.REMAINDER
        )
    return parser


def _layout(arguments: argparse.Namespace) -> Layout:
    name = getattr(arguments, "name", None) or os.environ.get("CLUSTER") or DEFAULT_NAME
    where = layout(name, node=True, state=getattr(arguments, "state", None))
    if arguments.command == "up":
        return layout(name, node=not arguments.control_plane_only, state=where.state)
    return read_options(where.state).layout(where.state) if (where.state / FILE).exists() else where


def _run(arguments: argparse.Namespace, where: Layout, say: cluster.Say) -> int:
    match arguments.command:
        case "build":
            binaries.build(arguments.only, say)
        case "up":
            forward = None if arguments.forward is None else dict(_pair(text) for text in arguments.forward)
            cluster.up(where, say, forward=forward, with_kwok=arguments.kwok, api_port=arguments.api_port)
            say("up")
            print(where.kubeconfig)
        case "down":
            cluster.down(where, keep=arguments.keep)
            say(f"down{': its state is kept' if arguments.keep else ': nothing of it is left'}")
        case "status":
            return _status(where)
        case "kubeconfig":
            print(where.kubeconfig)
        case "env":
            print(f"export KUBECONFIG={where.kubeconfig}\nexport PATH={binaries.search_path()}")
        case "load":
            for archive in arguments.archives:
                images.import_image(where, archive)
                say(f"loaded {archive.name}")
        case "base-image" | "image":
            _image(arguments, where, say)
        case _:
            _pass_on(arguments, where, say)
    return 0


def _pass_on(arguments: argparse.Namespace, where: Layout, say: cluster.Say) -> None:
    binaries.build("helm" if arguments.command == "helm" else "control-plane", say)
    program = binaries.binary(arguments.command)
    os.execve(program, [arguments.command, *arguments.rest], os.environ | {"KUBECONFIG": str(where.kubeconfig)})  # noqa: S606 - passed on


def _image(arguments: argparse.Namespace, where: Layout, say: cluster.Say) -> None:
    if arguments.command == "base-image":
        print(images.base_image(say))
        return
    pairs = dict(text.partition("=")[::2] for text in arguments.build_arg)
    pairs.setdefault("BASE_IMAGE", images.base_image(say))
    images.build_image(arguments.tag, arguments.containerfile, arguments.context, pairs)
    say(f"built {arguments.tag}")
    if arguments.load:
        images.load_built(where, arguments.tag)
        say(f"loaded {arguments.tag}")


def _status(where: Layout) -> int:
    if not (where.state / FILE).exists():
        print(f"the cluster {where.name!r} is not there: `up` makes it")
        return 1
    wanted = daemons(where, read_options(where.state))
    running = {"supervisor": cluster.supervisor_pid(where)} | {daemon.name: daemon.pid() for daemon in wanted}
    for name, pid in running.items():
        print(f"{name:24} {f'process {pid}' if pid else 'does not run'}")
    return 0 if all(running.values()) else 1


def _pair(text: str) -> tuple[int, int]:
    port, _, target = text.partition(":")
    if not (port.isdigit() and target.isdigit()):
        raise ClusterError(f"--forward {text}: wanted is PORT:NODEPORT, such as 8000:30800")

    return int(port), int(target)


if __name__ == "__main__":
    sys.exit(main())
