"""Keeps the node's nftables equal to the cluster's NetworkPolicies.

When it stops, the last rules stay in force and new pods reach nothing. Connections that are open outlive a new rule against
them, as with other implementations of NetworkPolicy.
"""

import subprocess
import threading
import time

from tradewind_cluster.api import Api
from tradewind_cluster.layout import Layout
from tradewind_cluster.policy_rules import TABLE, render
from tradewind_cluster.watching import Watched

PATHS = {
    "pods": "/api/v1/pods",
    "namespaces": "/api/v1/namespaces",
    "policies": "/apis/networking.k8s.io/v1/networkpolicies",
}


def enforce(layout: Layout, watched: Watched) -> None:
    """Apply the rules after every change, for ever."""
    applied = ""
    while True:
        watched.changed.wait()
        watched.changed.clear()
        if not watched.complete:
            time.sleep(0.05)
            watched.changed.set()
            continue
        pods, namespaces, wanted = (watched.snapshot(kind) for kind in PATHS)
        rules = render(pods, namespaces, wanted, layout.pod_range)
        if rules != applied:
            refusal = _apply(rules, layout)
            if refusal:
                print(f"nft refused the rules: {refusal}", flush=True)
                time.sleep(1)
                watched.changed.set()
            else:
                applied = rules
        time.sleep(0.02)


def close_at_first(layout: Layout) -> None:
    """Let no pod reach anything until the first rules are there."""
    there = subprocess.run(layout.inside(["nft", "list", "table", *TABLE.split()]), capture_output=True, check=False)
    if there.returncode:
        _apply(render({}, {}, {}, layout.pod_range), layout)


def start(layout: Layout, api: Api) -> None:
    """Enforce in a thread of its own."""
    watched = Watched(api, PATHS)
    threading.Thread(target=enforce, args=(layout, watched), name="policies", daemon=True).start()


def _apply(rules: str, layout: Layout) -> str:
    """Apply rules in the node's network namespace; return nft's refusal, empty where there is none."""
    done = subprocess.run(layout.inside(["nft", "-f", "-"]), input=rules, capture_output=True, text=True, check=False)
    return done.stderr[:1000] if done.returncode else ""
