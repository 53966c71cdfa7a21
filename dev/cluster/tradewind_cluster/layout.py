"""Where everything of one cluster is: all of it follows from its name, so several clusters live side by side.

A node lives in a network namespace of its own. Its ports, addresses, nftables tables and routes therefore meet nothing of the
machine's, and taking the namespace away takes them all away.
"""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

MARKER = "TRADEWIND_CLUSTER_STATE"
SERVICE_RANGE = "10.96.0.0/16"
SERVICE_API = "10.96.0.1"
SERVICE_DNS = "10.96.0.10"
DEFAULT_NAME = "tradewind"


class ClusterError(Exception):
    """The cluster cannot be as asked. The message says what the person can do about it."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths and addresses of the cluster `name`; `node` tells whether it has one, or is a control plane alone."""

    name: str
    state: Path
    node: bool

    @property
    def number(self) -> int:
        """A number in 0..250 that addresses derive from; the default cluster's is 0."""
        if self.name == DEFAULT_NAME:
            return 0
        return 1 + int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:4], "big") % 250

    @property
    def namespace(self) -> str:
        """The network namespace of the node."""
        return f"tw-{self.name}"

    @property
    def host_link(self) -> str:
        """The machine's end of the pair of interfaces (at most 15 characters)."""
        return f"tw{self.number}host"

    @property
    def node_link(self) -> str:
        """The node's end."""
        return f"tw{self.number}node"

    @property
    def host_address(self) -> str:
        """The machine, seen from the node."""
        return f"10.244.{self.number}.1"

    @property
    def address(self) -> str:
        """Where the API server listens."""
        return f"10.244.{self.number}.2" if self.node else "127.0.0.1"

    @property
    def pod_range(self) -> str:
        """Addresses of pods."""
        return f"10.245.{self.number}.0/24"

    @property
    def cgroup(self) -> str:
        """Root of all pods' control groups."""
        return f"/tradewind-{self.name}"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.state / "admin.kubeconfig"

    @property
    def containerd_socket(self) -> Path:
        """Where containerd listens."""
        return self.state / "containerd.sock"

    def inside(self, command: list[str]) -> list[str]:
        """Return `command` as it is run in the node's network namespace; unchanged without a node."""
        return ["nsenter", f"--net=/run/netns/{self.namespace}", "--", *command] if self.node else command


def state_home() -> Path:
    """Return the folder of all clusters' state."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "tradewind/clusters"


def cache_home() -> Path:
    """Return the folder of what is built once."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tradewind"


def layout(name: str, *, node: bool, state: Path | None = None) -> Layout:
    """Return the layout of the cluster `name`. Raises ClusterError for a name that cannot be used."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,19}", name):
        raise ClusterError(f"{name!r} is no cluster name: use up to 20 of a-z, 0-9 and -, starting with a letter")
    return Layout(name, (state or state_home() / name).absolute(), node)
