"""What is known of a changing request while it runs, until its audit row is written."""

from dataclasses import dataclass, field
from typing import Any

from tradewind_portal.clock import now_ms
from tradewind_portal.logs import clean


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A row to be; the chain's part is added when it is appended. `diff` is JSON without secrets."""

    at_ms: int
    actor: str
    actor_kind: str
    tenant_uid: str | None
    action: str
    target: str
    outcome: str
    request_id: str
    ip: str
    diff: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Trail:
    """Filled in as the request is understood; `recorded` once a row is durable or in the same transaction."""

    request_id: str = "-"
    ip: str = "-"
    actor: str = ""
    actor_kind: str = "anonymous"
    tenant_uid: str | None = None
    action: str = ""
    target: str = ""
    diff: dict[str, Any] = field(default_factory=dict)
    recorded: bool = False

    def entry(self, action: str, target: str, outcome: str) -> AuditEntry:
        """Return the row for what was done."""
        return AuditEntry(
            at_ms=now_ms(),
            actor=self.actor,
            actor_kind=self.actor_kind,
            tenant_uid=self.tenant_uid,
            action=action,
            target=target,
            outcome=outcome,
            request_id=self.request_id,
            ip=self.ip,
            diff=clean(self.diff),
        )
