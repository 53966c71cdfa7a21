"""Keeps the node's nftables equal to the cluster's NetworkPolicies.

When it stops, the last rules stay in force and new pods reach nothing.
"""

import subprocess
import threading
import time

from tradewind_cluster.layout import Layout
from tradewind_cluster.policy_rules import render
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
        if rules == applied:
            continue
        done = subprocess.run(layout.inside(["nft", "-f", "-"]), input=rules, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"nft refused the rules: {done.stderr[:1000]}", flush=True)
            time.sleep(1)
            watched.changed.set()
        else:
            applied = rules
        time.sleep(0.02)


def start(layout: Layout, watched: Watched) -> None:
    """Enforce in a thread of its own."""
    threading.Thread(target=enforce, args=(layout, watched), name="policies", daemon=True).start()
