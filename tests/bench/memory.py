"""`make bench-memory`: what each process weighs at rest beside its budget, and how large the images are where they were built.

Operator and portal follow a real control plane with a tenant, the paper bot trades at the real simulated exchange. As in the
image, our modules are compiled to bytecode first. At rest means: ready, and then ten seconds with nothing but a kubelet's
probes after one scrape of the metrics. The portal is then used (portal_use.py) and weighed again.
"""

import compileall
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1])]

import operator_process  # noqa: E402 - found by the path above
import portal_cluster  # noqa: E402 - found by the path above
import portal_use  # noqa: E402 - found by the path above
from bot_world import World, wait_for  # noqa: E402 - found by the path above
from operator_kube import Kube  # noqa: E402 - found by the path above
from portal_process import start_portal, wait_ready  # noqa: E402 - found by the path above
from report import Figures, machine  # noqa: E402 - found by the path above

from tradewind_cluster import cluster, temporary  # noqa: E402 - found by the path above
from tradewind_cluster.api import Api  # noqa: E402 - found by the path above
from tradewind_cluster.images import buildah_env  # noqa: E402 - found by the path above

ROOT = Path(__file__).parents[2]
REST_S, PROBE_S = 10, 2
BUDGETS = {"operator": 90, "portal": 150, "paper bot": 96, "simulated exchange": 96}  # MiB
IMAGES = ("operator", "runner", "backtest", "portal", "simulator")


def resident(pid):
    """Return resident memory in MiB: now, and the most there was."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return tuple(int(lines[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))


def rest(probes):
    """Let everything rest, asked by nobody but probes."""
    until = time.monotonic() + REST_S
    while time.monotonic() < until:
        for url in probes:
            with urllib.request.urlopen(url, timeout=5) as answer:
                answer.read()
        time.sleep(PROBE_S)


def weigh(figures, folder):
    """Start everything, let it rest, and read what it holds."""
    with temporary.control_plane() as where:
        api = Api(where)
        portal_cluster.install(api)
        cluster.learn_kinds(where)
        operator_process.install_rights(api)
        portal_cluster.install_rights(api)
        operator = operator_process.OperatorProcess(api, where, folder)
        operator.start()
        os.environ.update(image_environment("portal"))
        portal = start_portal(folder / "data", portal_cluster.write_kubeconfig(api, where, folder / "portal.kubeconfig"))
        world = World(folder)
        try:
            wait_ready(portal)
            Kube(api).tenant("acme")
            bot = world.start_bot()
            wait_for(lambda: len(world.portal.of_type("Closed")) >= 5, 120)
            with urllib.request.urlopen(f"{portal.metrics}/metrics", timeout=5) as answer:
                answer.read()
            operator.get("metrics")
            rest([f"{portal.public}/livez", f"{portal.public}/readyz", f"http://127.0.0.1:{operator.port}/readyz"])
            pids = (operator.pid, portal.process.pid, bot.pid, world.simulator_pid)
            for (name, budget), pid in zip(BUDGETS.items(), pids, strict=True):
                now, most = resident(pid)
                figures.add(f"{name} at rest, MiB", now, most=budget, note=f"most ever {most:.1f}")
            operator.kill()  # from here on the tenant's rights are given by portal_cluster, which plays the operator
            weigh_used(figures, portal, api, folder)
        finally:
            world.close()
            portal.kill()
            operator.kill()


def weigh_used(figures, portal, api, folder):
    """Use the portal, and read what it holds once it rests again."""
    customer = portal_cluster.add_customer(portal, api, "used")
    probes = [f"{portal.public}/livez", f"{portal.public}/readyz"]
    done = portal_use.serve_candles(portal, customer, folder)
    rest(probes)
    figures.add("portal after serving candles, MiB", resident(portal.process.pid)[0], most=BUDGETS["portal"], note=done)
    done = (
        f"{portal_use.report_events(portal, customer):,} events taken in after that; the database holds some of them in memory"
    )
    rest(probes)
    figures.add("portal after taking events in, MiB", resident(portal.process.pid)[0], most=BUDGETS["portal"], note=done)


def image_environment(name):
    """Return what an image sets for the allocator, which counts as much as the code."""
    lines = (ROOT / name / "Containerfile").read_text().splitlines()
    return dict(line.removeprefix("ENV ").split("=", 1) for line in lines if line.startswith(("ENV MALLOC_", "ENV DUCKDB_")))


def image_sizes():
    """Return the size of the newest image of each name in the local store, as buildah tells it; nothing without buildah."""
    try:
        listed = subprocess.run(["buildah", "images", "--json"], env=buildah_env(), capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return {}
    sizes = {}
    for image in sorted(json.loads(listed), key=lambda item: item["createdatraw"]):
        for name in image.get("names") or []:
            kind = name.rpartition(":")[0].removeprefix("localhost/tradewind-")
            if kind in IMAGES:
                sizes[kind] = image["size"]
    return sizes


def main():
    """Measure and print."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for folder in ("crds", "botrunner", "portal", "operator", "dev"):
        compileall.compile_dir(ROOT / folder, quiet=1)
    machine("duckdb", "fastapi", "kopf", "ccxt", "numpy")
    figures = Figures()
    with tempfile.TemporaryDirectory() as folder:
        weigh(figures, Path(folder))
    for name, size in image_sizes().items():
        print(f"     image of the {name}: {size}")
    figures.end()


if __name__ == "__main__":
    main()
