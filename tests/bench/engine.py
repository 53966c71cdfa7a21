"""`make bench-engine`: our engine beside vectorbt and backtesting.py, on the same candles in one run, repetitions in turn.

Ratios are of medians. The peer's sweep of 10,000 pairs is not run (it takes minutes): its time is ten times that of 1,000.
All Python sources are compiled first, as in the image and on every machine on which a command ran once. `--only` runs some of
the groups: single, sweep, cold, live, optimisation.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import market
import numpy as np
from report import Figures, machine

HERE = Path(__file__).parent
SMALL, LARGE = 100_000, 1_000_000


class Engine:
    """A process that answers line by line."""

    def __init__(self, *command):
        self.command = command
        self.process = subprocess.Popen(command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, what, count, *arguments):
        """Return seconds and figures of one repetition."""
        self.process.stdin.write(json.dumps({"what": what, "count": count, "arguments": arguments}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.command} ended while it ran {what}")
        return json.loads(line)

    def close(self):
        """End the process."""
        self.process.stdin.close()
        self.process.wait()


def in_turn(engines, repetitions, what, count, *arguments):
    """Return the median seconds and the last answer of each engine, after one warm-up."""
    times, answers = {name: [] for name in engines}, {}
    for repetition in range(repetitions + 1):
        for name, engine in engines.items():
            answers[name] = engine.run(what, count, *arguments)
            if repetition:
                times[name].append(answers[name]["seconds"])
    return {name: statistics.median(values) for name, values in times.items()}, answers


def compare(figures, name, times, answers, peer, least):
    """Add the ratio of a peer's time to ours, with both sides' trades and returns."""
    note = f"ours {1000 * times['ours']:.2f} ms, {peer} {1000 * times[peer]:.0f} ms"
    ours, theirs = answers["ours"]["figures"], answers[peer]["figures"]
    if "trades" in theirs:
        note += f"; trades {ours['trades']} / {theirs['trades']}"
    figures.add(f"{name}, {peer} / ours", times[peer] / times["ours"], least=least, note=note)
    return ours, theirs


def cold(python, peer_python):
    """Return the seconds of a fresh `tw backtest run` on 100,000 candles, and of vectorbt's import and first call."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "candles.parquet"
        pq.write_table(pa.table(market.candles(SMALL)), file)
        command = [
            python,
            "-m",
            "tradewind_cli.main",
            "backtest",
            "run",
            "sma-crossover",
            "--data",
            str(file),
            "--timeframe",
            "1m",
        ]
        ours, theirs = [], []
        for repetition in range(4):
            started = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            ours.append(time.perf_counter() - started)
            if repetition:
                peer = Engine(peer_python, "peer.py", "vectorbt")
                theirs.append(peer.run("cold", SMALL)["seconds"])
                peer.close()
    return statistics.median(ours[1:]), statistics.median(theirs)


def singles(figures, both, peers, repetitions):
    """One back-test through the public API: frame in; figures, equity and trade list out."""
    times, answers = in_turn(both, repetitions, "single", SMALL, "sma")
    mine, theirs = compare(figures, "SMA 10/50, 100k", times, answers, "vectorbt", 15)
    figures.add("  return differs by", abs(mine["return"] - theirs["return"]), most=1e-9)
    figures.add("  trades differ by", abs(mine["trades"] - theirs["trades"]), most=0)
    backtesting = Engine(peers, "peer.py", "backtesting")
    slow, slow_answers = in_turn({"ours": both["ours"], "backtesting": backtesting}, 3, "single", SMALL, "sma")
    compare(figures, "SMA 10/50, 100k", slow, slow_answers, "backtesting", 600)
    backtesting.close()
    found = both["ours"].run("trust", SMALL)["figures"]
    figures.add("trust verdict, 100k, seconds", found["verdict_seconds"], most=1.0)
    for name in ("rsi", "bollinger"):
        for count, least, label in ((SMALL, 15, "100k"), (LARGE, 8, "1M")):
            times, answers = in_turn(both, repetitions if count == SMALL else 3, "single", count, name)
            compare(figures, f"{name} with stop and target, {label}", times, answers, "vectorbt", least)


def sweeps(figures, both):
    """Many points over the same candles."""
    ours, vectorbt = both["ours"], both["vectorbt"]
    stops = [[round(0.005 + 0.001 * s, 4), round(0.01 + 0.002 * t, 4)] for s in range(20) for t in range(10)]
    times, answers = in_turn(both, 2, "grid", SMALL, stops)
    compare(figures, "200 stop/target pairs", times, answers, "vectorbt", 35)
    pairs = [[fast, slow] for fast in range(5, 45) for slow in range(50, 150, 4)]
    thousand = statistics.median(ours.run("sweep", SMALL, pairs)["seconds"] for _ in range(5))
    theirs = vectorbt.run("sweep", SMALL, pairs)["seconds"]
    note = f"ours {thousand:.3f} s, vectorbt {theirs:.1f} s"
    figures.add("sweep of 1,000, vectorbt / ours", theirs / thousand, least=60, note=note)
    many = [[fast, slow] for fast in range(5, 105) for slow in range(110, 510, 4)]
    fresh = Engine(sys.executable, "ours.py")
    runs = [fresh.run("sweep", SMALL, many) for _ in range(3)]
    ten = statistics.median(run["seconds"] for run in runs)
    note = f"ours {ten:.2f} s; vectorbt is ten times 1,000"
    figures.add("sweep of 10,000, vectorbt / ours", 10 * theirs / ten, least=60, note=note)
    figures.add("sweep of 10,000, M candle-combos/s, 2 threads", SMALL * len(many) / ten / 1e6, least=300)
    figures.add("sweep of 10,000, peak MiB", runs[-1]["peak_mib"], most=256)
    fresh.close()


def optimisation(figures, ours, seeds):
    """Batches and then TPE, beside 1,000 trials of TPE alone."""
    shares, better = [], []
    for seed in range(seeds):
        mine, sampler = ours.run("optimise", SMALL, seed), ours.run("tpe", SMALL, seed)
        shares.append(mine["seconds"] / sampler["seconds"])
        better.append(mine["figures"]["value"] - sampler["figures"]["value"])
        print(f"     seed {seed}: ours {mine['seconds']:.2f} s {mine['figures']}")
        print(f"             TPE {sampler['seconds']:.1f} s {sampler['figures']}", flush=True)
    figures.add("optimisation of 5 parameters, ours / 1,000 TPE", float(np.median(shares)), most=0.1)
    figures.add("  objective less that of TPE", float(np.median(better)), least=0)


def compile_sources():
    """Write the bytecode of our packages; where Python may not write it, each start would compile them anew."""
    folders = {str(Path(find_spec(name).origin).parent) for name in ("tradewind_api", "tradewind_engine", "tradewind_cli")}
    subprocess.run([sys.executable, "-m", "compileall", "-q", *sorted(folders)], check=True)
    print("bytecode of our packages: compiled before, as in the image")


def colds(figures, peers):
    """A fresh process each."""
    fast, full = cold(sys.executable, peers)
    figures.add("cold process, ours / vectorbt", fast / full, most=0.2, note=f"ours {fast:.2f} s, vectorbt {full:.2f} s")
    figures.add("cold process, seconds", fast, most=1.2)


def live(figures, ours):
    """A bot's step."""
    step = ours.run("live", SMALL)["figures"]
    note = f"p99 {step['p99_us']:.0f} us, {step['nodes']} nodes"
    figures.add("live step, one candle, us", step["median_us"], most=500, note=note)
    longest = ours.run("live_window", SMALL)["figures"]
    note = f"p99 {longest['p99_us']:.0f} us, from the word of its close to each node's value"
    figures.add(f"  the same, a window of {longest['candles']:,}, us", longest["median_us"], most=500, note=note)
    figures.add("  its state, MiB", step["state_mib"], most=5)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", required=True, help="python of the environment with vectorbt and backtesting.py")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=5, help="of the optimisation")
    groups = ("single", "sweep", "cold", "live", "optimisation")
    parser.add_argument("--only", nargs="+", choices=groups, default=groups, metavar="GROUP", help=", ".join(groups))
    asked = parser.parse_args()
    machine("numpy", "numba", "pandas", "hyperopt")
    names = ("vectorbt", "backtesting", "numpy", "numba", "pandas")
    versions = f"import importlib.metadata as m; print(', '.join(f'{{n}} {{m.version(n)}}' for n in {names}))"
    print("peers:", subprocess.run([asked.peers, "-c", versions], check=True, capture_output=True, text=True).stdout.strip())
    compile_sources()
    figures = Figures()
    both = {"ours": Engine(sys.executable, "ours.py"), "vectorbt": Engine(asked.peers, "peer.py", "vectorbt")}
    if "single" in asked.only:
        singles(figures, both, asked.peers, asked.repetitions)
    if "sweep" in asked.only:
        sweeps(figures, both)
    both["vectorbt"].close()
    if "cold" in asked.only:
        colds(figures, asked.peers)
    if "live" in asked.only:
        live(figures, both["ours"])
    if "optimisation" in asked.only:
        optimisation(figures, both["ours"], asked.seeds)
    both["ours"].close()
    figures.end()


if __name__ == "__main__":
    main()
