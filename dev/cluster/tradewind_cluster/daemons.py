"""Daemons that outlive whoever started them: pid and start time on disk, so that the next supervisor adopts them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tradewind_cluster.layout import MARKER, ClusterError, Layout

BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)
LOG_BYTES = 20_000_000


def start_ticks(pid: int) -> int | None:
    """Return when `pid` started, in ticks since boot, so that it is never mistaken for a later one; None if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return None
    return None if fields[0] in {"Z", "X"} else int(fields[19])


def trim_logs(folder: Path, limit: int = LOG_BYTES) -> None:
    """Move what a log over `limit` bytes holds to a file beside it; its daemon appends, and so writes on at the beginning."""
    for log in folder.glob("*.log"):
        if log.stat().st_size > limit:
            shutil.copyfile(log, log.with_suffix(".old"))
            os.truncate(log, 0)


@dataclass(slots=True)
class Daemon:
    """One process that should run. `ensure` starts it where it does not."""

    name: str
    command: list[str]
    layout: Layout
    failures: int = 0
    not_before: float = 0.0
    child: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def record(self) -> Path:
        """The file that names the running process."""
        return self.layout.state / "run" / f"{self.name}.json"

    def pid(self) -> int | None:
        """Return the running process, also one that an earlier supervisor started."""
        if self.child is not None and self.child.poll() is not None:
            self.child = None
        known = self._known()
        return known["pid"] if known and start_ticks(known["pid"]) == known["ticks"] else None

    def adopt(self) -> None:
        """Keep the running process if it was started with our command; end it where the command has changed since."""
        known = self._known()
        if known and known.get("command") != self._comparable():
            self.kill()

    def ensure(self) -> bool:
        """Start the daemon unless it runs or failed a moment ago; return whether it was started."""
        if self.pid() is not None:
            if time.monotonic() - self.not_before > 60:
                self.failures = 0
            return False
        if time.monotonic() < self.not_before:
            return False
        self.not_before = time.monotonic() + BACKOFF_S[min(self.failures, len(BACKOFF_S) - 1)]
        self.failures += 1
        self._start()
        return True

    def kill(self) -> None:
        """End the daemon at once: all of ours survive that. Raises ClusterError if it does not end.

        A supervisor may have put another in its place before we look again, so it is this process that must be gone.
        """
        pid = self.pid()
        if pid is None:
            return
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while self.pid() == pid:
            if time.monotonic() > deadline:
                raise ClusterError(f"{self.name} (process {pid}) does not end: look at it, then run `up` again")
            time.sleep(0.02)

    def _comparable(self) -> list[str]:
        """Return the command without the interpreter's path: another virtual environment is no reason to start anew."""
        return ["python" if word == sys.executable else word for word in self.command]

    def _known(self) -> dict[str, Any] | None:
        try:
            known: dict[str, Any] = json.loads(self.record.read_text())
        except (OSError, ValueError):
            return None
        return known

    def _start(self) -> None:
        with (self.layout.state / "log" / f"{self.name}.log").open("ab") as output:
            self.child = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd=self.layout.state,
                env=os.environ | {MARKER: str(self.layout.state)},
            )
        half = self.record.with_suffix(".new")
        half.write_text(
            json.dumps({"pid": self.child.pid, "ticks": start_ticks(self.child.pid), "command": self._comparable()})
        )
        half.replace(self.record)
