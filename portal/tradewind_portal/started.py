"""Once the portal has started, it lets go of the code that only its start ran, and no longer looks for garbage in what it made.

DuckDB registers thousands of functions when it opens a file, which maps half of its 65 MB of code for good. Let go, a page that
is needed comes back from the kernel's cache without a read; the others no longer count as this process's, and a node that is
short of memory gives them up before others. Only code that nobody has written to is let go of, so nothing can be lost. Linux
only; where it cannot be done, nothing happens.

A look for garbage through the 120,000 objects of a started portal takes 80 ms of the loop that serves everybody, and whoever
sends large bodies brings one about with every few of them.
"""

import ctypes
import gc
import re
from pathlib import Path

DONT_NEED = 4  # MADV_DONTNEED of Linux
SMAPS = Path("/proc/self/smaps")
MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) r-xp \S+ \S+ \d+ +/.*\.so")


def let_go_of_start() -> int:
    """Return of how many bytes of the libraries' code this process has let go."""
    try:
        madvise = ctypes.CDLL(None).madvise
        found = code_ranges(SMAPS.read_text())
    except (OSError, AttributeError):
        return 0
    return sum(
        size for start, size in found if madvise(ctypes.c_void_p(start), ctypes.c_size_t(size), ctypes.c_int(DONT_NEED)) == 0
    )


def keep_start() -> None:
    """Count what is there as there for good."""
    gc.collect()
    gc.freeze()


def code_ranges(smaps: str) -> list[tuple[int, int]]:
    """Return start and size of each library's code in what `/proc/PID/smaps` says, but for what was written to."""
    found: list[tuple[int, int]] = []
    start = end = 0
    for line in smaps.splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            code = MAPPING.match(line)
            start, end = (int(part, 16) for part in code.groups()) if code else (0, 0)
        elif line.startswith("Anonymous:") and end and line.split()[1] == "0":
            found.append((start, end - start))
    return found
