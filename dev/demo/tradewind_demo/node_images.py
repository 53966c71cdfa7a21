"""Images in the nodes of a person's own cluster, without a registry: who has not got them, and an archive to load."""

import json
import time
from collections.abc import Callable
from typing import Any

from tradewind_cluster import images as cluster_images
from tradewind_demo.images import ROOT
from tradewind_demo.kube import NAMESPACE, Kube
from tradewind_demo.steps import DemoError

ARCHIVE = ROOT / "build/tradewind-images.tar"
PROBE = "image-probe"
PATIENCE_S = 120


def check_nodes(kube: Kube, images: list[str], say: Callable[[str], None]) -> None:
    """Raise DemoError where a node that takes pods has not got an image; they are in ARCHIVE then.

    A pod that may pull nothing asks each node: what a node's status lists is incomplete and up to a minute old.
    """
    nodes = [
        node["metadata"]["name"] for node in json.loads(kube.kubectl("get", "nodes", "-o", "json"))["items"] if _takes(node)
    ]
    _make_namespace(kube)
    lacking = {node: missing for node in nodes if (missing := _missing(kube, node, images))}
    if not lacking:
        return
    wanted = sorted(set().union(*lacking.values()))
    say(f"{', '.join(sorted(lacking))} lacks {len(wanted)} of {len(images)} images; writing {ARCHIVE}")
    cluster_images.export_images(images, ARCHIVE)
    shown = ARCHIVE.relative_to(ROOT)
    raise DemoError(
        f"the nodes of {kube.context} have not got {', '.join(wanted)}, and without REGISTRY= nobody brings them there.\n"
        f"They are in {shown}. Load it, then run the same command again:\n"
        f"  kind      kind load image-archive {shown} --name NAME\n"
        f"  k3d       k3d image import {shown} --cluster NAME\n"
        f"  minikube  minikube image load {shown}\n"
        f"  others    ctr -n k8s.io images import {ARCHIVE.name}, on each node\n"
        "Or name a registry that the cluster pulls from: REGISTRY=registry.example/tradewind"
    )


def _takes(node: dict[str, Any]) -> bool:
    """Return whether pods of ours may be sent there."""
    spec = node["spec"]
    taints = [taint["effect"] for taint in spec.get("taints", [])]
    return not spec.get("unschedulable") and not {"NoSchedule", "NoExecute"} & set(taints)


def _missing(kube: Kube, node: str, images: list[str]) -> set[str]:
    """Return the images that a node has not got."""
    _delete_probe(kube)
    kube.kubectl("apply", "-f", "-", stdin=json.dumps(_probe(node, images)))
    deadline = time.monotonic() + PATIENCE_S
    try:
        while time.monotonic() < deadline:
            pod = kube.get("-n", NAMESPACE, "pod", PROBE) or {}
            found = {item["name"]: item["state"] for item in pod.get("status", {}).get("containerStatuses", [])}
            reasons = {name: state.get("waiting", {}).get("reason", "") for name, state in found.items()}
            if len(found) == len(images) and not {"ContainerCreating", "PodInitializing"} & set(reasons.values()):
                return {image for number, image in enumerate(images) if reasons[f"c{number}"] == "ErrImageNeverPull"}
            time.sleep(0.3)
    finally:
        _delete_probe(kube)
    raise DemoError(f"node {node} starts no pod in {PATIENCE_S} s: kubectl --context {kube.context} describe node {node}")


def _make_namespace(kube: Kube) -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    kube.kubectl("apply", "-f", "-", stdin=json.dumps(namespace))
    deadline = time.monotonic() + 30
    while kube.get("-n", NAMESPACE, "serviceaccount", "default") is None:  # without it no pod is taken
        if time.monotonic() > deadline:
            raise DemoError(f"namespace {NAMESPACE} gets no ServiceAccount: does the cluster's controller manager run?")
        time.sleep(0.2)


def _delete_probe(kube: Kube) -> None:
    kube.kubectl("-n", NAMESPACE, "delete", "pod", PROBE, "--ignore-not-found", "--now")


def _probe(node: str, images: list[str]) -> dict[str, Any]:
    """Return a pod of all images that does nothing."""
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    pod_security = {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
    containers = [
        {
            "name": f"c{number}",
            "image": image,
            "imagePullPolicy": "Never",
            "command": ["true"],
            "securityContext": security,
        }
        for number, image in enumerate(images)
    ]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": PROBE, "namespace": NAMESPACE},
        "spec": {
            "nodeName": node,
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": pod_security,
            "containers": containers,
        },
    }
