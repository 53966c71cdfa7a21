"""Taking a cluster away so that nothing of it is left: processes, mounts, interfaces, control groups, files."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from tradewind_cluster import machine
from tradewind_cluster.layout import MARKER, ClusterError, Layout
from tradewind_cluster.network import remove_network


def marked_processes(layout: Layout) -> list[int]:
    """Return the processes that carry the cluster's marker in their environment, ourselves excepted."""
    wanted = f"{MARKER}={layout.state}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def cgroups(layout: Layout) -> list[Path]:
    """Return the root control group of the pods in each hierarchy."""
    root, name = Path("/sys/fs/cgroup"), layout.cgroup.strip("/")
    return [path for path in (root / name, *root.glob(f"*/{name}")) if path.is_dir()]


def kill_all(layout: Layout) -> None:
    """Kill every process of the cluster, again and again until none is left. Raises ClusterError if some will not die.

    None is left when two looks have found none: a process that is just being started shows no environment for a moment.
    """
    none_before = False
    for _ in range(100):
        pids = set(marked_processes(layout))
        for group in cgroups(layout):
            for file in group.rglob("cgroup.procs"):
                pids.update(int(pid) for pid in _lines(file))
        if not pids and none_before:
            return
        none_before = not pids
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.1)
    raise ClusterError(f"processes {sorted(pids)} do not end: look at them, then run `down` again")


def tear_down(layout: Layout, *, keep: bool) -> None:
    """End the cluster; with `keep` its state (etcd, volumes, images) stays for the next `up`."""
    kill_all(layout)
    if layout.node:
        for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
            place = line.split()[1]
            if place.startswith(f"{layout.state}/"):
                subprocess.run(["umount", "-l", place], check=False)
        remove_network(layout)
        _remove_cgroups(layout)
        machine.put_back()
    if keep and (layout.state / "cluster.json").exists():
        return
    left = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines() if f" {layout.state}/" in line]
    if left:
        raise ClusterError(f"{left[0]} is still mounted, so {layout.state} was not removed: unmount it, then run `down` again")
    shutil.rmtree(layout.state, ignore_errors=True)
    if layout.state.exists():
        raise ClusterError(f"{layout.state} could not be removed")
    with contextlib.suppress(OSError):  # not empty: other clusters live there
        layout.state.parent.rmdir()


def _remove_cgroups(layout: Layout) -> None:
    for _ in range(20):
        for group in cgroups(layout):
            for folder in sorted((path for path in group.rglob("*") if path.is_dir()), key=lambda p: -len(p.parts)):
                _rmdir(folder)
            _rmdir(group)
        if not cgroups(layout):
            return
        time.sleep(0.1)


def _rmdir(path: Path) -> None:
    try:
        path.rmdir()
    except OSError:
        return


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []
