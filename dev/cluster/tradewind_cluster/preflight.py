"""What the machine must have before a cluster is started; each refusal says what to do."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from tradewind_cluster import binaries
from tradewind_cluster.layout import ClusterError, Layout, cache_home
from tradewind_cluster.network import run

# Debian package by the command that shows it is there, and what it is for.
NODE_PACKAGES = {
    "nft": ("nftables", "pod network rules"),
    "ip": ("iproute2", "the node's network namespace"),
    "nsenter": ("util-linux", "entering that namespace"),
    "mount": ("mount", "the node's private folders"),
}
# As NODE_PACKAGES; needed only until the binaries are built.
BUILD_PACKAGES = {"gcc": ("gcc", "building runc"), "pkg-config": ("pkg-config", "building runc")}
BUILD_HEADERS = {
    "/usr/include/seccomp.h": ("libseccomp-dev", "building runc"),
    "/usr/include/stdio.h": ("libc6-dev", "building runc"),
}
IMAGE_PACKAGES = {"buildah": ("buildah", "building images"), "debootstrap": ("debootstrap", "the images' base")}
BUILD_BYTES = 12 * 1024**3
RUN_BYTES = 2 * 1024**3
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
    which = "node" if layout.node else "control-plane"
    building = bool(binaries.missing(which))
    if building:
        binaries.check_go()
    check_disk(layout, BUILD_BYTES if building else RUN_BYTES)
    if not layout.node:
        return
    check_root()
    packages = NODE_PACKAGES | (BUILD_PACKAGES if building else {})
    install_packages(packages, say, BUILD_HEADERS if building else {})
    check_node(layout)


def check_root() -> None:
    """Raise ClusterError unless we are root: containers, mounts and networks need it."""
    if os.geteuid() != 0:
        raise ClusterError("a node needs root: run as root (sudo -E), or use an existing cluster with CONTEXT=<kube context>")


def check_disk(layout: Layout, wanted: int) -> None:
    """Raise ClusterError where fewer than `wanted` bytes are free for state or cache."""
    for place, variable in ((layout.state, "XDG_STATE_HOME"), (cache_home(), "XDG_CACHE_HOME")):
        existing = next(parent for parent in (place, *place.parents) if parent.exists())
        free = shutil.disk_usage(existing).free
        if free < wanted:
            raise ClusterError(
                f"{free / 1024**3:.1f} GB of disk are free at {existing}, {wanted / 1024**3:.0f} are needed: "
                f"make room, or set {variable} to a folder elsewhere"
            )


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


def install_packages(
    packages: dict[str, tuple[str, str]], say: Callable[[str], None], headers: dict[str, tuple[str, str]]
) -> None:
    """Install the Debian packages whose command or header is missing. Raises ClusterError where that fails."""
    wanted = {package: why for command, (package, why) in packages.items() if shutil.which(command) is None}
    wanted |= {package: why for header, (package, why) in headers.items() if not Path(header).exists()}
    if not wanted:
        return
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise ClusterError(f"please install {', '.join(wanted)}: that needs apt-get and root")
    for package, why in wanted.items():
        say(f"installing {package}: {why}")
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *wanted]):
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ClusterError(f"{' '.join(command)} failed:\n{done.stderr[-1500:]}")


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
