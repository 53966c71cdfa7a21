"""A cluster's life: up, ready, down."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

from tradewind_cluster import binaries, images, preflight, teardown, volumes
from tradewind_cluster.api import Api, ApiError
from tradewind_cluster.certificates import make_certificates, write_kubeconfigs
from tradewind_cluster.control_plane import ports
from tradewind_cluster.daemons import start_ticks
from tradewind_cluster.layout import MARKER, ClusterError, Layout

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


def up(layout: Layout, say: Say, *, forward: dict[int, int] | None = None) -> None:
    """Bring the cluster up, from whatever state it is in, and wait until it works.

    Args:
        layout: Which one.
        say: Is told of each step.
        forward: Ports of 127.0.0.1 on this machine to node ports.

    Raises:
        ClusterError: With what the person can do.
    """
    if layout.node:
        preflight.check_node(layout)
        preflight.install_packages(preflight.NODE_PACKAGES, say, preflight.HEADERS)
    binaries.build("node" if layout.node else "control-plane", say)
    for folder in ("log", "run", "kubelet", "volumes"):
        (layout.state / folder).mkdir(parents=True, exist_ok=True)
    wanted = {"name": layout.name, "node": layout.node, "forward": {str(k): v for k, v in (forward or {}).items()}}
    options = layout.state / "cluster.json"
    running = supervisor_pid(layout)
    if running and options.exists() and json.loads(options.read_text()) != wanted:
        os.kill(running, 9)
        running = None
    if not running:
        for port in forward or {}:
            _check_port(port)
        make_certificates(layout)
        write_kubeconfigs(layout, ports(layout).api)
        options.write_text(json.dumps(wanted))
        _start_supervisor(layout)
    began = datetime.now(UTC)
    api = Api(layout)
    _wait("the API server", lambda: api.call("GET", "/readyz") == "ok", layout, 60)
    _wait("the namespaces", lambda: _exists(api, "/api/v1/namespaces/default/serviceaccounts/default"), layout, 60)
    if layout.node:
        _finish_node(layout, api, began, fresh=not running, say=say)


def down(layout: Layout, *, keep: bool = False) -> None:
    """End the cluster and remove what is of it; with `keep` its state stays."""
    teardown.tear_down(layout, keep=keep)


def supervisor_pid(layout: Layout) -> int | None:
    """Return the supervisor's process if it runs."""
    try:
        pid = int((layout.state / "supervisor.pid").read_text())
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if f"{MARKER}={layout.state}".encode() in environment.split(b"\0") and start_ticks(pid) else None


def _start_supervisor(layout: Layout) -> None:
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


def _finish_node(layout: Layout, api: Api, began: datetime, *, fresh: bool, say: Say) -> None:
    _wait("containerd", layout.containerd_socket.exists, layout, 60)
    if not (layout.state / "images-loaded").exists():
        say("loading the node's own images")
        _wait("containerd's answer", lambda: _imported(layout), layout, 60)
        (layout.state / "images-loaded").touch()
    manifests = json.loads((resources.files("tradewind_cluster") / "manifests/coredns.json").read_text())
    for manifest in (*manifests["items"], volumes.STORAGE_CLASS):
        api.apply(APPLIED_TO[manifest["kind"]].format(**manifest["metadata"]), manifest)
    if fresh:
        _wait("the node", lambda: _node_alive(api, layout, began), layout, 120)
    _wait("the node's readiness", lambda: _ready(api.call("GET", f"/api/v1/nodes/{layout.name}")), layout, 120)
    _wait("the cluster's DNS", lambda: _available(api), layout, 120)


def _imported(layout: Layout) -> bool:
    try:
        images.node_images(layout)
    except ClusterError:
        return False
    return True


def _node_alive(api: Api, layout: Layout, began: datetime) -> bool:
    """Return whether the kubelet renewed its lease after `began`: after a crash the API still shows the old Ready."""
    lease = api.call("GET", f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{layout.name}")
    return bool(datetime.fromisoformat(lease["spec"]["renewTime"]) > began)


def _ready(node: dict[str, Any]) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"].get("conditions", []))


def _available(api: Api) -> bool:
    deployment = api.call("GET", "/apis/apps/v1/namespaces/kube-system/deployments/coredns")
    return bool(deployment["status"].get("availableReplicas"))


def _exists(api: Api, path: str) -> bool:
    return bool(api.call("GET", path))


def _wait(what: str, test: Callable[[], bool], layout: Layout, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    reason = ""
    while time.monotonic() < deadline:
        try:
            if test():
                return
        except (ApiError, OSError) as exc:
            reason = str(exc)
        time.sleep(0.1)
    raise ClusterError(f"{what} did not come up in {seconds:.0f} s ({reason or 'no answer'}): see {layout.state}/log")


def _check_port(port: int) -> None:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        raise ClusterError(f"port {port} of 127.0.0.1 is taken: stop what uses it, or choose another with PORT=") from None
