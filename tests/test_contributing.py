"""The worked example of CONTRIBUTING.md is run: a declaration and a binding are all that a new operation needs."""

import re
from pathlib import Path

import numpy as np
import pytest
from documents import random_candles

from tradewind_api.document.explain import explain
from tradewind_api.document.validation import lookback_of, parse_document
from tradewind_api.generate import operations_page
from tradewind_api.operations import OPERATIONS
from tradewind_engine.operations import STEP, VECTOR
from tradewind_engine.strategy.evaluate import evaluate

TEXT = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text()
DOCUMENT = {
    "timeframe": "15m",
    "nodes": [
        {"id": "middle", "op": "midpoint", "in": ["close"], "params": {"period": 4}},
        {"id": "up", "op": "above", "in": ["close", "middle"]},
    ],
    "entry": {"when": "up"},
    "protect": {"stopLossPercent": 5},
}


@pytest.fixture
def example(monkeypatch):
    """The example's names, its operation put into the tables."""
    names: dict[str, object] = {}
    for kind in ("declaration", "binding"):
        code = re.search(f"```python {kind}\n(.*?)```", TEXT, re.DOTALL)
        assert code
        exec(code[1], names)
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
