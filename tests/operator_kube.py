"""What a platform engineer asks of the API server, and what a kubelet would write, for tests of the operator."""

import copy
import json

from portal_cluster import GROUP, MERGE, wait_for

from tradewind_operator.desired.names import namespace_of

BOT = {
    "strategy": {"template": "sma-crossover"},
    "exchange": "simulated",
    "symbols": ["BTC/USDT"],
    "timeframe": "1m",
    "capital": {"currency": "USDT", "amount": "1000"},
}


class Kube:
    """The few requests of a platform engineer."""

    def __init__(self, api):
        self.api = api

    def tenant(self, name, plan="pro"):
        """Make a tenant, wait until it is ready, return its namespace."""
        body = {"apiVersion": "tradewind.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": name}, "spec": {"plan": plan}}
        tenant = self.api.apply(f"{GROUP}/tenants/{name}", body)
        wait_for(lambda: self.condition(f"{GROUP}/tenants/{name}", "Ready")["status"] == "True", 240)
        return namespace_of(tenant)

    def make(self, namespace, kind, name, spec):
        """Create a bot or backtest and return its path."""
        plural = {"TradingBot": "tradingbots", "Backtest": "backtests", "Strategy": "strategies"}[kind]
        body = {"apiVersion": "tradewind.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": copy.deepcopy(spec)}
        self.api.call("POST", f"{GROUP}/namespaces/{namespace}/{plural}", body)
        return f"{GROUP}/namespaces/{namespace}/{plural}/{name}"

    def get(self, path):
        return self.api.call("GET", path)

    def patch(self, path, body):
        return self.api.call("PATCH", path, body, content_type=MERGE)

    def condition(self, path, name):
        found = self.get(path).get("status", {}).get("conditions", [])
        return next((c for c in found if c["type"] == name), {"status": "", "reason": "", "message": ""})

    def summary(self, path):
        return self.get(path).get("status", {}).get("summary", "")

    def children(self, namespace, kind, prefix):
        group = {"statefulsets": "/apis/apps/v1", "jobs": "/apis/batch/v1", "networkpolicies": "/apis/networking.k8s.io/v1"}
        items = self.api.call("GET", f"{group.get(kind, '/api/v1')}/namespaces/{namespace}/{kind}")["items"]
        return [item for item in items if item["metadata"]["name"].startswith(prefix)]

    def pod_status(self, namespace, pod, status):
        self.patch(f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}/status", {"status": status})


READY = {
    "phase": "Running",
    "podIP": "10.9.9.9",
    "conditions": [{"type": "Ready", "status": "True"}],
    "containerStatuses": [
        {
            "name": "runner",
            "ready": True,
            "restartCount": 0,
            "image": "i",
            "imageID": "i",
            "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
        }
    ],
}


def ended(code, words):
    state = {"terminated": {"exitCode": code, "message": json.dumps(words), "startedAt": None, "finishedAt": None}}
    container = {"name": "worker", "ready": False, "restartCount": 0, "image": "i", "imageID": "i", "state": state}
    return {"phase": "Succeeded" if code == 0 else "Failed", "containerStatuses": [container]}
