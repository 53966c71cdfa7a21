"""Changes that did not come through the portal: somebody used kubectl, or a GitOps tool.

The watch tells that a spec changed; the newest field manager is the actor. What changed while the portal was away is found by
comparing generations after the first list. Our own writes and the operator's are not told again.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

from tradewind_api.resources import FORCE_DELETE_ANNOTATION
from tradewind_kube.reflector import Key
from tradewind_portal.audit.queries import append
from tradewind_portal.audit.trail import AuditEntry
from tradewind_portal.clock import now_ms
from tradewind_portal.cluster.live import FIELD_MANAGER, OWNS_SPEC
from tradewind_portal.cluster.port import Cluster, Kind, Object, uid_of
from tradewind_portal.store import Cursor, Store, all_rows

log = logging.getLogger("tradewind.portal.audit")
OURS = {FIELD_MANAGER, "tradewind-operator"}


@dataclass(frozen=True, slots=True)
class Seen:
    """The last state of an object that the log knows."""

    uid: str
    kind: str
    namespace: str
    name: str
    tenant_uid: str | None
    generation: int


class ClusterAudit:
    """Turns watch events into audit rows, in order."""

    def __init__(self, store: Store, cluster: Cluster) -> None:
        self._store = store
        self._cluster = cluster
        self._changes: asyncio.Queue[tuple[Kind, Key, Object | None]] = asyncio.Queue()
        self._seen: dict[tuple[str, Key], Seen] = {}
        self._forced: set[str] = set()

    def changed(self, kind: Kind, key: Key, item: Object | None) -> None:
        """Take note of one watch event."""
        self._changes.put_nowait((kind, key, item))

    async def run(self) -> None:
        """Write rows for ever."""
        rows = await self._store.read(lambda cursor: all_rows(cursor, "SELECT * FROM observed"))
        for row in rows:
            seen = Seen(**row)
            self._seen[seen.kind, (seen.namespace, seen.name)] = seen
        while True:
            kind, key, item = await self._changes.get()
            await self._handle(kind, key, item)

    async def forget_missing(self) -> None:
        """Tell of objects that vanished while nobody watched; to be called once every kind was listed."""
        for kind in Kind:
            there = {
                (item["metadata"].get("namespace", ""), item["metadata"]["name"]) for item in self._cluster.cached_all(kind)
            }
            for name, key in list(self._seen):
                if name == kind.kind and key not in there:
                    self.changed(kind, key, None)

    async def _handle(self, kind: Kind, key: Key, item: Object | None) -> None:
        before = self._seen.get((kind.kind, key))
        if item is None:
            if before is not None:
                del self._seen[kind.kind, key]
                self._forced.discard(before.uid)
                await self._store.write(lambda cursor: _gone(cursor, before))
            return
        metadata = item["metadata"]
        if "deletionTimestamp" in metadata and before is not None:  # it goes: the spec is no news any more, a forced end is
            await self._note_force(before, item)
            return
        if before is not None and before.uid == metadata["uid"] and before.generation == metadata["generation"]:
            return
        now = Seen(uid_of(item), kind.kind, key[0], key[1], self._tenant_of(kind, item), metadata["generation"])
        self._seen[kind.kind, key] = now
        manager = last_manager(item)
        action = "changed" if before is not None and before.uid == now.uid else "created"
        entry = None if manager in OURS else _entry(now, manager, action, {"generation": now.generation})
        await self._store.write(lambda cursor: _note(cursor, now, entry))

    async def _note_force(self, seen: Seen, item: Object) -> None:
        reason = (item["metadata"].get("annotations") or {}).get(FORCE_DELETE_ANNOTATION, "").strip()
        if not reason or seen.uid in self._forced:
            return
        self._forced.add(seen.uid)
        entry = _entry(seen, "unknown", "force-deleted", {"reason": reason[:200]})
        await self._store.write(lambda cursor: append(cursor, entry))

    def _tenant_of(self, kind: Kind, item: Object) -> str | None:
        if kind is Kind.TENANT:
            return uid_of(item)
        namespace = item["metadata"].get("namespace")
        for tenant in self._cluster.cached_all(Kind.TENANT):
            if namespace and tenant.get("status", {}).get("namespace") == namespace:
                return uid_of(tenant)
        return None


def last_manager(item: Object) -> str:
    """Return the field manager that last wrote the spec. Finalizers and notices are written by ourselves, and are no change."""
    entries: list[dict[str, Any]] = [
        entry
        for entry in item["metadata"].get("managedFields", [])
        if not entry.get("subresource") and entry.get(OWNS_SPEC, True)
    ]
    newest = max(entries, key=lambda entry: str(entry.get("time", "")), default=None)
    return str(newest["manager"]) if newest else "unknown"


def _entry(seen: Seen, actor: str, action: str, diff: dict[str, Any]) -> AuditEntry:
    place = f"{seen.namespace}/{seen.name}" if seen.namespace else seen.name
    return AuditEntry(
        at_ms=now_ms(),
        actor=actor,
        actor_kind="kubernetes",
        tenant_uid=seen.tenant_uid,
        action=f"{seen.kind}.{action}",
        target=place,
        outcome="Observed",
        request_id="-",
        ip="-",
        diff=diff,
    )


def _note(cursor: Cursor, seen: Seen, entry: AuditEntry | None) -> None:
    cursor.execute(
        "INSERT INTO observed VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (uid) DO UPDATE SET generation = excluded.generation",
        [seen.uid, seen.kind, seen.namespace, seen.name, seen.tenant_uid, seen.generation],
    )
    if entry is not None:
        append(cursor, entry)


def _gone(cursor: Cursor, seen: Seen) -> None:
    cursor.execute("DELETE FROM observed WHERE uid = ?", [seen.uid])
    append(cursor, _entry(seen, "unknown", "deleted", {"generation": seen.generation}))
