"""What is: our kinds as kopf tells of them, their children as the reflectors see them. Plain dictionaries, no decisions."""

from typing import Any

from tradewind_api.plan import PlanSpec
from tradewind_kube.client import KindPath, core, group
from tradewind_operator.desired.names import namespace_of
from tradewind_operator.desired.shutdown import receipt_of

Object = dict[str, Any]
Pair = tuple[str, str]
OURS = {name: group("tradewind.dev/v1alpha1", name) for name in ("tradingbots", "backtests", "strategies", "tenants", "plans")}
CHILDREN: dict[str, KindPath] = {
    "Namespace": core("namespaces"),
    "ResourceQuota": core("resourcequotas"),
    "LimitRange": core("limitranges"),
    "ServiceAccount": core("serviceaccounts"),
    "ConfigMap": core("configmaps"),
    "NetworkPolicy": group("networking.k8s.io/v1", "networkpolicies"),
    "RoleBinding": group("rbac.authorization.k8s.io/v1", "rolebindings"),
    "StatefulSet": group("apps/v1", "statefulsets"),
    "Job": group("batch/v1", "jobs"),
    "Pod": core("pods"),
}


class World:
    """Caches by plural (ours) and kind (children), each keyed by (namespace, name)."""

    def __init__(self) -> None:
        self.ours: dict[str, dict[Pair, Object]] = {plural: {} for plural in OURS}
        self.children: dict[str, dict[Pair, Object]] = {kind: {} for kind in CHILDREN}
        self.receipts: dict[str, str] = {}  # of pods that ended, by the uid of their bot: a pod goes soon after its last words

    def note_receipt(self, pod: Object) -> None:
        """Remember the receipt with which a bot's pod ended; forget it when another runs."""
        uid = (pod["metadata"].get("labels") or {}).get("tradewind.dev/bot-uid")
        if uid is None or component_of(pod) != "bot":
            return
        receipt = receipt_of(pod)
        if receipt is not None:
            self.receipts[uid] = receipt
        elif "deletionTimestamp" not in pod["metadata"]:
            self.receipts.pop(uid, None)

    def tenant_of(self, namespace: str) -> Object | None:
        """Return the tenant whose namespace this is."""
        return next((tenant for tenant in self.ours["tenants"].values() if namespace_of(tenant) == namespace), None)

    def plan_of(self, tenant: Object | None) -> PlanSpec | None:
        """Return a tenant's plan, None if there is no such plan."""
        plan = self.ours["plans"].get(("", tenant["spec"]["plan"])) if tenant else None
        return PlanSpec.model_validate(plan["spec"]) if plan else None

    def in_namespace(self, plural: str, namespace: str) -> list[Object]:
        """Return our objects of a namespace, oldest first."""
        found = [item for (place, _), item in self.ours[plural].items() if place == namespace]
        return sorted(found, key=lambda item: (item["metadata"]["creationTimestamp"], item["metadata"]["uid"]))

    def strategies_of(self, namespace: str) -> dict[str, Object]:
        """Return the Strategies of a namespace by name."""
        return {name: item for (place, name), item in self.ours["strategies"].items() if place == namespace}

    def pods_of(self, namespace: str, label: str, value: str) -> list[Object]:
        """Return the pods of a namespace that carry a label, newest first."""
        found = [
            pod
            for (place, _), pod in self.children["Pod"].items()
            if place == namespace and (pod["metadata"].get("labels") or {}).get(label) == value
        ]
        return sorted(found, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), reverse=True)


def component_of(item: Object) -> str:
    """Return which part of the platform an object is."""
    return str((item["metadata"].get("labels") or {}).get("app.kubernetes.io/component", ""))


def trimmed(item: Object) -> Object:
    """Return an object without what nobody reads: a third of its memory."""
    metadata = {key: value for key, value in item["metadata"].items() if key != "managedFields"}
    return {**item, "metadata": metadata}
