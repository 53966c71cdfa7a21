"""The chart, installed or upgraded, and what must be up after it."""

import json
import time
from collections.abc import Callable
from typing import Any

from tradewind_demo.images import ROOT
from tradewind_demo.kube import NAMESPACE, RELEASE, Kube
from tradewind_demo.steps import DemoError

CHART = ROOT / "charts/tradewind"
NODE_PORT = 30800
CRDS = ("tradingbots", "backtests", "strategies", "tenants", "plans")


def define(kube: Kube) -> bool:
    """Bring the definitions of our kinds, early, and return whether any is new: a cluster's quotas count it only after a while.

    kubectl remembers for hours which kinds and categories there are; it is made to look again.
    """
    known = kube.kubectl("get", "crd", "-o", "name").split()
    files = [f"--filename={ROOT}/crds/{name}.yaml" for name in definitions()]
    kube.kubectl("apply", "--server-side", "--force-conflicts", *files)
    kube.kubectl("wait", "--for=condition=Established", *(f"crd/{name}" for name in definitions()), "--timeout=60s")
    kube.kubectl("api-resources")
    return any(f"customresourcedefinition.apiextensions.k8s.io/{name}" not in known for name in definitions())


def install(kube: Kube, tags: dict[str, str], *, registry: str, local: bool, speed: float) -> None:
    """Install or upgrade the chart with the simulated exchange; `define` comes before."""
    values: dict[str, Any] = {
        "crds": {"install": False},
        "images": {
            "registry": registry,
            "tags": tags,
            "pullPolicy": "Never" if local and registry == "localhost" else "IfNotPresent",
        },
        "simulator": {"enabled": True, "speed": speed},
        "portal": {"service": {"type": "NodePort", "nodePort": NODE_PORT} if local else {"type": "ClusterIP"}},
    }
    kube.helm(
        "upgrade",
        "--install",
        RELEASE,
        str(CHART),
        "--namespace",
        NAMESPACE,
        "--create-namespace",
        "--values",
        "-",
        stdin=json.dumps(values),
    )


def wait_ready(kube: Kube, say: Callable[[str], None], seconds: float = 180) -> None:
    """Wait until operator, portal and simulator are ready. Raises DemoError with what is wrong of the first that is not."""
    for kind, name in (
        ("statefulset", "tradewind-portal"),
        ("deployment", "tradewind-simulator"),
        ("deployment", "tradewind-operator"),
    ):
        deadline = time.monotonic() + seconds
        while not _up_to_date(kube, kind, name):
            _replace_broken(kube, kind, name)
            _check_images(kube, name)
            if time.monotonic() > deadline:
                component = name.removeprefix("tradewind-")
                selector = f"app.kubernetes.io/component={component}"
                pods = kube.kubectl("-n", NAMESPACE, "describe", "pods", "-l", selector, check=False)
                raise DemoError(f"{name} is not ready after {seconds:.0f} s:\n{pods[-2500:]}")
            time.sleep(0.5)
        say(f"{name} is ready")


def wait_tenant(kube: Kube, name: str) -> None:
    """Wait until a tenant is Ready: its namespace is there, and its quota counts. Raises DemoError."""
    kube.kubectl("wait", "--for=condition=Ready", f"tenants.tradewind.dev/{name}", "--timeout=180s")


def _replace_broken(kube: Kube, kind: str, name: str) -> None:
    """Delete the pod of an older revision that never became ready: a StatefulSet would wait for it for ever."""
    found = kube.get("-n", NAMESPACE, kind, name) if kind == "statefulset" else None
    pod = kube.get("-n", NAMESPACE, "pod", f"{name}-0") if found else None
    if found is None or pod is None:
        return
    wanted = found.get("status", {}).get("updateRevision")
    running = pod["metadata"]["labels"].get("controller-revision-hash")
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))
    if wanted and running != wanted and not ready and "deletionTimestamp" not in pod["metadata"]:
        kube.kubectl("-n", NAMESPACE, "delete", "pod", f"{name}-0", "--wait=false")


def _check_images(kube: Kube, name: str) -> None:
    """Raise DemoError where a pod waits for an image that does not come."""
    selector = f"app.kubernetes.io/component={name.removeprefix('tradewind-')}"
    for pod in (kube.get("-n", NAMESPACE, "pods", "-l", selector) or {}).get("items", []):
        for status in pod.get("status", {}).get("containerStatuses", []):
            waiting = status["state"].get("waiting", {})
            if waiting.get("reason") in {"ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"}:
                raise DemoError(
                    f"{name}: node {pod['spec'].get('nodeName')} does not get the image {status['image']} "
                    f"({waiting['reason']}): {waiting.get('message', '')[:400]}"
                )


def _up_to_date(kube: Kube, kind: str, name: str) -> bool:
    found = kube.get("-n", NAMESPACE, kind, name)
    if found is None:
        return False
    status, wanted = found.get("status", {}), found["spec"].get("replicas", 1)
    fresh = status.get("observedGeneration", 0) >= found["metadata"]["generation"]
    return bool(fresh and status.get("readyReplicas", 0) >= wanted and status.get("updatedReplicas", 0) >= wanted)


def admin_password(kube: Kube) -> str:
    """Return the administrator's password."""
    import base64  # noqa: PLC0415 - one use

    secret = kube.get("-n", NAMESPACE, "secret", "tradewind-portal")
    if secret is None:
        raise DemoError("the Secret tradewind-portal is gone: run `make down` and `make up` again")
    return base64.b64decode(secret["data"]["admin-password"]).decode()


def remove(kube: Kube, tenants: frozenset[str], say: Callable[[str], None]) -> None:
    """Uninstall the release and delete its namespaces; definitions stay, as Helm's users expect.

    Raises DemoError where there are other tenants than `tenants`: they are not the demonstration's to delete.
    """
    if kube.get("crd", "tenants.tradewind.dev") is not None:
        there = {item["metadata"]["name"] for item in (kube.get("tenants.tradewind.dev") or {"items": []})["items"]}
        if there - tenants:
            names = " ".join(sorted(there - tenants))
            raise DemoError(
                f"there are tenants that `make up` did not make: {names}; nothing was deleted. {_by_hand(kube, names)}"
            )
        for name in sorted(there):
            _delete_tenant(kube, name, say)
    say("uninstalling the chart")
    kube.helm("uninstall", RELEASE, "--namespace", NAMESPACE, "--ignore-not-found", "--wait")
    kube.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=180s")
    if kube.get("crd", "plans.tradewind.dev") is not None:  # the operator makes them where there are none
        kube.kubectl("delete", "plans.tradewind.dev", "--all")


def definitions() -> list[str]:
    """Return the names of the definitions of our kinds."""
    return [f"{name}.tradewind.dev" for name in CRDS]


def _delete_tenant(kube: Kube, name: str, say: Callable[[str], None]) -> None:
    """Delete a tenant while the operator is there to shut its bots down, and wait until its namespace is gone."""
    say(f"deleting tenant {name}")
    namespaces = kube.kubectl("get", "namespaces", "-l", f"tradewind.dev/tenant={name}", "-o", "name").split()
    for what in (f"tenants.tradewind.dev/{name}", *namespaces):
        done = kube.tried("delete", what, "--ignore-not-found", "--timeout=180s")
        if done.returncode:
            raise DemoError(f"{what} is not gone after 180 s: {done.stderr.strip()[-500:]}\n{_by_hand(kube, name)}")


def _by_hand(kube: Kube, names: str) -> str:
    kubectl = f"kubectl --context {kube.context}"
    return f"See {kubectl} describe tenant {names}, or delete by hand: {kubectl} delete tenant {names}"
