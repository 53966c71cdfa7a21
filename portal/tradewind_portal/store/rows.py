"""Rows by column name."""

from typing import Any, TypeAlias

from tradewind_portal.store.connection import Cursor

Row: TypeAlias = dict[str, Any]


def all_rows(cursor: Cursor, sql: str, parameters: list[Any] | None = None) -> list[Row]:
    """Return every row of the query as {column: value}. Values go into `parameters`, never into `sql`."""
    cursor.execute(sql, parameters or [])
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]


def one_row(cursor: Cursor, sql: str, parameters: list[Any] | None = None) -> Row | None:
    """Return the first row of the query, None if there is none."""
    rows = all_rows(cursor, sql, parameters)
    return rows[0] if rows else None
