"""The audit row of each changing request, written before its answer leaves.

A handler that changes the database writes its row in the same transaction (trail.recorded); for all others, refused
ones of known people included, it is written here. If it cannot be written, the answer is an error.
"""

from starlette.types import Scope

from tradewind_portal.audit.queries import append
from tradewind_portal.audit.trail import SUCCEEDED, Trail
from tradewind_portal.store import Store

SAFE = {"GET", "HEAD", "OPTIONS"}


class AuditGate:
    """Called by the edge just before an answer begins."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def __call__(self, scope: Scope, status: int) -> None:
        """Write the row of a changing request if nobody has."""
        trail: Trail | None = scope["state"].get("trail")
        if scope["method"] in SAFE or trail is None or trail.recorded or not trail.actor or status == 429:
            return
        trail.recorded = True
        route = scope.get("route")
        action = trail.action or str(getattr(route, "name", "unknown"))
        outcome = SUCCEEDED if status < 400 else str(scope["state"].get("problem") or status)
        entry = trail.entry(action, trail.target or scope["path"][:200], outcome)
        await self._store.write(lambda cursor: append(cursor, entry))
