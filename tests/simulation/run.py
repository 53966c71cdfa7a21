"""`python tests/simulation/run.py --seed 7 --hours 4`: live through one seed again, as the tests do.

`--shrink` looks for fewer faults that fail too, `make soak` runs many seeds.
"""

import argparse
import functools
import multiprocessing
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))

from chaos import smallest
from world import World


def main() -> int:
    """Run one seed, or many."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1, help="how many, from --seed on")
    parser.add_argument("--hours", type=float, default=4.0, help="of the bot's life, each seed")
    parser.add_argument("--only", default=None, help="names of faults, comma-separated: these and no others happen")
    parser.add_argument("--shrink", action="store_true", help="look for fewer faults that fail too")
    parser.add_argument("--jobs", type=int, default=1, help="seeds at once")
    options = parser.parse_args()
    only = None if options.only is None else [name for name in options.only.split(",") if name]
    began, faults, kills, failed, done = time.monotonic(), 0, 0, 0, 0
    seeds = range(options.seed, options.seed + options.seeds)
    with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
        for life in pool.imap(functools.partial(live, hours=options.hours, only=only), seeds):
            done, faults, kills = done + 1, faults + len(life.fired), kills + life.kills
            if life.failure:
                failed += 1
                command = f"--seed {life.seed} --hours {options.hours:g}"
                print(f"{life.failure}\nseed {life.seed} failed: python tests/simulation/run.py {command}")
                if options.shrink:
                    print("the same with fewer faults:", shrink(life.seed, options.hours, life.fired))
            if done % 50 == 0:
                print(f"{done * options.hours:g} bot-hours, {faults} faults, {failed} seeds failed", flush=True)
    took = time.monotonic() - began
    print(f"{options.seeds * options.hours:g} bot-hours, {faults} faults, {kills} kills, {failed} seeds failed, {took:.1f} s")
    return 1 if failed else 0


@dataclass(frozen=True, slots=True)
class Life:
    """What came of one seed."""

    seed: int
    failure: str
    fired: list[str]
    kills: int


def live(seed: int, *, hours: float, only: list[str] | None) -> Life:
    """Live through one seed."""
    world = World(seed, hours, only=only)
    fault = failure(world)
    text = "" if fault is None else "".join(traceback.format_exception(fault))
    return Life(seed, text, world.chaos.fired, world.kills)


def failure(world: World) -> Exception | None:
    """Return what a life ended with, None if all promises were kept."""
    try:
        world.run()
    except Exception as exc:  # noqa: BLE001 - whatever it is, the seed is what counts
        return exc
    return None


def shrink(seed: int, hours: float, fired: list[str]) -> str:
    """Return the command of a smallest set of faults that still fails."""

    def fails(names: list[str]) -> bool:
        return failure(World(seed, hours, only=names)) is not None

    if not fails(fired):
        return "not by its faults alone"
    return f"--seed {seed} --hours {hours:g} --only {','.join(smallest(fired, fails))}"


if __name__ == "__main__":
    sys.exit(main())
