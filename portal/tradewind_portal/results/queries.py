"""The results table."""

from dataclasses import dataclass

from tradewind_portal.store import Cursor, all_rows, one_row


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A report; `report` is JSON text, and `sha256` of its UTF-8 bytes."""

    backtest_uid: str
    tenant_uid: str
    name: str
    report_digest: str
    sha256: str
    report: str
    stored_ms: int


def by_uid(cursor: Cursor, backtest_uid: str) -> StoredReport | None:
    """Return the report of one backtest."""
    row = one_row(cursor, "SELECT * FROM results WHERE backtest_uid = ?", [backtest_uid])
    return StoredReport(**row) if row else None


def newest_named(cursor: Cursor, tenant_uid: str, name: str) -> StoredReport | None:
    """Return the newest report under this name, also of a backtest that is gone."""
    sql = "SELECT * FROM results WHERE tenant_uid = ? AND name = ? ORDER BY stored_ms DESC LIMIT 1"
    row = one_row(cursor, sql, [tenant_uid, name])
    return StoredReport(**row) if row else None


def stored_of(cursor: Cursor, backtest_uids: list[str]) -> set[str]:
    """Return those of the backtests that have a report."""
    rows = all_rows(cursor, "SELECT backtest_uid FROM results WHERE backtest_uid IN (SELECT unnest(?))", [backtest_uids])
    return {row["backtest_uid"] for row in rows}


def insert(cursor: Cursor, report: StoredReport) -> None:
    """Store a report."""
    cursor.execute(
        "INSERT INTO results VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            report.backtest_uid,
            report.tenant_uid,
            report.name,
            report.report_digest,
            report.sha256,
            report.report,
            report.stored_ms,
        ],
    )
