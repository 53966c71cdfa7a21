"""A portal against the tests' control plane, under the account and the rights that the chart gives it.

The test plays the operator as far as the portal needs it: a tenant's namespace with the binding of the portal's role.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from portal_process import PortalProcess, log_in, make_token, start_portal, wait_ready

from tradewind_cluster.api import Api, ApiError
from tradewind_cluster.layout import Layout
from tradewind_operator.desired.names import namespace_of
from tradewind_operator.desired.role_binding import portal_binding

ROOT = Path(__file__).parent.parent
GROUP = "/apis/tradewind.dev/v1alpha1"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
HOME = "tradewind-portal-test"
START, MINUTE = 1_735_689_600_000, 60_000  # 2025-01-01T00:00:00Z
PLURALS = ("plans", "tenants", "tradingbots", "backtests", "strategies")
MERGE = "application/merge-patch+json"
BOT_SPEC = {
    "strategy": {"template": "sma-crossover"},
    "exchange": "simulated",
    "symbols": ["BTC/USDT"],
    "timeframe": "1m",
    "capital": {"currency": "USDT", "amount": "1000"},
}
BACKTEST_SPEC = {
    "strategy": {"template": "sma-crossover"},
    "dataset": {
        "exchange": "simulated",
        "symbols": ["BTC/USDT"],
        "timeframe": "1m",
        "from": "2025-01-01",
        "to": "2025-01-01T02:00Z",
    },
}


def wait_for(look: Callable[[], Any], seconds: float = 20) -> Any:
    """Return the first true answer of `look`, which may fail meanwhile."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            found = look()
        except (ApiError, OSError, AssertionError, httpx2.HTTPError):
            if time.monotonic() > deadline:
                raise
            found = None
        if found:
            return found
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def install(api: Api) -> None:
    """Install the custom resource definitions and plans, and wait until the API server serves them."""
    for file in sorted((ROOT / "crds").glob("*.tradewind.dev.yaml")):
        manifest = yaml.safe_load(file.read_text())
        api.apply(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{manifest['metadata']['name']}", manifest)
    wait_for(lambda: [api.call("GET", f"{GROUP}/{plural}") for plural in PLURALS])
    for plan in yaml.safe_load_all((ROOT / "crds/plans.yaml").read_text()):
        plan["spec"]["limits"]["requestsPerMinute"] = 100_000
        api.apply(f"{GROUP}/plans/{plan['metadata']['name']}", plan)


def make_namespace(api: Api, name: str) -> None:
    api.apply(f"/api/v1/namespaces/{name}", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def install_rights(api: Api) -> None:
    """Apply the chart's file of rights as Helm would."""
    make_namespace(api, HOME)
    text = (ROOT / "charts/tradewind/templates/portal-rbac.yaml").read_text()
    text = text.replace("{{ .Release.Namespace }}", HOME).replace("{{ .Release.Service }}", "Helm")
    for manifest in yaml.safe_load_all(text):
        plural = {"ServiceAccount": "serviceaccounts"}.get(manifest["kind"], manifest["kind"].lower() + "s")
        place = f"/api/v1/namespaces/{HOME}" if manifest["kind"] == "ServiceAccount" else RBAC
        api.apply(f"{place}/{plural}/{manifest['metadata']['name']}", manifest)


def write_kubeconfig(api: Api, control_plane: Layout, target: Path) -> Path:
    """Write a kubeconfig of the portal's service account."""
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 7200}}
    token = api.call("POST", f"/api/v1/namespaces/{HOME}/serviceaccounts/tradewind-portal/token", request)["status"]["token"]
    config = yaml.safe_load(control_plane.kubeconfig.read_text())
    config["users"] = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
    target.write_text(yaml.safe_dump(config))
    return target


def become_operator(api: Api, name: str) -> str:
    """Make a tenant's namespace with the portal's binding, say so in its status, and return its name."""
    tenant = api.call("GET", f"{GROUP}/tenants/{name}")
    namespace = namespace_of(tenant)
    make_namespace(api, namespace)
    binding = portal_binding(tenant, HOME)
    api.apply(f"{RBAC}/namespaces/{namespace}/rolebindings/{binding['metadata']['name']}", binding)
    api.call("PATCH", f"{GROUP}/tenants/{name}/status", {"status": {"namespace": namespace}}, content_type=MERGE)
    return namespace


def make_pod(api: Api, namespace: str, name: str, labels: dict[str, str], audience: str = "tradewind-portal") -> dict[str, str]:
    """Make a service account and a pod that nobody runs; return the headers of a token bound to it, as a kubelet gets it."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}
    api.apply(f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}", account)
    manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"serviceAccountName": name, "containers": [{"name": "runner", "image": "localhost/none"}]},
    }
    pod = api.call("POST", f"/api/v1/namespaces/{namespace}/pods", manifest)
    bound = {"kind": "Pod", "apiVersion": "v1", "name": name, "uid": pod["metadata"]["uid"]}
    request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"audiences": [audience], "expirationSeconds": 3600, "boundObjectRef": bound},
    }
    answer = api.call("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token", request)
    return {"Authorization": f"Bearer {answer['status']['token']}"}


@dataclass
class Customer:
    """A tenant with the headers of its owner's token."""

    name: str
    namespace: str
    headers: dict[str, str]
    api: Api

    def pod(self, kind: str, name: str, uid: str, pod_name: str, audience: str = "tradewind-portal") -> dict[str, str]:
        """Return the headers of a pod of one of this tenant's bots or backtests."""
        labels = {"tradewind.dev/tenant": self.name, f"tradewind.dev/{kind}": name, f"tradewind.dev/{kind}-uid": uid}
        return make_pod(self.api, self.namespace, pod_name, labels, audience)


@pytest.fixture(scope="module")
def kubeconfig(control_plane: Layout, api: Api, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kubeconfig of the portal's account, with the rights that the chart gives it."""
    install_rights(api)
    return write_kubeconfig(api, control_plane, tmp_path_factory.mktemp("account") / "kubeconfig")


@pytest.fixture(scope="module")
def portal(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalProcess]:
    """A running, ready portal."""
    running = start_portal(tmp_path_factory.mktemp("portal"), kubeconfig)
    wait_ready(running)
    yield running
    assert running.stop() == 0


def add_customer(portal: PortalProcess, api: Api, name: str, plan: str = "pro") -> Customer:
    """Make a tenant through the portal, and its namespace as the operator would."""
    body = {"name": name, "plan": plan, "owner": {"user": f"{name}-owner"}}
    answer = httpx2.post(f"{portal.public}/api/v1/admin/tenants", json=body, headers=log_in(portal))
    assert answer.status_code == 201, answer.text
    namespace = become_operator(api, name)
    session = log_in(portal, f"{name}-owner", answer.json()["password"])
    return Customer(name, namespace, make_token(portal, session), api)


@pytest.fixture(scope="module")
def new_customer(portal: PortalProcess, api: Api) -> Callable[..., Customer]:
    """Return how to make a tenant."""
    return lambda name, plan="pro": add_customer(portal, api, name, plan)
