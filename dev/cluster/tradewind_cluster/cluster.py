"""A cluster's life: up, ready, down."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

from tradewind_cluster import binaries, images, kwok, machine, name_service, preflight, teardown, volumes
from tradewind_cluster.api import Api, ApiError
from tradewind_cluster.certificates import make_certificates, write_kubeconfigs
from tradewind_cluster.control_plane import choose_ports
from tradewind_cluster.daemons import Daemon, start_ticks
from tradewind_cluster.layout import MARKER, ClusterError, Layout
from tradewind_cluster.lock import exclusive
from tradewind_cluster.options import Options, read_options, write_options

Say = Callable[[str], None]
APPLIED_TO = {
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts/{name}",
    "ConfigMap": "/api/v1/namespaces/{namespace}/configmaps/{name}",
    "Service": "/api/v1/namespaces/{namespace}/services/{name}",
    "Deployment": "/apis/apps/v1/namespaces/{namespace}/deployments/{name}",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles/{name}",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/{name}",
    "StorageClass": "/apis/storage.k8s.io/v1/storageclasses/{name}",
}


def up(layout: Layout, say: Say, *, forward: dict[int, int] | None = None, with_kwok: bool = False, api_port: int = 0) -> None:
    """Bring the cluster up, from whatever state it is in, and wait until it works.

    Args:
        layout: Which one.
        say: Is told of each step.
        forward: Ports of 127.0.0.1 on this machine to node ports; None keeps those of the last `up`.
        with_kwok: Whether kwok plays the nodes that carry its annotation.
        api_port: The API server's port where there is no node; 0 takes a free one.

    Raises:
        ClusterError: With what the person can do.
    """
    preflight.check(layout, say)
    wanted = _wanted(layout, forward, with_kwok=with_kwok)
    for which in ("node" if layout.node else "control-plane", *(["kwok"] if with_kwok else [])):
        binaries.build(which, say)
    if with_kwok:
        kwok.copy_stages()
    with exclusive(layout.state):
        _start(layout, wanted, api_port)
        api = Api(layout)
        _wait("the API server", lambda: api.call("GET", "/readyz") == "ok", layout, 60)
        _wait("the namespaces", lambda: _exists(api, "/api/v1/namespaces/default/serviceaccounts/default"), layout, 60)
        if layout.node:
            _finish_node(layout, api, say)


def down(layout: Layout, *, keep: bool = False) -> None:
    """End the cluster and remove what is of it; with `keep` its state stays. A cluster that never was is no error."""
    with exclusive(layout.state):
        teardown.tear_down(layout, keep=keep)


def learn_kinds(layout: Layout) -> None:
    """Have the controllers know kinds that were defined a moment ago, so that quotas count them at once.

    The controller manager looks for new kinds each half a minute, and counts them in quotas that are there already only after
    five minutes more. The one that the supervisor starts in its place knows them from its first second.
    """
    Daemon("kube-controller-manager", [], layout).kill()


def supervisor_pid(layout: Layout) -> int | None:
    """Return the supervisor's process if it runs."""
    try:
        pid = int((layout.state / "supervisor.pid").read_text())
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if f"{MARKER}={layout.state}".encode() in environment.split(b"\0") and start_ticks(pid) else None


def _wanted(layout: Layout, forward: dict[int, int] | None, *, with_kwok: bool) -> Options:
    before: dict[int, int] = {}
    with contextlib.suppress(OSError, ValueError, KeyError):
        before = read_options(layout.state).forward
    wanted = Options(layout.name, layout.node, before if forward is None else forward, with_kwok)
    held = set(before) if teardown.marked_processes(layout) else set()  # by our own attendant
    for port in set(wanted.forward) - held:
        preflight.check_port(port)
    return wanted


def _start(layout: Layout, wanted: Options, api_port: int) -> None:
    """Start a supervisor, in place of one that runs; it adopts the daemons that do."""
    for folder in ("log", "run", "kubelet", "volumes"):
        (layout.state / folder).mkdir(parents=True, exist_ok=True)
    running = supervisor_pid(layout)
    if running:
        os.kill(running, signal.SIGKILL)
    make_certificates(layout)
    chosen = choose_ports(layout, api_port, running=bool(teardown.marked_processes(layout)))
    write_kubeconfigs(layout, chosen.api)
    write_options(layout.state, wanted)
    if layout.node:
        machine.remember()
    with (layout.state / "log/supervisor.log").open("ab") as output:
        subprocess.run(
            ["setsid", "--fork", sys.executable, "-m", "tradewind_cluster.supervisor", str(layout.state)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=True,
            cwd="/",
            env=os.environ | {MARKER: str(layout.state), "PYTHONPATH": str(Path(__file__).parent.parent)},
        )


def _finish_node(layout: Layout, api: Api, say: Say) -> None:
    _load_own_images(layout, say)
    manifests = json.loads((resources.files("tradewind_cluster") / "manifests/coredns.json").read_text())
    for manifest in (*manifests["items"], volumes.STORAGE_CLASS):
        api.apply(APPLIED_TO[manifest["kind"]].format(**manifest["metadata"]), manifest)
    node = f"/api/v1/nodes/{layout.name}"
    _wait("the kubelet", lambda: api.call("GET", f"{node}/proxy/healthz") == "ok", layout, 120)
    _wait("the node's readiness", lambda: _ready(api.call("GET", node)), layout, 120)
    _wait("the cluster's DNS", lambda: name_service.answers(layout), layout, 120)


def _load_own_images(layout: Layout, say: Say) -> None:
    marker = layout.state / "images-loaded"
    version = "\n".join(str(binaries.binary(name)) for name in images.NODE_IMAGES.values())
    if marker.exists() and marker.read_text() == version:
        return
    say("loading the node's own images")
    _wait("containerd", lambda: _loaded(layout), layout, 60)
    marker.write_text(version)


def _loaded(layout: Layout) -> bool:
    try:
        images.node_images(layout)
    except ClusterError:
        return False
    return True


def _ready(node: dict[str, Any]) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"].get("conditions", []))


def _exists(api: Api, path: str) -> bool:
    return bool(api.call("GET", path))


def _wait(what: str, test: Callable[[], bool], layout: Layout, seconds: float) -> None:
    began = time.monotonic()
    reason = ""
    while time.monotonic() - began < seconds:
        try:
            if test():
                return
        except (ApiError, OSError) as exc:
            reason = str(exc)
        if time.monotonic() - began > 2 and supervisor_pid(layout) is None:
            last = (layout.state / "log/supervisor.log").read_text().strip().rpartition("\n")[2]
            raise ClusterError(f"the supervisor ended: {last}")
        time.sleep(0.1)
    raise ClusterError(
        f"{what} did not come up in {seconds:.0f} s ({reason or 'no answer'}): see {layout.state}/log; "
        "if it stays so, `down` and `up` begin anew"
    )
