"""The worked example of CONTRIBUTING.md is run: a declaration and a binding are all that a new operation needs."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from documents import random_candles
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tradewind_api.document.explain import explain
from tradewind_api.document.validation import lookback_of, parse_document
from tradewind_api.generate import operations_page
from tradewind_api.operations import OPERATIONS
from tradewind_engine.operations import STEP, VECTOR
from tradewind_engine.strategy.evaluate import evaluate

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
DOCUMENT = {
    "timeframe": "15m",
    "nodes": [
        {"id": "middle", "op": "midpoint", "in": ["close"], "params": {"period": 4}},
        {"id": "up", "op": "above", "in": ["close", "middle"]},
    ],
    "entry": {"when": "up"},
    "protect": {"stopLossPercent": 5},
}


def code(kind):
    found = re.search(f"```python {kind}\n(.*?)```", TEXT, re.DOTALL)
    assert found
    return found[1]


def run_example():
    names: dict[str, object] = {}
    for kind in ("declaration", "binding"):
        exec(code(kind), names)
    return names


@pytest.fixture
def example(monkeypatch):
    """The example's names, its operation put into the tables."""
    names = run_example()
    monkeypatch.setitem(OPERATIONS, "midpoint", names["MIDPOINT"])
    monkeypatch.setitem(VECTOR, "midpoint", names["midpoint"])
    monkeypatch.setitem(STEP, "midpoint", names["midpoint_step"])
    return names


def test_the_example_is_an_operation_like_others(example):
    """Validated, said, listed, evaluated; over series what it is candle by candle."""
    document = parse_document(DOCUMENT)
    assert 4 == lookback_of(document)
    assert "close is above the midpoint of 4 candles of close" in explain(document)
    assert "| `midpoint` | number | period 1..1000, default 20 | number |" in operations_page()
    candles = random_candles(1, 60)
    series = evaluate(document, candles).series["middle"]
    assert (max(candles.close[:4]) + min(candles.close[:4])) / 2 == series[3]
    follow = STEP["midpoint"](period=4)
    np.testing.assert_array_equal(series, [follow(value) for value in candles.close.tolist()])


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    values=arrays(float, st.integers(1, 40), elements=st.sampled_from([0.0, 1.0, 100.0, float("nan")]) | st.floats(1, 1000)),
    period=st.integers(1, 12),
)
def test_the_example_keeps_the_rule_for_unknown_values(values, period):
    """As of each operation in `tests/tradewind_engine/test_steps.py`: folding the step is the vector, NaN or not."""
    names = run_example()
    whole, follow = names["midpoint"](values, period), names["midpoint_step"](period)
    np.testing.assert_array_equal([follow(value) for value in values.tolist()], whole)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["declaration", "binding"])
def test_the_example_passes_what_make_check_asks_of_code(kind, tmp_path):
    """Who copies it is not told by linter or type checker that it is wrong."""
    text = f'"""What stands above the first line of a module."""\n\n{code(kind)}'
    (tmp_path / "copied.py").write_text(text)
    where = "botrunner/tradewind_engine/operations/copied.py"
    for how in (["check", "--stdin-filename", where, "-"], ["format", "--check", "--stdin-filename", where, "-"]):
        done = subprocess.run(
            [str(Path(sys.executable).with_name("ruff")), *how],
            cwd=ROOT,
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        assert 0 == done.returncode, done.stdout + done.stderr
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), str(tmp_path / "copied.py")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout
