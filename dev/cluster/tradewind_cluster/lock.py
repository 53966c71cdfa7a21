"""One `up` or `down` of a cluster at a time; a killed one holds nothing."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold the folder itself, making it where it is missing; waits for whoever holds it, who may remove it meanwhile."""
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue  # removed since the line before
        except FileExistsError:
            if folder.is_file() or folder.is_symlink():
                raise  # a file, or a link that leads nowhere
            continue  # it was there for mkdir, and was removed before mkdir had looked what it is
        fcntl.flock(handle, fcntl.LOCK_EX)
        if _is(handle, folder):
            break
        os.close(handle)
    try:
        yield
    finally:
        os.close(handle)


def _is(handle: int, folder: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), folder.stat())
    except FileNotFoundError:
        return False
