"""The record of an optimisation in a file of this machine: a line that names the search, then blocks, each written at once.

A kill may cut the last block off; it is taken away when the file is opened again. A file of another search is refused, not
overwritten: it may be hours of work.
"""

import fcntl
import os
from pathlib import Path
from typing import IO

from tradewind_cli.output import EXIT_FAILED, EXIT_USAGE, fail
from tradewind_engine.optimise.record import Record
from tradewind_engine.optimise.scratch import read_all, write_all
from tradewind_engine.optimise.space import Space

HEAD = b"tradewind optimisation "


def open_record(path: Path, space: Space, fingerprint: str) -> Record:
    """Return the record in a file, which is made if it is not there; ends the program where the file cannot be used."""
    head = HEAD + fingerprint.encode() + b"\n"
    if path.exists() and not path.is_file():
        fail(f"--resume {path}: this is no file that can be kept; name another one", code=EXIT_USAGE)
    try:
        file = path.open("a+b", buffering=0)  # closed with the process
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        there = read_all(file, 0, len(head))
    except BlockingIOError:
        fail(f"--resume {path}: another process is at work with this file", code=EXIT_USAGE)
    except OSError as exc:
        fail(f"--resume {path}: {exc.strerror}", code=EXIT_USAGE)
    if head.startswith(there) and there != head:  # new, or killed while the first line was written
        file.truncate(0)
        file.write(head)
    elif not there.startswith(HEAD):
        fail(f"--resume {path}: this file is no record of an optimisation; name another one", code=EXIT_USAGE)
    elif there != head:
        fail(
            f"--resume {path}: this is the record of another search (strategy, ranges, candles, costs or folds differ); "
            "name another file, or delete this one",
            code=EXIT_USAGE,
        )
    record = Record(space, store=_Kept(path, file))
    file.truncate(record.find_own(len(head)))
    return record


class _Kept:
    """The file as a store: rows are read from where they are kept."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path, self._file = path, file

    def append(self, data: bytes) -> int:
        """Write at the end; ends the program where that cannot be done."""
        try:
            stands = self._file.seek(0, os.SEEK_END)
            write_all(self._file, data)
        except OSError as exc:
            fail(f"--resume {self._path}: {exc.strerror}; what was written before is kept", code=EXIT_FAILED)
        return stands

    def read(self, offset: int, size: int) -> bytes:
        """Return what stands at `offset`; ends the program where that cannot be read."""
        try:
            return read_all(self._file, offset, size)
        except OSError as exc:
            fail(f"--resume {self._path}: {exc.strerror}", code=EXIT_FAILED)
