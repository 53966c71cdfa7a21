"""Daemons outlive who started them, are adopted, and are started again when they end."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tradewind_cluster import teardown
from tradewind_cluster.daemons import Daemon, start_ticks, trim_logs
from tradewind_cluster.layout import layout

Make = Callable[[list[str]], Daemon]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Daemons named `sleeper` of one cluster; they are killed and reaped at the end."""
    for folder in ("run", "log"):
        (tmp_path / folder).mkdir()
    where, made = layout("unit", node=False, state=tmp_path), []

    def daemon(command: list[str]) -> Daemon:
        made.append(Daemon("sleeper", command, where))
        return made[-1]

    yield daemon
    teardown.kill_all(where)
    for one in made:
        if one.child is not None:
            one.child.wait()


def until(test: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not test():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)


def test_a_killed_daemon_is_started_again(make: Make) -> None:
    """`ensure` starts what does not run, after a pause that grows."""
    daemon = make(["sleep", "1000"])
    assert daemon.ensure()
    first = daemon.pid()
    assert first is not None
    assert not daemon.ensure()
    os.kill(first, signal.SIGKILL)
    until(lambda: daemon.pid() is None)
    until(daemon.ensure)
    assert daemon.pid() not in {None, first}


def test_the_next_supervisor_adopts_what_runs(make: Make) -> None:
    """Another process, here another object, finds the daemon by pid and start time."""
    first = make(["sleep", "1000"])
    first.ensure()
    second = make(["sleep", "1000"])
    second.adopt()
    assert first.pid() == second.pid() is not None
    assert not second.ensure()


def test_a_daemon_that_its_supervisor_starts_again_at_once_counts_as_ended(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who ends a daemon of a running supervisor need not see the moment in which none runs."""
    supervisor, other = make(["sleep", "1000"]), make([])
    supervisor.ensure()
    first, kill = supervisor.pid(), os.kill

    def kill_and_start_again(pid: int, number: int) -> None:
        kill(pid, number)
        until(supervisor.ensure)

    monkeypatch.setattr(os, "kill", kill_and_start_again)
    other.kill()
    assert supervisor.pid() not in {None, first}


def test_a_changed_command_ends_the_old_daemon(make: Make) -> None:
    """After an upgrade the daemons run with the new command line."""
    first = make(["sleep", "1000"])
    first.ensure()
    old = first.pid()
    second = make(["sleep", "1001"])
    second.adopt()
    assert second.pid() is None
    assert second.ensure()
    assert old != second.pid()


def test_a_reused_pid_is_not_mistaken_for_the_daemon(make: Make) -> None:
    """The start time on disk belongs to another process."""
    daemon = make(["sleep", "1000"])
    daemon.record.write_text(f'{{"pid": {os.getpid()}, "ticks": {(start_ticks(os.getpid()) or 0) - 1}, "command": []}}')
    assert daemon.pid() is None


def test_a_half_written_record_is_no_daemon(make: Make) -> None:
    """A kill in the middle of a write is survived."""
    daemon = make(["sleep", "1000"])
    daemon.record.write_text('{"pid": 1')
    assert daemon.pid() is None


def test_a_long_log_is_cut_while_its_daemon_writes_on(tmp_path: Path) -> None:
    """What was written stays beside it once; nothing fills the disk."""
    log = tmp_path / "etcd.log"
    with log.open("ab", buffering=0) as output:
        output.write(b"x" * 11)
        trim_logs(tmp_path, 10)
        output.write(b"more")
    assert (b"more", b"x" * 11) == (log.read_bytes(), (tmp_path / "etcd.old").read_bytes())
