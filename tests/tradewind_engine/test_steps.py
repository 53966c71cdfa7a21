"""Candle by candle each operation gives what it gives over the whole series, to the last bit."""

import random

import numpy as np
import pytest
from documents import random_parameters
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tradewind_api.operations import OPERATIONS
from tradewind_engine.backtest.compiled import COMPILED
from tradewind_engine.operations import LOOPING, STEP, VECTOR

NUMBERS = st.one_of(st.sampled_from([0.0, 1.0, 2.0, 100.0, float("nan")]), st.floats(-1e6, 1e6, width=32), st.floats(1, 1000))
HOUR_MS = 3_600_000


def columns_of(operation, draw, count):
    """Return one series an input: numbers with zeros, repetitions and NaN, or yes and no."""
    kinds = [*operation.inputs, *(operation.inputs[-1:] if operation.variadic else ())]
    found = [draw(arrays(float, count, elements=NUMBERS)) if kind == "number" else draw(arrays(bool, count)) for kind in kinds]
    start = draw(st.integers(0, 200)) * HOUR_MS
    return [np.arange(count) * HOUR_MS + start, *found] if operation.clock else found


def check(name, parameters, columns, **more):
    operation = OPERATIONS[name]
    parameters = {key: value for key, value in parameters.items() if key != "value" or not operation.optional_inputs}
    whole = VECTOR[name](*columns, **parameters, **more)
    step = STEP[name](**parameters)
    folded = [step(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]
    expected = np.stack(whole).T if operation.outputs else np.asarray(whole)
    np.testing.assert_array_equal(np.array(folded, dtype=expected.dtype), expected, err_msg=f"{name} {parameters}")


def test_every_operation_has_a_step_and_no_other():
    """Both tables name the same operations."""
    assert set(VECTOR) == set(STEP)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
@settings(max_examples=25, deadline=None, derandomize=True)
@given(data=st.data())
def test_folding_the_step_is_the_vector(name, data):
    """For any inputs, also unknown ones in the middle, and any parameters."""
    count = data.draw(st.integers(1, 40))
    parameters = random_parameters(random.Random(data.draw(st.integers(0, 10_000))), OPERATIONS[name], longest=12)
    check(name, parameters, columns_of(OPERATIONS[name], data.draw, count))


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_folding_the_step_is_the_vector_over_long_windows(name):
    """Windows of hundreds of candles, put together from more than one power of two; compiled loops where there are any."""
    random_ = np.random.default_rng(3)
    for seed in range(3):
        parameters = random_parameters(random.Random(seed), OPERATIONS[name], longest=300)
        columns = [
            random_.normal(100, 5, 700) if kind == "number" else random_.random(700) < 0.99 for kind in OPERATIONS[name].inputs
        ]
        if OPERATIONS[name].clock:
            columns.insert(0, np.arange(700) * HOUR_MS)
        check(name, parameters, columns, **({"loops": COMPILED} if name in LOOPING else {}))


@pytest.mark.parametrize("name", ["ema", "rma", "rsi"])
def test_an_interruption_starts_an_average_afresh(name):
    """After a value that is not known, nothing of what came before it is left: the rest is what it is alone."""
    values = np.random.default_rng(5).normal(100, 5, 60)
    broken = values.copy()
    broken[20] = np.nan
    whole, alone = (VECTOR[name](part, 5) for part in (broken, values[21:]))
    np.testing.assert_array_equal(whole[21:], alone)
    assert np.isnan(whole[20])
    assert np.isfinite(whole[-1])
