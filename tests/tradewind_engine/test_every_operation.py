"""What holds for every operation and every document: no value looks ahead, and none depends on where history began."""

import itertools
import random

import numpy as np
import pytest
from documents import random_candles, random_document, random_parameters

from tradewind_api.document.resolve import TEMPLATES, template
from tradewind_api.document.validation import lookback_of
from tradewind_api.operations import OPERATIONS
from tradewind_engine.backtest.compiled import COMPILED
from tradewind_engine.operations import VECTOR
from tradewind_engine.strategy.decide import decide
from tradewind_engine.strategy.evaluate import evaluate

CANDLES = random_candles(7, 1500)
SEEDS = range(60)


def outputs(operation, parameters, inputs):
    """Return what an operation gives, as one array a row."""
    if operation.optional_inputs:
        parameters = {name: value for name, value in parameters.items() if name != "value"}
    found = VECTOR[operation.name](*inputs, **parameters)
    return np.array(found if operation.outputs else [found], dtype=float)


def inputs_of(operation, stop=None, start=0):
    """Return inputs of an operation: prices, moves, candles that closed higher."""
    part = slice(start, stop)
    numbers = [
        getattr(CANDLES, name)[part]
        for name in operation.ports or ("close", "open", "high", "low")
        if name not in {"value", "lower", "upper"}
    ]
    numbers = numbers or [CANDLES.close[part], CANDLES.low[part], CANDLES.high[part]]
    higher = (CANDLES.close > CANDLES.open)[part]
    found = [numbers[index] if kind == "number" else higher for index, kind in enumerate(operation.inputs)]
    return [CANDLES.ts[part], *found] if operation.clock else found


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_a_value_depends_on_the_past_alone(name):
    """What came later changes nothing, to the last bit."""
    operation = OPERATIONS[name]
    for seed in range(5):
        parameters = random_parameters(random.Random(seed), operation)
        whole, part = (outputs(operation, parameters, inputs_of(operation, stop)) for stop in (1500, 1234))
        np.testing.assert_array_equal(whole[:, :1234], part, err_msg=f"{name} {parameters}")


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_the_declared_lookback_is_enough(name):
    """The last value over the last `lookback` candles is the value over all of them: to 1e-9, and no candle more is needed."""
    operation = OPERATIONS[name]
    for seed in range(5):
        parameters = random_parameters(random.Random(seed), operation)
        start = 1500 - operation.lookback(parameters)
        whole, window = (outputs(operation, parameters, inputs_of(operation, 1500, begin)) for begin in (0, start))
        scale = np.maximum(np.nanmax(np.abs(whole), axis=1), 1e-300)
        np.testing.assert_allclose(
            window[:, -1] / scale, whole[:, -1] / scale, atol=1e-9, rtol=0, err_msg=f"{name} {parameters}"
        )


@pytest.mark.parametrize("seed", SEEDS)
def test_a_running_bot_decides_what_the_back_test_decides(seed):
    """A random document at 40 candles: the decision from the window alone is the signal of the whole history."""
    document = random_document(seed)
    check(document, seed)


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_shipped_strategy_decides_alike_in_the_bot(name):
    """The same for each template."""
    check(template(name), 0)


def check(document, seed):
    lookback = lookback_of(document)
    history = random_candles(seed, lookback + 300)
    signals = evaluate(document, history, COMPILED)
    for last in random.Random(seed).sample(range(lookback, len(history)), 40):
        window = history[last + 1 - lookback : last + 1]
        for holding, series, action in ((False, signals.entry, "Enter"), (True, signals.exit, "Exit")):
            if near_a_threshold(signals, last):
                continue
            decided = decide(document, window, holding=holding).action
            assert (action if series[last] else "None") == decided, f"seed {seed}, candle {last}: random_document({seed})"


def near_a_threshold(signals, last):
    """Two series of numbers within 1e-9 of each other: rounding decides, and is exempt."""
    recent = [float(values[last]) for values in signals.series.values() if values.dtype == float]
    known = sorted(value for value in recent if np.isfinite(value))
    return any(0 < b - a <= 1e-9 * max(abs(a), abs(b), 1) for a, b in itertools.pairwise(known))
