"""Our side of the engine's benchmark, told by lines of JSON what to run, as the peers are."""

import json
import resource
import sys
import time
import tracemalloc

import numpy as np
from market import candles

from tradewind_api.document.model import MAX_LOOKBACK
from tradewind_api.document.validation import parse_document
from tradewind_api.operations import OPERATIONS
from tradewind_engine.backtest.ahead_of_time import prepare
from tradewind_engine.backtest.simulate import Costs
from tradewind_engine.candles import COLUMNS, Candles
from tradewind_engine.honesty.verdict import judge
from tradewind_engine.optimise.book import Aim
from tradewind_engine.optimise.search import search
from tradewind_engine.optimise.space import Space, make_space
from tradewind_engine.optimise.sweep import Sweep, SweepSettings
from tradewind_engine.strategy.follow import Follower
from tradewind_engine.strategy.stepper import Stepper
from tradewind_engine.trading.paper import node_values
from tradewind_runner.feed.candle_book import CandleBook, Row

COSTS = Costs(10, 0)


def document(nodes, entry, leave, **protect):
    """Return a strategy of one-minute candles."""
    graph = [{"id": name, "op": op, "in": inputs, "params": parameters} for name, op, inputs, parameters in nodes]
    raw = {"schema": "tradewind.strategy/v1", "timeframe": "1m", "nodes": graph, "protect": protect}
    return parse_document(raw | {"entry": {"when": entry}, "exit": {"when": leave}})


def crossing(op, first, second):
    return (
        (op, f"crosses_{op}", [first, second], {})
        if isinstance(second, str)
        else (op, f"crosses_{op}", [first], {"value": second})
    )


STOPS = {"stopLossPercent": 1, "takeProfitPercent": 2}
BANDS = ("bands", "bollinger", ["close"], {"period": 20, "width": 2})
DOCUMENTS = {
    "sma": document(
        [("fast", "sma", ["close"], {"period": 10}), ("slow", "sma", ["close"], {"period": 50}),
         ("above", "crosses_above", ["fast", "slow"], {}), ("below", "crosses_below", ["fast", "slow"], {})],
        "above", "below",
    ),
    "rsi": document(
        [("rsi", "rsi", ["close"], {"period": 14}),
         ("below", "crosses_below", ["rsi"], {"value": 30}), ("above", "crosses_above", ["rsi"], {"value": 70})],
        "below", "above", **STOPS,
    ),
    "bollinger": document(
        [BANDS, ("above", "crosses_above", ["close", "bands.upper"], {}),
         ("below", "crosses_below", ["close", "bands.middle"], {})],
        "above", "below", **STOPS,
    ),
    "five": document(
        [("fast", "ema", ["close"], {"period": 10}), ("slow", "sma", ["close"], {"period": 50}),
         ("rsi", "rsi", ["close"], {"period": 14}), ("calm", "below", ["rsi"], {"value": 70}),
         ("up", "crosses_above", ["fast", "slow"], {}), ("enter", "all", ["up", "calm"], {}),
         ("leave", "crosses_below", ["fast", "slow"], {})],
        "enter", "leave", stopLossPercent=2,
    ),
}  # fmt: skip
FIVE = {
    "fast.period": (5, 60, 1),
    "slow.period": (61, 400, 1),
    "rsi.period": (5, 40, 1),
    "calm.value": (50, 90, 1),
    "protect.stopLossPercent": (0.5, 8, 0.1),
}


def single(frame, name):
    from tradewind_engine.frames import backtest_frame

    found = backtest_frame(DOCUMENTS[name], frame, costs=COSTS)
    named = {"trades": "trades", "return": "totalReturn", "drawdown": "maxDrawdown", "sharpe": "sharpe"}
    figures = {short: found.figures[key] for short, key in named.items()}
    return figures | {"rows": len(found.trades), "points": len(found.equity)}


def trust(frame):
    from tradewind_engine.frames import backtest_frame

    report = backtest_frame(DOCUMENTS["sma"], frame, costs=COSTS).report
    started = time.perf_counter()
    verdict = judge(report)
    return {"trust": verdict.trust, "verdict_seconds": time.perf_counter() - started}


def held(frame):
    return {"": Candles(*(np.asarray(frame[name]) for name in COLUMNS))}


def sweep(frame, pairs):
    axes = {"fast.period": tuple(sorted({a for a, _ in pairs})), "slow.period": tuple(sorted({b for _, b in pairs}))}
    machine = Sweep(DOCUMENTS["sma"], Space(axes), held(frame), SweepSettings("1m", costs=COSTS, threads=2))
    found = machine.figures([tuple(pair) for pair in pairs])
    return {"best": float(found["totalReturn"].max()), "trades": int(found["trades"].sum())}


def grid(frame, pairs):
    axes = {"protect.stopLossPercent": (1.0,), "protect.takeProfitPercent": (1.0,)}
    machine = Sweep(DOCUMENTS["rsi"], Space(axes), held(frame), SweepSettings("1m", costs=COSTS, threads=2))
    scores = machine.score([(100 * stop, 100 * target) for stop, target in pairs])
    return {"best": float(scores.total_return.max())}


def wide():
    """Return a document of 64 nodes: every operation once, the heavier ones again, longer, some of another timeframe."""
    made, numbers, answers = [], ["close", "open", "high", "low", "volume"], ["gate"]

    def add(operation, **changed):
        wanted = [("number" if kind == "number" else "boolean") for kind in operation.inputs]
        inputs = [(numbers if kind == "number" else answers)[-1 - i] for i, kind in enumerate(wanted)]
        if operation.ports == ("high", "low", "close"):
            inputs = ["high", "low", "close"]
        timeframe = {"timeframe": "1h"} if changed.pop("hourly", False) else {}
        made.append({"id": f"n{len(made)}", "op": operation.name, "in": inputs, "params": changed, **timeframe})
        outputs = [f"n{len(made) - 1}.{output}" for output in operation.outputs] or [f"n{len(made) - 1}"]
        (numbers if operation.output == "number" else answers).extend(outputs)

    made.append({"id": "gate", "op": "time_of_day", "in": [], "params": {}})
    for operation in OPERATIONS.values():
        if operation.name != "time_of_day":
            numbers.append("close")  # the price again: the chain of lookbacks stays within what is allowed
            add(operation)
    heavy = (
        "bollinger",
        "sma",
        "wma",
        "standard_deviation",
        "zscore",
        "cci",
        "highest",
        "vwap",
        "stochastic",
        "rsi",
        "macd",
        "ema",
    )
    for number in range(64 - len(made) - 1):
        numbers.append("close")
        operation = OPERATIONS[heavy[number % len(heavy)]]
        period = {p.name: 200 if p.name == "period" else 0 for p in operation.parameters}.get("period")
        hourly = number % 5 == 4
        if hourly:
            made.append({"id": f"n{len(made)}", "op": "sma", "in": ["close"], "params": {"period": 50}, "timeframe": "1h"})
        else:
            add(operation, **({"period": period if operation.name != "rsi" else 100} if period else {}))
    made.append({"id": "enter", "op": "any", "in": answers[-8:], "params": {}})
    raw = {"schema": "tradewind.strategy/v1", "timeframe": "1m", "nodes": made}
    return parse_document(raw | {"entry": {"when": "enter"}, "exit": {"when": answers[-9]}})


def live(frame):
    """One candle after the other through 64 nodes, as a bot does: the time of one, and what the state takes."""
    strategy = wide()
    rows = list(zip(*(frame[name].tolist() for name in COLUMNS), strict=True))
    warm_up = 15_000  # the slowest node is an average of 50 hours; at the end every one has what it keeps
    tracemalloc.start()
    stepper = Stepper(strategy)
    for row in rows[:500]:  # what is kept is made at the start, tracing the rest would only take long
        stepper.step(*row)
    state = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    for row in rows[500:warm_up]:
        stepper.step(*row)
    times = []
    for row in rows[warm_up : warm_up + 2000]:
        started = time.perf_counter()
        stepper.step(*row)
        times.append(time.perf_counter() - started)
    times.sort()
    found = {"median_us": 1e6 * times[1000], "p99_us": 1e6 * times[1980], "state_mib": state / 2**20}
    return found | {"nodes": len(strategy.nodes)}


def live_window(frame):
    """The same from the exchange's word that a candle has closed to what each node says, over the longest window allowed."""
    strategy, rows = wide(), [Row(*row) for row in zip(*(frame[name].tolist() for name in COLUMNS), strict=True)]
    book, follower = CandleBook("", 60_000, keep=MAX_LOOKBACK + 5, final_words=True), Follower(strategy)
    begun = 20_000
    before = Candles(*(frame[name][begun - MAX_LOOKBACK : begun] for name in COLUMNS))
    book.resync(before, asked_ms=float(rows[begun].ts))

    def step(row):
        book.offer(row, at_ms=row.ts + 60_000, final=True)
        window = book.window(row.ts, MAX_LOOKBACK - 1)
        candles = window.candles[: window.closed]
        behind = follower.behind(candles)
        return behind, len(candles), node_values(follower.signals(candles), len(candles) - 1)

    times = []
    step(rows[begun])
    for row in rows[begun + 1 : begun + 2001]:
        started = time.perf_counter()
        behind, size, _ = step(row)
        times.append(time.perf_counter() - started)
        assert behind == 1
    times.sort()
    return {"median_us": 1e6 * times[1000], "p99_us": 1e6 * times[1980], "candles": size}


def optimise(frame, seed):
    space = make_space(DOCUMENTS["five"], FIVE)
    machine = Sweep(DOCUMENTS["five"], space, held(frame), SweepSettings("1m", costs=COSTS, threads=2))
    found = search(machine, Aim(objective="totalReturn", constraints=(), seed=seed))
    return {"value": float(found.values[found.best]), "points": len(found.points)}


def tpe(frame, seed):
    """1,000 trials of hyperopt's TPE over the same space and objective: what a user of the sampler alone waits for."""
    from hyperopt import fmin, hp
    from hyperopt import tpe as estimator

    space = make_space(DOCUMENTS["five"], FIVE)
    machine = Sweep(DOCUMENTS["five"], space, held(frame), SweepSettings("1m", costs=COSTS, threads=1))
    best = [-np.inf]

    def loss(place):
        value = float(machine.score([space.point(np.array([int(place[a]) for a in space.addresses]))]).total_return[0])
        best[0] = max(best[0], value)
        return -value

    axes = {address: hp.quniform(address, 0, size - 1, 1) for address, size in zip(space.addresses, space.shape, strict=True)}
    fmin(loss, axes, estimator.suggest, 1000, rstate=np.random.default_rng(seed), show_progressbar=False, verbose=False)
    return {"value": best[0]}


def main():
    prepare()
    frames = {}
    for line in sys.stdin:
        asked = json.loads(line)
        count = asked["count"]
        key = count, asked["what"] in {"single", "trust"}
        if key not in frames:
            columns = candles(count)
            if key[1]:  # the others are given arrays, and a process that sweeps has no pandas
                import pandas as pd

                columns = pd.DataFrame(columns)
            frames[key] = columns
        started = time.perf_counter()
        figures = globals()[asked["what"]](frames[key], *asked["arguments"])
        answer = {"seconds": time.perf_counter() - started, "figures": figures}
        answer["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


main()
