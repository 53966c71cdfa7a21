"""`python tests/simulation/run.py --seed 7 --hours 4`: live through one seed again, as the tests do.

`--shrink` looks for fewer faults that fail too. `make soak` runs many seeds, and kills of real processes beside them, and keeps
in a file what is done, so that it may be ended at any time (SIGTERM, Ctrl-C) and goes on where it was.

A seed that fails stops nothing: its traceback and the command that repeats it are printed, and the next one begins. The exit
code at the end is 1 then, or where a bound is missed, 2 if it was ended early, else 0. What failed is done again next time.
"""

import argparse
import contextlib
import itertools
import json
import multiprocessing
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "bench")]

from chaos import smallest  # noqa: E402 - found by the path above
from promises import LOST, ORPHAN, TWICE, BrokenPromiseError  # noqa: E402 - found by the path above
from report import Figures, machine  # noqa: E402 - found by the path above
from world import World  # noqa: E402 - found by the path above

FAULTS_PER_HOUR, KILLS_AT_ONCE, LOOK_S, SHORTEST = 50, 30, 0.5, 0.1
UNFINISHED, NONE = 2, "''"  # as a shell writes that nothing is named


class End:
    """Whether we were told to end. A flag and no exception, so that nothing is left half done."""

    told = False

    @classmethod
    def tell(cls, *_: object) -> None:
        """Take a signal."""
        cls.told = True


class EndedError(Exception):
    """We were told to end in the middle of something that is not worth waiting for."""


def main() -> int:
    """Run one seed, or many. Return 1 where something failed or a bound is missed, 2 where there is more to do."""
    options = _options()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, End.tell)
    todo = [("processes", batch) for batch in range(-(-options.processes // KILLS_AT_ONCE))]
    todo += [("seed", seed) for seed in range(options.seed, options.seed + options.seeds)]
    done = {} if options.resume is None else _done(options.resume, options.hours)
    left = [item for item in todo if item not in done or done[item]["failure"]]
    began = last = time.monotonic()
    for record in _records(left, options):
        done[record["kind"], record["number"]] = record
        if options.resume is not None:
            _keep(options.resume, record)
        if record["failure"]:
            print(f"{record['failure']}\n{record['kind']} {record['number']} failed: {record['command']}", flush=True)
            if options.shrink and record["kind"] == "seed":
                with contextlib.suppress(EndedError):
                    fewer = shrink(record["number"], options.hours, record["fired"])
                    print("the same with fewer faults:", fewer, flush=True)
        if time.monotonic() - last > 60:
            last = time.monotonic()
            print(_so_far([done[item] for item in todo if item in done], options), flush=True)
    found = [done[item] for item in todo if item in done]
    print(f"{_so_far(found, options)}, {time.monotonic() - began:.1f} s")
    if options.resume is None:
        return int(any(record["failure"] for record in found))
    return _report(found, whole=len(found) == len(todo), options=options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1, help="how many, from --seed on")
    parser.add_argument("--hours", type=float, default=4.0, help="of the bot's life, each seed")
    parser.add_argument("--only", default=None, help="names of faults, comma-separated: these and no others happen")
    parser.add_argument("--shrink", action="store_true", help="look for fewer faults that fail too")
    parser.add_argument("--processes", type=int, default=0, help="kill -9 of real processes against the simulated exchange")
    parser.add_argument("--jobs", type=int, default=1, help="seeds at once")
    parser.add_argument("--minutes", type=float, default=None, help="begin nothing new after so long")
    parser.add_argument("--resume", type=Path, default=None, help="file of what is done: not done again unless it failed")
    return parser.parse_args()


def _done(file: Path, hours: float) -> dict[tuple[str, int], dict]:
    found = {}
    for line in file.read_text().splitlines() if file.exists() else []:
        with contextlib.suppress(json.JSONDecodeError):  # a run that was killed has left half a line
            record = json.loads(line)
            if record["hours"] in {0, hours}:
                found[record["kind"], record["number"]] = record
    return found


def _keep(file: Path, record: dict) -> None:
    """Add a line; one that was begun and not ended by a run that was killed is ended first."""
    line = json.dumps({key: value for key, value in record.items() if key != "fired"}) + "\n"
    with file.open("a+b") as kept:
        kept.seek(max(0, kept.tell() - 1))
        kept.write((b"" if kept.read(1) in {b"", b"\n"} else b"\n") + line.encode())


def _records(left: list[tuple[str, int]], options: argparse.Namespace) -> Iterator[dict]:
    """Yield what came of each, in the order in which they end."""
    only = None if options.only is None else [name for name in options.only.split(",") if name]
    until = float("inf") if options.minutes is None else time.monotonic() + options.minutes * 60
    known, waiting = _commit(), iter(left)
    running: set[Future[dict]] = set()
    with ProcessPoolExecutor(options.jobs, multiprocessing.get_context("spawn"), _heed_end) as pool:
        while True:
            if End.told:  # what comes of a signal that went to all of us is no result
                pool.shutdown(wait=False, cancel_futures=True)
                for worker in multiprocessing.active_children():
                    worker.terminate()
                return
            if time.monotonic() < until:
                for kind, number in itertools.islice(waiting, options.jobs - len(running)):
                    if kind == "seed":
                        running.add(pool.submit(live, number, options.hours, only))
                    else:
                        kills = min(KILLS_AT_ONCE, options.processes - number * KILLS_AT_ONCE)
                        running.add(pool.submit(kill_processes, number, options.seed + number, kills))
            if not running:
                return
            ended, running = wait(running, LOOK_S, return_when=FIRST_COMPLETED)
            for future in () if End.told else ended:
                yield future.result() | {"commit": known}


def _heed_end() -> None:
    """Have a worker end by SIGTERM with all that it has begun, and leave Ctrl-C to whoever started it."""

    def end(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once: it is not to interrupt the tidying up
        sys.exit()

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, end)


def live(seed: int, hours: float, only: list[str] | None) -> dict:
    """Live through one seed."""
    world, began = World(seed, hours, only=only), time.monotonic()
    fault = failure(world)
    return {
        "kind": "seed",
        "number": seed,
        "hours": hours,
        "faults": len(world.chaos.fired),
        "kills": world.kills,
        "orders": len(world.venue.orders),
        "blind": world.blind,
        "failure": "" if fault is None else "".join(traceback.format_exception(fault)),
        "broken": fault.kinds if isinstance(fault, BrokenPromiseError) else [],
        "fired": world.chaos.fired,
        "seconds": round(time.monotonic() - began, 2),
        "command": f"python tests/simulation/run.py --seed {seed} --hours {hours:g} --shrink",
    }


def kill_processes(number: int, seed: int, kills: int) -> dict:
    """Kill real pods on the real simulated exchange."""
    from live_kills import kill_pods
    from live_world import LiveWorld

    orders, text, began = 0, "", time.monotonic()
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(LiveWorld(Path(folder))) as world:
        try:
            orders = kill_pods(world, seed=seed, kills=kills)
        except (AssertionError, OSError, subprocess.SubprocessError) as exc:
            text = "".join(traceback.format_exception(exc))
    return {
        "kind": "processes",
        "number": number,
        "hours": 0,
        "faults": 0,
        "kills": kills,
        "orders": orders,
        "blind": 0,
        "failure": text,
        "broken": [],
        "fired": [],
        "seconds": round(time.monotonic() - began, 2),
        "command": f"SEED={seed} KILLS={kills} pytest tests/tradewind_runner/test_live_process.py -k kill_nine",
    }


def failure(world: World) -> Exception | None:
    """Return what a life ended with, None if all promises were kept."""
    try:
        world.run()
    except Exception as exc:  # noqa: BLE001 - whatever it is, the seed is what counts
        return exc
    return None


def shrink(seed: int, hours: float, fired: list[str]) -> str:
    """Return the command of a short life with a smallest set of faults that still fails.

    The life is made shorter first: each look for fewer faults costs less then.
    """

    def fails(names: list[str], hours: float) -> bool:
        if End.told:
            raise EndedError
        return failure(World(seed, hours, only=names)) is not None

    if not fails(fired, hours):
        return "not by its faults alone"
    while hours > SHORTEST and fails(fired, hours / 2):
        hours /= 2
    fewest = [] if fails([], hours) else smallest(fired, lambda names: fails(names, hours))
    return f"--seed {seed} --hours {hours:g} --only {','.join(fewest) or NONE}"


def _so_far(found: list[dict], options: argparse.Namespace) -> str:
    seeds = [record for record in found if record["kind"] == "seed"]
    failed = sum(bool(record["failure"]) for record in seeds)
    text = f"{len(seeds) * options.hours:g} bot-hours, {sum(record['faults'] for record in seeds)} faults"
    text += f", {sum(record['kills'] for record in seeds)} kills, {failed} seeds failed"
    if options.processes:
        text += f", {sum(record['kills'] for record in found if record['kind'] == 'processes')} real processes killed"
    return text


def _report(found: list[dict], *, whole: bool, options: argparse.Namespace) -> int:
    """Print machine, commits, figures and one line of JSON."""
    machine("pydantic", "ccxt")
    commits = Counter(record["commit"] for record in found)
    print("commits:", ", ".join(f"{name} ({count})" for name, count in commits.items()))
    print(f"took {sum(record['seconds'] for record in found) / 3600:.2f} h, one after another")
    hours, figures = options.seeds * options.hours, Figures()
    seeds = [record for record in found if record["kind"] == "seed"]
    processes = [record for record in found if record["kind"] == "processes"]
    broken = Counter(kind for record in found for kind in record["broken"])
    figures.add("simulated bot-hours with faults", len(seeds) * options.hours, least=hours)
    figures.add("injected faults", sum(record["faults"] for record in seeds), least=hours * FAULTS_PER_HOUR)
    figures.add("lost acknowledged events", broken[LOST], most=0)
    figures.add("duplicate orders", broken[TWICE], most=0)
    note = f"{sum(record['orders'] for record in seeds)} orders, {sum(record['blind'] for record in seeds)} purchases beside a"
    figures.add("orphan positions", broken[ORPHAN], most=0, note=f"{note} younger pod nobody had told of")
    figures.add("seeds that failed in any way", sum(bool(record["failure"]) for record in seeds), most=0)
    figures.add("kill -9 of real processes", sum(record["kills"] for record in processes), least=options.processes)
    lost = sum(bool(record["failure"]) for record in processes)
    figures.add("batches of them that lost or repeated an order", lost, most=0)
    print(json.dumps(figures.found))
    if whole:
        return int(not all(item["ok"] for item in figures.found.values()))
    return 1 if any(record["failure"] for record in found) else UNFINISHED


def _commit() -> str:
    asked = ["git", "-C", str(HERE), "describe", "--always", "--dirty", "--exclude=*"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
