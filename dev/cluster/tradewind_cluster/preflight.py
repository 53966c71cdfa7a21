"""What the machine must have before a cluster is started; each refusal says what to do."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable

from tradewind_cluster import binaries, debian
from tradewind_cluster.disk import GIGABYTE, check_free
from tradewind_cluster.layout import ClusterError, Layout
from tradewind_cluster.network import run

NODE_PACKAGES = {
    "nft": ("nftables", "pod network rules"),
    "ip": ("iproute2", "the node's network namespace"),
    "nsenter": ("util-linux", "entering that namespace"),
    "mount": ("mount", "the node's private folders"),
}
RUN_BYTES = 2 * GIGABYTE
SOCKET_PATH_LIMIT = 107  # bytes of a unix socket's path, unix(7)
# Tried out in namespaces of its own, so that it leaves nothing: prints the first thing that does not work.
TRY_OUT = """
mkdir "$1/l" "$1/u" "$1/w" "$1/m"
mount -t overlay overlay -o "lowerdir=$1/l,upperdir=$1/u,workdir=$1/w" "$1/m" 2>/dev/null || { echo overlay; exit; }
ip link add tw-a type veth peer name tw-b 2>/dev/null || { echo veth; exit; }
nft add table inet probe 2>/dev/null || { echo nf_tables; exit; }
nft 'add chain inet probe c { type filter hook forward priority 0; }' 2>/dev/null || { echo nf_tables; exit; }
nft add rule inet probe c ct state established accept 2>/dev/null || { echo nf_conntrack; exit; }
nft add rule inet probe c fib saddr . iif oif missing drop 2>/dev/null || { echo nft_fib_inet; exit; }
nft 'add chain inet probe n { type nat hook postrouting priority 100; }' 2>/dev/null || { echo nft_nat; exit; }
nft add rule inet probe n masquerade 2>/dev/null || { echo nft_masq; exit; }
"""


def check(layout: Layout, say: Callable[[str], None]) -> None:
    """Make sure that this machine can run the cluster, installing what is missing. Raises ClusterError where it cannot."""
    if layout.node:
        check_root()
    binaries.check("node" if layout.node else "control-plane")
    check_free(layout.state, RUN_BYTES, "XDG_STATE_HOME")
    if layout.node:
        debian.install(NODE_PACKAGES, say)
        check_node(layout)


def check_root() -> None:
    """Raise ClusterError unless we are root: containers, mounts and networks need it."""
    if os.geteuid() != 0:
        raise ClusterError("a node needs root: run as root (sudo -E), or use an existing cluster with CONTEXT=<kube context>")


def check_node(layout: Layout) -> None:
    """Raise ClusterError where a node cannot run on this machine."""
    check_root()
    if len(os.fsencode(layout.containerd_socket)) + len(".ttrpc") > SOCKET_PATH_LIMIT:
        raise ClusterError(f"the path {layout.state} is too long for a socket: choose a shorter state folder")
    _check_kernel(layout)
    _check_addresses(layout)


def check_port(port: int) -> None:
    """Raise ClusterError where `port` of 127.0.0.1 is in use."""
    if not is_free(port):
        raise ClusterError(f"port {port} of 127.0.0.1 is taken: stop what uses it, or choose another port")


def is_free(port: int) -> bool:
    """Return whether nobody listens on `port` of 127.0.0.1."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def _check_kernel(layout: Layout) -> None:
    for module in ("overlay", "nf_tables", "veth"):
        if shutil.which("modprobe"):
            subprocess.run(["modprobe", "-q", module], check=False, capture_output=True)
    existing = next(parent for parent in (layout.state, *layout.state.parents) if parent.exists())
    with tempfile.TemporaryDirectory(dir=existing) as folder:
        command = ["unshare", "--mount", "--net", "--propagation", "private", "sh", "-c", TRY_OUT, "sh", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    missing = done.stdout.strip()
    if done.returncode or missing:
        raise ClusterError(
            f"this kernel or container does not let us use {missing or 'namespaces'} ({done.stderr.strip() or 'refused'}): "
            "load the module of that name, or run on a machine of its own (not inside an unprivileged container)"
        )


def _check_addresses(layout: Layout) -> None:
    """Raise ClusterError where the link's addresses are in use by something else of the machine."""
    shown = run("ip", "-json", "link", "show", layout.host_link, check=False)
    other = json.loads(shown)[0].get("ifalias", layout.name) if shown.strip() else layout.name
    if other != layout.name:
        raise ClusterError(f"the cluster {other!r} has the same addresses as {layout.name!r}: choose another name")
    for line in run("ip", "-4", "-o", "route", "show", "to", "match", layout.address).splitlines():
        words = line.split()
        if words[0] != "default" and layout.host_link not in words:
            raise ClusterError(
                f"the machine routes {words[0]} already, the cluster needs {layout.address}: choose another name"
            )
