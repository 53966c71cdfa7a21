"""Clusters that live as long as a test run: started in a `with`, taken away at its end.

A run that was killed leaves its cluster behind; the next run finds that its owner has ended, and takes it away first.
"""

import contextlib
import json
import os
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

from tradewind_cluster import cluster
from tradewind_cluster.daemons import start_ticks
from tradewind_cluster.layout import ClusterError, Layout, layout, state_home

PREFIX = "test-"
OWNER = "owner.json"


@contextlib.contextmanager
def control_plane(*, with_kwok: bool = False, say: Callable[[str], None] = print) -> Iterator[Layout]:
    """Run etcd, API server, controller manager and scheduler on free ports of 127.0.0.1; needs no root."""
    with _temporary(f"{PREFIX}control-{os.getpid()}", node=False, with_kwok=with_kwok, say=say) as where:
        yield where


@contextlib.contextmanager
def node_cluster(*, suffix: str = "", say: Callable[[str], None] = print) -> Iterator[Layout]:
    """Run a whole cluster with one node; needs root. `suffix` tells several of one run apart."""
    with _temporary(f"{PREFIX}{os.getpid()}{suffix}", node=True, say=say) as where:
        yield where


def client_context(where: Layout, *, client: str = "admin") -> ssl.SSLContext:
    """Return TLS settings that trust the cluster and present a client certificate of its `pki` folder."""
    pki = where.state / "pki"
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    context.load_cert_chain(pki / f"{client}.crt", pki / f"{client}.key")
    return context


def take_away_orphans() -> list[str]:
    """Take down the temporary clusters whose owner has ended; return their names."""
    taken = []
    for file in state_home().glob(f"{PREFIX}*/{OWNER}"):
        owner = json.loads(file.read_text() or "{}")
        if not owner or start_ticks(owner["pid"]) == owner["ticks"]:
            continue
        try:
            cluster.down(layout(file.parent.name, node=owner["node"], state=file.parent))
        except ClusterError:
            continue  # another user's, or another run takes it away at this moment
        taken.append(file.parent.name)
    return taken


@contextlib.contextmanager
def _temporary(name: str, *, node: bool, with_kwok: bool = False, say: Callable[[str], None]) -> Iterator[Layout]:
    for orphan in take_away_orphans():
        say(f"took away {orphan}, which a killed run had left")
    where = layout(name, node=node)
    where.state.mkdir(parents=True, exist_ok=True)
    _write_owner(where.state / OWNER, node=node)
    try:
        cluster.up(where, say, with_kwok=with_kwok)
        yield where
    finally:
        cluster.down(where)


def _write_owner(file: Path, *, node: bool) -> None:
    file.write_text(json.dumps({"pid": os.getpid(), "ticks": start_ticks(os.getpid()), "node": node}))
