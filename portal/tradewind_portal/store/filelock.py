"""An exclusive lock beside the database file, held for life.

DuckDB's own lock is a POSIX record lock: it is gone as soon as anything in the process closes any descriptor of the file.
flock on a file that nobody else touches has no such hole, and the kernel releases it when the process dies.
"""

import fcntl
import os
from pathlib import Path

from tradewind_portal.store.errors import FileTakenError


def take_lock(path: Path) -> int:
    """Return the descriptor of the locked file `path`; closing it releases the lock.

    Raises:
        FileTakenError: If another process holds it; the message names that process.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise FileTakenError(f"{path} is locked by process {owner}: one portal owns one data folder") from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor
