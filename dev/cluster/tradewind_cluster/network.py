"""The node's network namespace, and the pair of interfaces that joins it to the machine."""

import socket
import subprocess
from pathlib import Path

from tradewind_cluster.layout import ClusterError, Layout

SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv6/conf/all/disable_ipv6": "1",
    "net/ipv6/conf/default/disable_ipv6": "1",
}


def run(*command: str, check: bool = True) -> str:
    """Run a command and return what it printed. Raises ClusterError with its error output."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise ClusterError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def ensure_network(layout: Layout) -> None:
    """Make namespace, interfaces, addresses and switches, whatever of them is missing."""
    name, host, node = layout.namespace, layout.host_link, layout.node_link
    if not Path(f"/run/netns/{name}").exists():
        run("ip", "netns", "add", name)
    run("ip", "-n", name, "link", "set", "lo", "up")
    if not has_link(host):
        run("ip", "link", "add", host, "type", "veth", "peer", "name", node, "netns", name)
    run("ip", "link", "set", host, "alias", layout.name)
    run("ip", "addr", "replace", f"{layout.host_address}/30", "dev", host)
    run("ip", "link", "set", host, "up")
    run("ip", "-n", name, "addr", "replace", f"{layout.address}/30", "dev", node)
    run("ip", "-n", name, "link", "set", node, "up")
    run("ip", "-n", name, "route", "replace", "default", "via", layout.host_address)
    for key, value in SYSCTLS.items():
        run(*layout.inside(["sh", "-c", f"[ ! -e /proc/sys/{key} ] || echo {value} > /proc/sys/{key}"]))


def is_joined(layout: Layout) -> bool:
    """Return whether namespace and interface are there, without starting a process."""
    return Path(f"/run/netns/{layout.namespace}").exists() and has_link(layout.host_link)


def has_link(name: str) -> bool:
    """Return whether this network namespace has the interface; /sys may show another's."""
    try:
        return bool(socket.if_nametoindex(name))
    except OSError:
        return False


def remove_network(layout: Layout) -> None:
    """Take namespace and interfaces away; the namespace's tables, routes and pods' interfaces go with it."""
    run("ip", "link", "del", layout.host_link, check=False)
    if Path(f"/run/netns/{layout.namespace}").exists():
        run("ip", "netns", "del", layout.namespace)
