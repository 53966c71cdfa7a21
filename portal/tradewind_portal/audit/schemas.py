"""Messages about the audit log."""

from typing import Any

import orjson

from tradewind_api.contract import Contract
from tradewind_api.ledger import Milliseconds
from tradewind_portal.store import Row


class AuditRow(Contract):
    """One change, or an attempt at one. `hash` covers the row and the hash before it."""

    seq: int
    at_ms: Milliseconds
    actor: str
    actor_kind: str
    tenant_uid: str | None
    action: str
    target: str
    outcome: str
    request_id: str
    ip: str
    diff: dict[str, Any]
    previous_hash: str
    hash: str


def audit_row(row: Row) -> AuditRow:
    """Return a row of the table."""
    return AuditRow(**{**row, "diff": orjson.loads(row["diff"])})
