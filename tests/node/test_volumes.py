"""A volume outlives its pod, belongs to the pod's own user, and goes with its claim."""

import json
import time
from collections.abc import Callable
from typing import Any

from tradewind_cluster.layout import Layout

Kubectl = Callable[..., str]
ASLEEP = "import time; time.sleep(10000)"


def test_what_a_pod_wrote_is_there_for_the_next_and_gone_with_the_claim(
    kubectl: Kubectl, python_pod: Callable[..., dict[str, Any]], namespace: str, node_cluster: Layout
) -> None:
    """User 10001 may write (fsGroup); another pod reads; deleting the claim deletes the folder."""
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": namespace},
        "spec": {"accessModes": ["ReadWriteOncePod"], "resources": {"requests": {"storage": "64Mi"}}},
    }
    kubectl("apply", "-f", "-", stdin=claim)
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    mounts = [{"name": "data", "mountPath": "/data"}]
    write = f"open('/data/kept', 'w').write('42')\n{ASLEEP}"
    python_pod(namespace, "first", write, volumes=volumes, mounts=list(mounts))
    name = json.loads(kubectl("get", "pvc", "data", "-n", namespace, "-o", "json"))["spec"]["volumeName"]
    folder = node_cluster.state / "volumes" / name
    assert "42" == (folder / "kept").read_text()

    kubectl("delete", "pod", "first", "-n", namespace)
    python_pod(namespace, "second", ASLEEP, volumes=volumes, mounts=list(mounts))
    assert "42" == kubectl("exec", "second", "-n", namespace, "--", "cat", "/data/kept")

    kubectl("delete", "pod", "second", "-n", namespace)
    kubectl("delete", "pvc", "data", "-n", namespace)
    deadline = time.monotonic() + 20
    while folder.exists() or name in kubectl("get", "pv", "-o", "name"):
        assert time.monotonic() < deadline, "the volume is still there"
        time.sleep(0.1)
