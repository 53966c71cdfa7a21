"""What the machine must have before a cluster is started; each refusal says what to do."""

import os
import shutil
import subprocess
from collections.abc import Callable

from tradewind_cluster.layout import ClusterError, Layout

# Debian package by the command that shows it is there, and what it is for.
NODE_PACKAGES = {
    "nft": ("nftables", "pod network rules"),
    "ip": ("iproute2", "the node's network namespace"),
    "nsenter": ("util-linux", "entering that namespace"),
    "mount": ("mount", "the node's private folders"),
    "gcc": ("gcc", "building runc"),
    "pkg-config": ("pkg-config", "building runc"),
}
HEADERS = {
    "/usr/include/seccomp.h": ("libseccomp-dev", "building runc"),
    "/usr/include/stdio.h": ("libc6-dev", "building runc"),
}
IMAGE_PACKAGES = {"buildah": ("buildah", "building images"), "debootstrap": ("debootstrap", "the images' base")}
DISK_BYTES = 12 * 1024**3


def check_node(layout: Layout) -> None:
    """Raise ClusterError where a node cannot run on this machine."""
    if os.geteuid() != 0:
        raise ClusterError("a node needs root: run as root, or use an existing cluster with CONTEXT=<kube context>")
    free = shutil.disk_usage(layout.state.parent if layout.state.parent.exists() else "/").free
    if free < DISK_BYTES:
        raise ClusterError(
            f"{free / 1024**3:.1f} GB of disk are free, 12 are needed: make room, or set XDG_STATE_HOME elsewhere"
        )
    if "overlay" not in _read("/proc/filesystems") and subprocess.run(["modprobe", "overlay"], check=False).returncode:
        raise ClusterError("the kernel has no overlay file system: load the module `overlay` (modprobe overlay)")
    if not os.path.exists("/proc/self/ns/net"):  # noqa: PTH110 - a kernel feature, not a file
        raise ClusterError("the kernel has no network namespaces (CONFIG_NET_NS): another kernel is needed")


def install_packages(
    packages: dict[str, tuple[str, str]], say: Callable[[str], None], headers: dict[str, tuple[str, str]]
) -> None:
    """Install the Debian packages whose command or header is missing. Raises ClusterError where that fails."""
    wanted = {package: why for command, (package, why) in packages.items() if shutil.which(command) is None}
    wanted |= {package: why for header, (package, why) in headers.items() if not os.path.exists(header)}  # noqa: PTH110
    if not wanted:
        return
    if shutil.which("apt-get") is None:
        raise ClusterError(f"please install {', '.join(wanted)}: this machine has no apt-get to do it with")
    for package, why in wanted.items():
        say(f"installing {package}: {why}")
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *wanted]):
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ClusterError(f"{' '.join(command)} failed:\n{done.stderr[-1500:]}")


def _read(path: str) -> str:
    with open(path) as file:  # noqa: PTH123 - /proc
        return file.read()
