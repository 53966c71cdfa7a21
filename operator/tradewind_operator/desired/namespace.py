"""A tenant's namespace."""

from tradewind_operator.desired.names import Object, labels, namespace_of, owned_by


def namespace(tenant: Object) -> Object:
    """Return the namespace; the API server refuses pods in it that are not `restricted`."""
    security = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": namespace_of(tenant),
            "labels": labels("tenant", tenant) | security,
            "ownerReferences": owned_by("Tenant", tenant),
        },
    }
