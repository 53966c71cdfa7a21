"""What every benchmark prints: machine and versions first, figures with their bounds, one JSON line at the end."""

import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROUNDS, TIMES = 1_000_000, 7


def machine(*packages):
    """Print processor, cores, load, memory and versions; and how fast it is now, which an hour later may be half as fast."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "?"
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    python = f"Python {platform.python_version()} ({os.path.realpath(sys.executable)})"
    print(f"{model}, {cores} cores, {memory:.1f} GiB, load {os.getloadavg()[0]:.1f}, {python}")
    loop, start = (statistics.median(once() for _ in range(TIMES)) * 1000 for once in (_empty_loop, _start))
    print(f"a million rounds of an empty Python loop: {loop:.0f} ms; a new process that imports asyncio: {start:.0f} ms")
    print(", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages))


def _empty_loop():
    began = time.perf_counter()
    for _ in range(ROUNDS):
        pass
    return time.perf_counter() - began


def _start():
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import asyncio"], check=True)
    return time.perf_counter() - began


class Figures:
    """Figures and their bounds: at least where `most` is not given."""

    def __init__(self):
        self.found = {}

    def add(self, name, value, *, least=None, most=None, note=""):
        """Keep a figure and print it."""
        ok = (least is None or value >= least) and (most is None or value <= most)
        bound = f">= {least:g}" if least is not None else f"<= {most:g}"
        self.found[name] = {"value": round(value, 4), "bound": bound, "ok": bool(ok)}
        print(f"{'ok  ' if ok else 'MISS'} {name:42} {value:12.4g}   {bound:>10}   {note}", flush=True)

    def end(self):
        """Print the JSON line and leave with 1 where a bound is missed."""
        print(json.dumps(self.found))
        sys.exit(not all(item["ok"] for item in self.found.values()))
