"""The one connection to the database file: locked, locked down, and dead in a forked child.

Everything DuckDB can do with files, networks and extensions is switched off before the first statement of ours; settings
cannot be changed afterwards. A fork would write to the same file unseen (half the rows are then lost without an error), so a
child of a fork ends at once. Programs started with exec are not affected.
"""

import os
import sys
import weakref
from pathlib import Path
from typing import TypeAlias

import duckdb

from tradewind_portal.store.filelock import take_lock

Cursor: TypeAlias = duckdb.DuckDBPyConnection
EXIT_FORKED = 71
# The file stays readable by the release before, so that an upgrade can be taken back.
STORAGE_VERSION = "v1.5.0"
# What the log has and the file has not is held in memory: with the default of 16 MiB that is 17 MiB of events.
CHECKPOINT_AT = "4MiB"

_open: "weakref.WeakSet[Connection]" = weakref.WeakSet()


class Connection:
    """The open file `path`. Takes the side lock first; `close` checkpoints and gives it back."""

    def __init__(self, path: Path, *, memory_mib: int, threads: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._lock = take_lock(path.with_name(path.name + ".lock"))
        self._connection = duckdb.connect(
            str(path),
            config={
                "storage_compatibility_version": STORAGE_VERSION,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "allow_community_extensions": False,
                "python_enable_replacements": False,
                "memory_limit": f"{memory_mib}MiB",
                "threads": threads,
                "checkpoint_threshold": CHECKPOINT_AT,
                # Who freed what a query or checkpoint took may sleep for hours, and would keep it: 34 MiB once four readers
                # have sorted. A thread of the allocator's gives it back.
                "allocator_background_threads": True,
            },
        )
        self._lock_down(path.parent / "spill")
        _open.add(self)

    def _lock_down(self, spill: Path) -> None:
        for name, value in (
            ("temp_directory", f"'{spill}'".replace("\\", "")),
            ("max_temp_directory_size", "'1GiB'"),
            ("enable_external_access", "false"),
            ("lock_configuration", "true"),
        ):
            self._connection.execute(f"SET {name} = {value}")

    def cursor(self) -> Cursor:
        """Return a cursor that no other thread may use."""
        return self._connection.cursor()

    def close(self) -> None:
        """Write the log into the file and let go of both."""
        self._connection.execute("CHECKPOINT")
        self._connection.close()
        _open.discard(self)
        os.close(self._lock)


def _end_forked_child() -> None:
    if len(_open):
        sys.stderr.write("a process that owns a database was forked: the child ends here\n")
        os._exit(EXIT_FORKED)


os.register_at_fork(after_in_child=_end_forked_child)
