"""Whether a person's own cluster can take the demonstration: asked before anything is built; each refusal says what to do."""

import json
import os
import shutil
from collections.abc import Callable

from tradewind_cluster import binaries
from tradewind_cluster.layout import ClusterError
from tradewind_demo.kube import NAMESPACE, Kube
from tradewind_demo.steps import DemoError

# What the chart makes and a person without rights over the whole cluster may not.
NEEDED = (
    "customresourcedefinitions.apiextensions.k8s.io",
    "namespaces",
    "clusterroles.rbac.authorization.k8s.io",
    "clusterrolebindings.rbac.authorization.k8s.io",
    "secrets",
    "statefulsets.apps",
    "deployments.apps",
)
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


def check_answers(kube: Kube, say: Callable[[str], None]) -> None:
    """Raise DemoError unless the tools are there, the context is known, and its API server takes its credentials."""
    _check_tools(kube, say)
    known = kube.tried("config", "get-contexts", "-o", "name").stdout.split()
    if kube.context not in known:
        file = os.environ.get("KUBECONFIG") or "~/.kube/config"
        there = f"there are {', '.join(known)}" if known else "there is none at all"
        raise DemoError(f"CONTEXT={kube.context}: {file} has no such context; {there}. Another file is named by KUBECONFIG=")
    asked = kube.tried("get", "--raw", "/version", "--request-timeout=10s")
    if asked.returncode:
        why = asked.stderr.strip().rpartition("\n")[2]
        if "Unauthorized" in why or "provide credentials" in why:
            raise DemoError(f"CONTEXT={kube.context}: the API server does not take the credentials of this context: {why}")
        raise DemoError(
            f"CONTEXT={kube.context}: the API server does not answer: {why}\n"
            f"Does the cluster run? kubectl --context {kube.context} cluster-info"
        )


def check_takes_us(kube: Kube) -> None:
    """Raise DemoError where the context may not install the chart, or the portal's volume would wait for ever."""
    may_not = [kind for kind in NEEDED if kube.tried("auth", "can-i", "create", kind, "-n", NAMESPACE).returncode]
    if may_not:
        raise DemoError(
            f"CONTEXT={kube.context}: this context may not create {', '.join(may_not)}: "
            "take one with the role cluster-admin, or let an administrator run this"
        )
    classes = json.loads(kube.kubectl("get", "storageclasses", "-o", "json"))["items"]
    if not any((item["metadata"].get("annotations") or {}).get(DEFAULT_CLASS) == "true" for item in classes):
        names = ", ".join(item["metadata"]["name"] for item in classes) or "none"
        raise DemoError(
            f"CONTEXT={kube.context}: the cluster has no default StorageClass, which the portal's volume needs "
            f"(there are: {names}): "
            f"kubectl --context {kube.context} annotate storageclass NAME {DEFAULT_CLASS}=true"
        )


def _check_tools(kube: Kube, say: Callable[[str], None]) -> None:
    path = kube.environment()["PATH"]
    if shutil.which("kubectl", path=path) is None:
        raise DemoError("kubectl is not installed, and with CONTEXT= yours is used: see https://kubernetes.io/docs/tasks/tools")
    if shutil.which("helm", path=path) is None:
        say("helm is not installed")
        try:
            binaries.build("helm", say)
        except ClusterError as exc:
            raise DemoError(f"helm is not installed (https://helm.sh/docs/intro/install), nor can it be built: {exc}") from exc
