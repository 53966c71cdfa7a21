"""What the portal may do in a tenant's namespace: our kinds, and looking at pods. Nothing else, and only there."""

from tradewind_operator.desired.names import Object, labels, namespace_of

PORTAL_ROLE, PORTAL_ACCOUNT = "tradewind-portal-tenant", "tradewind-portal"


def portal_binding(tenant: Object, portal_namespace: str) -> Object:
    """Return the binding of the portal's ClusterRole inside the tenant's namespace."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "tradewind-portal", "namespace": namespace_of(tenant), "labels": labels("tenant", tenant)},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": PORTAL_ROLE},
        "subjects": [{"kind": "ServiceAccount", "name": PORTAL_ACCOUNT, "namespace": portal_namespace}],
    }
