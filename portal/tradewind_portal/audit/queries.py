"""The audit table. Rows are only ever added; each holds the hash of the one before."""

import hashlib
from dataclasses import asdict
from typing import Any

from tradewind_api.document.digest import canonical_json
from tradewind_portal import measures
from tradewind_portal.audit.trail import AuditEntry
from tradewind_portal.store import Cursor, Row, all_rows, one_row

GENESIS = "0" * 64
INSERT = "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def append(cursor: Cursor, entry: AuditEntry) -> None:
    """Add a row to the chain, within the transaction of what it tells of."""
    last = one_row(cursor, "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
    seq, previous = (last["seq"] + 1, last["hash"]) if last else (1, GENESIS)
    values = asdict(entry)
    values["diff"] = canonical_json(values["diff"]).decode()
    cursor.execute(INSERT, [seq, *values.values(), previous, row_hash(seq, values, previous)])
    measures.AUDIT_RECORDS.labels(entry.outcome if entry.outcome in {"Succeeded", "Observed"} else "Refused").inc()


def row_hash(seq: int, values: dict[str, Any], previous: str) -> str:
    """Return the sha256 over a row's canonical JSON and the hash before it."""
    return hashlib.sha256(canonical_json({"seq": seq, "previous": previous, **values})).hexdigest()


def page(cursor: Cursor, *, tenant_uid: str | None, before: int | None, limit: int) -> list[Row]:
    """Return rows, newest first, of one tenant or (None) of all; `before` is the seq to go on from."""
    return all_rows(
        cursor,
        "SELECT * FROM audit WHERE (?::VARCHAR IS NULL OR tenant_uid = ?) AND (?::BIGINT IS NULL OR seq < ?)"
        " ORDER BY seq DESC LIMIT ?",
        [tenant_uid, tenant_uid, before, before, limit],
    )


def first_break(cursor: Cursor) -> int | None:
    """Return the seq of the first row that does not follow from the one before, None if the chain holds."""
    previous, expected = GENESIS, 1
    for row in all_rows(cursor, "SELECT * FROM audit ORDER BY seq"):
        seq, found_previous, found = row.pop("seq"), row.pop("previous_hash"), row.pop("hash")
        if seq != expected or found_previous != previous or found != row_hash(seq, row, previous):
            return int(expected)
        previous, expected = found, expected + 1
    return None
