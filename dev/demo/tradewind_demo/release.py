"""The chart, installed or upgraded, and what must be up after it."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tradewind_demo.images import ROOT
from tradewind_demo.kube import NAMESPACE, RELEASE, Kube
from tradewind_demo.steps import DemoError

CHART = ROOT / "charts/tradewind"
NODE_PORT = 30800
CRDS = ("tradingbots", "backtests", "strategies", "tenants", "plans")


def define(kube: Kube) -> None:
    """Bring the definitions of our kinds, early: the API server's quotas count a new kind only after most of a minute.

    kubectl remembers for hours which kinds and categories there are; it is made to look again.
    """
    kube.kubectl(
        "apply", "--server-side", "--force-conflicts", *(f"--filename={ROOT}/crds/{name}.tradewind.dev.yaml" for name in CRDS)
    )
    kube.kubectl("wait", "--for=condition=Established", *(f"crd/{name}.tradewind.dev" for name in CRDS), "--timeout=60s")
    kube.kubectl("api-resources")


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


def remove(kube: Kube) -> None:
    """Uninstall the release and delete its namespaces; definitions stay, as helm's users expect."""
    kube.kubectl("delete", "tenants.tradewind.dev", "--all", "--ignore-not-found", "--wait=true", check=False)
    kube.helm("uninstall", RELEASE, "--namespace", NAMESPACE, "--ignore-not-found", "--wait")
    kube.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", check=False)


def kubeconfig_of(path: Path) -> Kube:
    """Return the cluster of a kubeconfig."""
    return Kube(kubeconfig=str(path))
