"""One object as it should be: applied when it is missing, when what should be has changed, or when somebody changed it."""

import hashlib
import logging
from typing import Any

import orjson

from tradewind_kube.errors import NotFoundError
from tradewind_operator import measures
from tradewind_operator.desired.names import Object
from tradewind_operator.reconcile.context import Context
from tradewind_operator.world import CHILDREN, OURS

log = logging.getLogger("tradewind.operator")
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


def named(metadata: Object) -> str:
    """Return what a log calls an object: namespace and name, or the name of one that lies in no namespace."""
    return "/".join(part for part in (metadata.get("namespace"), metadata["name"]) if part)


async def ensure_owned(context: Context, plural: str, owner: Object, objects: list[Object]) -> None:
    """Bring about the objects of one of ours. Raises NotFoundError, before it makes any, if the owner is gone or goes.

    Kinds are watched apart and keep no order: that a child went with its owner may be told before the owner's end is. So what
    is missing is made only for an owner that the API server has now, else a deleted bot would get a pod once more.
    """
    if any(_observed(context, desired) is None for desired in objects):
        metadata = owner["metadata"]
        now = (await context.client.get(OURS[plural], metadata["name"], metadata.get("namespace", "")))["metadata"]
        if now["uid"] != metadata["uid"] or "deletionTimestamp" in now:
            raise NotFoundError(f"{plural} {named(metadata)} is gone")
    for desired in objects:
        await ensure(context, desired)


async def ensure(context: Context, desired: Object) -> None:
    """Apply an object unless it is as it should be. Raises the errors of tradewind_kube."""
    wanted, kind = with_hash(desired), desired["kind"]
    metadata = wanted["metadata"]
    observed = _observed(context, desired)
    if observed is not None:
        same_hash = (observed["metadata"].get("annotations") or {}).get(HASH) == metadata["annotations"][HASH]
        if same_hash and contains(observed, wanted):
            measures.SKIPPED.inc()
            return
    why = "missing" if observed is None else "changed"
    applied = await context.client.apply(CHILDREN[kind], wanted, force=True)
    measures.APPLIED.labels(kind, why).inc()
    log.info("%s %s: %s", kind, named(metadata), "made" if observed is None else "changed, it was not as it should be")
    context.world.children[kind][_key(desired)] = applied  # read our own write: the watch may lag


def _key(desired: Object) -> tuple[str, str]:
    return desired["metadata"].get("namespace", ""), desired["metadata"]["name"]


def _observed(context: Context, desired: Object) -> Object | None:
    return context.world.children[desired["kind"]].get(_key(desired))
