"""One object as it should be: applied when it is missing, when what should be has changed, or when somebody changed it."""

import hashlib
from typing import Any

import orjson

from tradewind_operator import measures
from tradewind_operator.desired.names import Object
from tradewind_operator.reconcile.context import Context
from tradewind_operator.world import CHILDREN

HASH = "tradewind.dev/spec-hash"


def with_hash(desired: Object) -> Object:
    """Return the object with an annotation that names its content, so that a field we no longer want is noticed."""
    digest = hashlib.sha256(orjson.dumps(desired, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
    metadata = desired["metadata"]
    return {**desired, "metadata": {**metadata, "annotations": {**metadata.get("annotations", {}), HASH: digest}}}


def contains(observed: Any, desired: Any) -> bool:
    """Return whether all of `desired` stands in `observed`, which may have more fields (the server's defaults)."""
    if isinstance(desired, dict):
        return isinstance(observed, dict) and all(key in observed and contains(observed[key], v) for key, v in desired.items())
    if isinstance(desired, list):
        return isinstance(observed, list) and len(observed) == len(desired) and all(map(contains, observed, desired))
    return bool(observed == desired) or (observed is None and desired in ({}, [], False, ""))


async def ensure(context: Context, desired: Object) -> bool:
    """Apply an object unless it is as it should be; return whether it was applied. Raises the errors of tradewind_kube."""
    wanted, kind = with_hash(desired), desired["kind"]
    metadata = wanted["metadata"]
    key = (metadata.get("namespace", ""), metadata["name"])
    observed = context.world.children[kind].get(key)
    if observed is not None:
        same_hash = (observed["metadata"].get("annotations") or {}).get(HASH) == metadata["annotations"][HASH]
        if same_hash and contains(observed, wanted):
            measures.SKIPPED.inc()
            return False
    why = "missing" if observed is None else "changed"
    applied = await context.client.apply(CHILDREN[kind], wanted, force=True)
    measures.APPLIED.labels(kind, why).inc()
    context.world.children[kind][key] = applied  # read our own write: the watch may lag
    return True
