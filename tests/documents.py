"""Random valid strategy documents and candles, from a seed."""

import random
from typing import Any

import numpy as np

from tradewind_api.document.errors import InvalidDocumentError
from tradewind_api.document.model import StrategyDocument
from tradewind_api.document.validation import lookback_of, parse_document
from tradewind_api.operations import OPERATIONS, PRICES
from tradewind_api.operations.declaration import Operation
from tradewind_engine.candles import Candles

MINUTE_MS = 60_000


def random_candles(seed: int, count: int) -> Candles:
    """Return a random walk with ranges, flat stretches and candles without volume."""
    draw = np.random.default_rng(seed)
    steps = draw.normal(0, 0.01, count) * (draw.random(count) > 0.1)
    close = 100 * np.exp(np.cumsum(steps))
    open_ = np.concatenate([[100.0], close[:-1]])
    high = np.maximum(open_, close) * (1 + draw.exponential(0.003, count))
    low = np.minimum(open_, close) * (1 - draw.exponential(0.003, count))
    ts = np.arange(count, dtype=np.int64) * 15 * MINUTE_MS
    return Candles(ts, open_, high, low, close, draw.integers(0, 20, count).astype(float))


def random_parameters(draw: random.Random, operation: Operation, *, longest: int = 30) -> dict[str, float]:
    """Return parameters of an operation, counts of candles at most `longest`."""
    found = {}
    for parameter in operation.parameters:
        if parameter.integer:
            most = parameter.maximum if operation.clock else min(parameter.maximum, longest)
            found[parameter.name] = draw.randint(int(parameter.minimum), int(most))
        elif parameter.default is not None:
            found[parameter.name] = round(draw.uniform(parameter.minimum, min(parameter.maximum, 4)), 2)
    return found


def with_gaps(candles: Candles, seed: int, *, share: float = 0.1) -> Candles:
    """Return candles of which a share is missing, single ones and a long stretch."""
    draw = np.random.default_rng(seed)
    there = draw.random(len(candles)) >= share
    start = int(draw.integers(len(candles) // 2, len(candles) - 40))
    there[start : start + 30] = False
    return Candles(*(column[there] for column in candles.columns()))


def random_document(seed: int, *, nodes: int = 12, longest: int = 6000) -> StrategyDocument:
    """Return a valid document of at most `nodes` operations, some of longer timeframes; each may stand on those before it.

    One decision needs at most `longest` candles.
    """
    draw = random.Random(seed)
    while True:
        try:
            document = parse_document(_raw(draw, nodes))
        except InvalidDocumentError as exc:
            if {error.code for error in exc.errors} != {"LookbackTooLong"}:
                raise
        else:
            if lookback_of(document) <= longest:
                return document


LONGER = {"15m": ("15m", "30m", "1h"), "30m": ("30m", "1h"), "1h": ("1h",)}


def _raw(draw: random.Random, nodes: int) -> dict[str, Any]:
    pools: dict[tuple[str, str], list[str]] = {
        (kind, timeframe): list(PRICES) if kind == "number" else [] for kind in ("number", "boolean") for timeframe in LONGER
    }
    raw: list[dict[str, Any]] = []
    while len(raw) < nodes or not pools["boolean", "15m"]:
        operation = draw.choice(list(OPERATIONS.values()))
        timeframe = draw.choice(["15m", "15m", "15m", "30m", "1h"])
        if any(not pools[kind, timeframe] for kind in operation.inputs):
            continue
        wanted = list(operation.inputs)
        if operation.variadic:
            wanted *= draw.randint(1, 3)
        parameters = random_parameters(draw, operation, longest=12)
        if operation.optional_inputs and draw.random() < 0.5:
            wanted = wanted[:-1]
            parameters["value"] = draw.choice([0, 1, 20, 50, 100])
        node = {"id": f"n{len(raw)}", "op": operation.name, "in": [draw.choice(pools[kind, timeframe]) for kind in wanted]}
        raw.append(node | {"params": parameters} | ({"timeframe": timeframe} if timeframe != "15m" else {}))
        outputs = [f"n{len(raw) - 1}.{output}" for output in operation.outputs] or [f"n{len(raw) - 1}"]
        for shorter, seen in LONGER.items():
            if timeframe in seen:
                pools[operation.output, shorter].extend(outputs)
    return {
        "schema": "tradewind.strategy/v1",
        "timeframe": "15m",
        "nodes": raw,
        "entry": {"when": draw.choice(pools["boolean", "15m"]), "size": {"percentOfEquity": 100}},
        "exit": {"when": draw.choice(pools["boolean", "15m"])},
        "protect": {"stopLossPercent": 2} if draw.random() < 0.5 else {},
    }
