"""The DuckDB file: the only package that imports duckdb.

One process owns the file; one writer commits groups; each read has a cursor of its own. A write that returned is durable.
"""

from tradewind_portal.store.connection import Cursor
from tradewind_portal.store.errors import FileTakenError, SchemaMismatchError, StoreBusyError, StoreTimeoutError
from tradewind_portal.store.rows import Row, all_rows, one_row
from tradewind_portal.store.store import Store

__all__ = [
    "Cursor",
    "FileTakenError",
    "Row",
    "SchemaMismatchError",
    "Store",
    "StoreBusyError",
    "StoreTimeoutError",
    "all_rows",
    "one_row",
]
