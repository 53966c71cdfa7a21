"""Why a bot does not trade, where people look: an annotation of its resource, which the operator turns into a condition.

A notice for people, not a fact that anything decides by: it is told again with each heartbeat until it stands there.
"""

import asyncio
import logging

import orjson
from pydantic import ValidationError

from tradewind_api.resources import NOTICE_ANNOTATION
from tradewind_portal.bots.schemas import Notice
from tradewind_portal.cluster.port import Cluster, Kind, Object, uid_of
from tradewind_portal.problems import Problem

log = logging.getLogger("tradewind.portal.notices")
MOST = 900


class Notices:
    """Writes notices beside the answers that they belong to; what fails is tried again with the next heartbeat."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._running: dict[str, asyncio.Task[None]] = {}

    def tell(self, namespace: str, name: str, uid: str, notice: tuple[str, str] | None) -> None:
        """Make (reason, message) stand at a bot, or nothing."""
        item = self._cluster.cached(Kind.TRADING_BOT, name, namespace)
        if item is None or uid_of(item) != uid or uid in self._running:
            return
        wanted = orjson.dumps({"reason": notice[0], "message": notice[1][:MOST]}).decode() if notice else None
        if annotation_of(item) == wanted:
            return
        task = asyncio.create_task(self._write(namespace, name, uid, wanted))
        self._running[uid] = task
        task.add_done_callback(lambda _: self._running.pop(uid, None))

    async def settle(self) -> None:
        """Wait for what is being written."""
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _write(self, namespace: str, name: str, uid: str, wanted: str | None) -> None:
        try:
            await self._cluster.annotate(Kind.TRADING_BOT, name, namespace, {NOTICE_ANNOTATION: wanted}, uid=uid)
        except Problem as problem:
            log.info("a notice could not be written", extra={"fields": {"bot": f"{namespace}/{name}", "why": problem.code}})


def notice_of(item: Object) -> Notice | None:
    """Return the notice that stands at a bot, as far as it is one of ours."""
    try:
        return Notice.model_validate_json(annotation_of(item) or "")
    except ValidationError:
        return None


def annotation_of(item: Object) -> str | None:
    """Return the notice that stands at a bot."""
    found = (item["metadata"].get("annotations") or {}).get(NOTICE_ANNOTATION)
    return str(found) if found is not None else None
