"""Pretended nodes and pods (kwok) for tests of thousands of bots; its stages come from its own module."""

import os
import shutil
import subprocess
from pathlib import Path

from tradewind_cluster.binaries import KWOK, MODULES, binary, folder
from tradewind_cluster.layout import ClusterError, Layout

STAGES = ("node/fast/*.yaml", "node/heartbeat-with-lease/*.yaml", "pod/fast/*.yaml")
NODE_ANNOTATION = {"kwok.x-k8s.io/node": "fake"}
TOLERATION = {"key": "kwok.x-k8s.io/node", "operator": "Exists"}


def copy_stages() -> None:
    """Copy the stages out of the module, beside the binary, unless they are there."""
    target = folder(KWOK) / "stages"
    if target.exists():
        return
    command = ["go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kwok"]
    done = subprocess.run(command, cwd=MODULES / KWOK.folder, capture_output=True, text=True, check=False)
    source = Path(done.stdout.strip()) / "kustomize/stage"
    if done.returncode or not source.is_dir():
        raise ClusterError(f"kwok's stages were not found in its module: {done.stderr.strip() or source}")
    half = target.with_name(f"stages.{os.getpid()}")
    half.mkdir()
    for pattern in STAGES:
        for file in sorted(source.glob(pattern)):
            if file.name != "kustomization.yaml":
                shutil.copyfile(file, half / "-".join(file.relative_to(source).parts))
    half.rename(target)


def command(layout: Layout) -> list[str]:
    """Return kwok's command line: it plays every node that carries its annotation."""
    stages = [f"--config={file}" for file in sorted((folder(KWOK) / "stages").glob("*.yaml"))]
    return [
        str(binary("kwok")),
        f"--kubeconfig={layout.kubeconfig}",
        "--manage-all-nodes=false",
        "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
        "--node-lease-duration-seconds=40",
        *stages,
    ]


def fake_node(name: str, *, pods: int = 1000) -> dict[str, object]:
    """Return a Node that kwok plays, large enough for `pods` pods; only pods with TOLERATION are put there."""
    size = {"cpu": "10000", "memory": "100Ti", "pods": str(pods)}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "annotations": NODE_ANNOTATION, "labels": {"kubernetes.io/hostname": name, "type": "kwok"}},
        "spec": {"taints": [{"key": "kwok.x-k8s.io/node", "value": "fake", "effect": "NoSchedule"}]},
        "status": {"allocatable": size, "capacity": size},
    }
