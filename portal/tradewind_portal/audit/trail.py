"""What is known of a changing request while it runs, until its audit row is written."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tradewind_api.document.digest import canonical_json
from tradewind_portal.clock import now_ms
from tradewind_portal.logs import clean

SUCCEEDED = "Succeeded"
MOST_REFUSED, MOST_PARTS = 400, 60  # characters, and values that are looked at for them


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
            diff=clean(self.diff) if outcome == SUCCEEDED else refused(self.diff),
        )


def refused(diff: dict[str, Any]) -> dict[str, Any]:
    """Return what is kept of a change that was not made: all of a small one, of a large one its beginning and its digest.

    The rows stay for ever, and anybody with an account can have a body refused as often as the rate allows.
    """
    try:
        text = _json(diff)
    except RecursionError:
        text = _json(clean(diff))
    if len(text) <= MOST_REFUSED:
        return dict(clean(diff))
    start = canonical_json(clean(_beginning(diff, iter(range(MOST_PARTS, 0, -1))))).decode()
    return {
        "start": start[:MOST_REFUSED],
        "characters": len(text),
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)


def _beginning(value: Any, left: Iterator[int]) -> Any:
    """Return a value with its first parts only, as many as `left` has."""
    match value:
        case dict():
            return {key: _beginning(item, left) for key, item in value.items() if next(left, 0)}
        case list():
            return [_beginning(item, left) for item in value if next(left, 0)]
        case _:
            return value
