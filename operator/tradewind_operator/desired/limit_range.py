"""Defaults for containers that name no resources: small, so that none of them is unbounded."""

from tradewind_operator.desired.names import Object, labels, namespace_of


def limit_range(tenant: Object) -> Object:
    """Return the LimitRange of a tenant."""
    return {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "defaults", "namespace": namespace_of(tenant), "labels": labels("tenant", tenant)},
        "spec": {
            "limits": [
                {
                    "type": "Container",
                    "defaultRequest": {"cpu": "10m", "memory": "64Mi"},
                    "default": {"memory": "256Mi"},
                }
            ]
        },
    }
