"""Names, labels and owner references: deterministic, so that every process computes the same."""

import hashlib
from typing import Any

from tradewind_api.resources import API_VERSION

MANAGED_BY = {"app.kubernetes.io/managed-by": "tradewind"}
SELECTOR = "app.kubernetes.io/managed-by=tradewind"
WORKER_ACCOUNT = "tradewind-worker"
Object = dict[str, Any]


def short_hash(uid: str) -> str:
    """Return 8 hexadecimal digits of a uid's sha256."""
    return hashlib.sha256(uid.encode()).hexdigest()[:8]


def namespace_of(tenant: Object) -> str:
    """Return the name of a tenant's namespace."""
    metadata = tenant["metadata"]
    return f"tw-{metadata['name'][:48]}-{short_hash(metadata['uid'])}"


def child_name(kind: str, owner: Object) -> str:
    """Return the name of an owner's children: kind, name and hash, at most 52 characters as a StatefulSet wants."""
    metadata = owner["metadata"]
    room = 52 - len(kind) - 10
    return f"{kind}-{metadata['name'][:room].rstrip('-.').replace('.', '-')}-{short_hash(metadata['uid'])}"


def labels(component: str, tenant: Object, **more: str) -> dict[str, str]:
    """Return the labels of every object that we make."""
    found = {
        **MANAGED_BY,
        "app.kubernetes.io/component": component,
        "tradewind.dev/tenant": tenant["metadata"]["name"],
        "tradewind.dev/plan": tenant["spec"]["plan"],
    }
    return found | {f"tradewind.dev/{key.replace('_', '-')}": value for key, value in more.items()}


def owned_by(kind: str, owner: Object) -> list[Object]:
    """Return the owner reference that lets the children go with their owner."""
    metadata = owner["metadata"]
    return [
        {
            "apiVersion": API_VERSION,
            "kind": kind,
            "name": metadata["name"],
            "uid": metadata["uid"],
            "controller": True,
            "blockOwnerDeletion": False,
        }
    ]
