"""The real node that all tests of a run share. Where the machine cannot run one the tests are skipped with the reason.

`node_cluster` is its Layout: `.kubeconfig` is the administrator's kubeconfig file, `.address` the node's address. `kubectl`
runs kubectl there, `namespace` is a fresh namespace, `python_image` an image with Python, `python_pod` makes a pod of it.
With TRADEWIND_REQUIRE_NODE=1 (`.ci/run`) a machine that cannot run a node is a failure.
"""

import json
import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from platform_world import Platform

from tradewind_cluster import images, preflight, temporary
from tradewind_cluster.api import Api
from tradewind_cluster.binaries import binary
from tradewind_cluster.layout import ClusterError, Layout, layout

HERE = Path(__file__).parent
Kubectl = Callable[..., str]
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}
POD_RESTRICTED = {
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "runAsGroup": 10001,
    "fsGroup": 10001,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder, so that `-m` finds it."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.node)


@pytest.fixture(scope="session")
def machine() -> None:
    """A machine that can run a node, with what is missing installed."""
    try:
        preflight.check(layout("test-preflight", node=True), print)
    except ClusterError as exc:
        if os.environ.get("TRADEWIND_REQUIRE_NODE"):
            pytest.fail(f"this machine must run a node: {exc}")
        pytest.skip(f"this machine cannot run a node: {exc}")


@pytest.fixture(scope="session")
def node_cluster(machine: None) -> Iterator[Layout]:
    """A whole cluster for this run."""
    with temporary.node_cluster() as where:
        yield where


@pytest.fixture(scope="session")
def platform(node_cluster: Layout, tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """The chart with the simulated exchange on that cluster, and a trader's login that touches no file of the person's own."""
    folder = tmp_path_factory.mktemp("platform")
    os.environ["TRADEWIND_CLI_PROFILE"] = str(folder / "profile.json")
    return Platform(node_cluster, folder)


@pytest.fixture(scope="session")
def api(node_cluster: Layout) -> Api:
    """The plain client of the cluster tool itself, as administrator."""
    return Api(node_cluster)


@pytest.fixture(scope="session")
def kubectl(node_cluster: Layout) -> Kubectl:
    """Run kubectl and return what it printed; `stdin` may be a manifest. A failure raises with kubectl's own message."""

    def run(*arguments: str, stdin: Any = None, check: bool = True) -> str:
        done = subprocess.run(
            [binary("kubectl"), f"--kubeconfig={node_cluster.kubeconfig}", *arguments],
            input=None if stdin is None else json.dumps(stdin),
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def python_image(node_cluster: Layout) -> str:
    """The base of all images, with Python, in the node."""
    name = images.base_image(print)
    images.load_built(node_cluster, name)
    return name


@pytest.fixture
def namespace(kubectl: Kubectl) -> Iterator[str]:
    """A namespace that takes restricted pods alone; gone afterwards."""
    name = f"t-{uuid.uuid4().hex[:8]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    kubectl("apply", "-f", "-", stdin={"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    kubectl("wait", "--for=create", "serviceaccount/default", "-n", name, "--timeout=30s")
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def python_pod(kubectl: Kubectl, python_image: str) -> Callable[..., dict[str, Any]]:
    """Make a pod that runs a Python program, wait until it is ready, and return it as the API shows it."""

    def make(namespace: str, name: str, program: str, **pod_spec: Any) -> dict[str, Any]:
        manifest = pod_of(python_image, namespace, name, program, **pod_spec)
        kubectl("apply", "-f", "-", stdin=manifest)
        kubectl("wait", "--for=condition=Ready", f"pod/{name}", "-n", namespace, "--timeout=60s")
        found: dict[str, Any] = json.loads(kubectl("get", "pod", name, "-n", namespace, "-o", "json"))
        return found

    return make


def pod_of(image: str, namespace: str, name: str, program: str, **pod_spec: Any) -> dict[str, Any]:
    """Return the manifest of a pod that meets `restricted`."""
    container = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "Never",
        "command": ["python3", "-u", "-c", program],
        "securityContext": RESTRICTED,
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
        "volumeMounts": pod_spec.pop("mounts", []),
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": namespace, "name": name, "labels": {"app": name}},
        "spec": {"containers": [container], "securityContext": POD_RESTRICTED, "terminationGracePeriodSeconds": 0, **pod_spec},
    }
