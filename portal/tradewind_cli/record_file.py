"""The record of an optimisation in a file of this machine: a line that names the search, then blocks, each written at once.

A kill may cut the last block off; it is taken away when the file is opened again. A file of another search is refused, not
overwritten: it may be hours of work.
"""

import fcntl
from pathlib import Path

from tradewind_cli.output import EXIT_FAILED, EXIT_USAGE, fail
from tradewind_engine.optimise.record import Record
from tradewind_engine.optimise.space import Space

HEAD = b"tradewind optimisation "


def open_record(path: Path, space: Space, fingerprint: str) -> Record:
    """Return the record in a file, which is made if it is not there; ends the program where the file cannot be used."""
    head = HEAD + fingerprint.encode() + b"\n"
    try:
        file = path.open("a+b", buffering=0)  # closed with the process
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.seek(0)
        there = file.read()
    except BlockingIOError:
        fail(f"--resume {path}: another process is at work with this file", code=EXIT_USAGE)
    except OSError as exc:
        fail(f"--resume {path}: {exc.strerror}", code=EXIT_USAGE)
    if head.startswith(there):  # new, or killed while the first line was written
        file.truncate(0)
        file.write(head)
        there = head
    elif not there.startswith(HEAD):
        fail(f"--resume {path}: this file is no record of an optimisation; name another one", code=EXIT_USAGE)
    elif not there.startswith(head):
        fail(
            f"--resume {path}: this is the record of another search (strategy, ranges, candles, costs or folds differ); "
            "name another file, or delete this one",
            code=EXIT_USAGE,
        )

    def write(block: bytes) -> None:
        try:
            file.write(block)
        except OSError as exc:
            fail(f"--resume {path}: {exc.strerror}; what was written before is kept", code=EXIT_FAILED)

    record = Record(space, write)
    file.truncate(len(head) + record.load(there[len(head) :]))
    return record
