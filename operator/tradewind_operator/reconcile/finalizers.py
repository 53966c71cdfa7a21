"""Our finalizer on objects of ours: written beside those of others, and only on what was read."""

from tradewind_api.resources import SHUTDOWN_FINALIZER
from tradewind_operator.desired.names import Object
from tradewind_operator.reconcile.context import Context
from tradewind_operator.world import OURS


def is_held(item: Object) -> bool:
    """Return whether an object carries our finalizer."""
    return SHUTDOWN_FINALIZER in (item["metadata"].get("finalizers") or [])


async def hold(context: Context, plural: str, item: Object) -> Object:
    """Return the object with our finalizer. Raises ConflictError if it was changed meanwhile."""
    if is_held(item):
        return item
    return await _write(context, plural, item, [*(item["metadata"].get("finalizers") or []), SHUTDOWN_FINALIZER])


async def let_go(context: Context, plural: str, item: Object) -> None:
    """Take our finalizer away, as `hold` writes it. Raises NotFoundError for what is gone already."""
    await _write(context, plural, item, [name for name in item["metadata"]["finalizers"] if name != SHUTDOWN_FINALIZER])


async def _write(context: Context, plural: str, item: Object, finalizers: list[str]) -> Object:
    metadata, namespace = item["metadata"], item["metadata"].get("namespace", "")
    body = {"metadata": {"finalizers": finalizers, "resourceVersion": metadata["resourceVersion"]}}
    written = await context.client.merge(OURS[plural], metadata["name"], body, namespace)
    fresh = {**item, "metadata": written["metadata"]}
    if (namespace, metadata["name"]) in context.world.ours[plural]:
        context.world.ours[plural][namespace, metadata["name"]] = fresh
    return fresh
