"""Documents played a tile at a time say what they say node by node, to the last bit."""

import numpy as np
import pytest
from markets import market

from tradewind_api.document.resolve import template
from tradewind_api.document.validation import parse_document
from tradewind_engine.backtest import tape, tape_player
from tradewind_engine.backtest.tape import play, tape_of
from tradewind_engine.candles import Candles
from tradewind_engine.strategy.evaluate import evaluate

NODES = [
    ("fast", "sma", ["close"], {"period": 3}),
    ("slow", "sma", ["fast"], {"period": 17}),
    ("middle", "sma", ["open"], {"period": 64}),
    ("up", "crosses_above", ["fast", "slow"], {}),
    ("down", "crosses_below", ["fast", "slow"], {}),
    ("over", "above", ["close", "middle"], {}),
    ("under", "below", ["close", "middle"], {}),
    ("dear", "above", ["high"], {"value": 100.0}),
    ("falls", "crosses_below", ["low"], {"value": 100.0}),
    ("one", "all", ["over"], {}),
    ("every", "all", ["up", "over", "dear"], {}),
    ("some", "any", ["down", "under", "falls"], {}),
    ("neither", "not", ["some"], {}),
]


def document(entry, leave):
    graph = [{"id": name, "op": op, "in": inputs, "params": parameters} for name, op, inputs, parameters in NODES]
    raw = {"schema": "tradewind.strategy/v1", "timeframe": "1h", "nodes": graph}
    return parse_document(raw | {"entry": {"when": entry}, "exit": {"when": leave}})


def same(strategy, candles):
    entry, leave = play(tape_of(strategy), candles)
    expected = evaluate(strategy, candles)
    np.testing.assert_array_equal(expected.entry, entry)
    np.testing.assert_array_equal(expected.exit, leave)
    return entry


@pytest.mark.parametrize("size", [1, 2, 18, 81, 1024, 1025, 2049, 5000])
def test_any_number_of_candles(size):
    """Fewer than one window, one tile, the seams of tiles."""
    candles = market(3, 5000)[:size]
    for name in [name for name, op, _, _ in NODES if op != "sma"]:
        same(document(name, "some"), candles)


def test_something_happens_at_each_seam():
    """A seam that nothing crosses would prove nothing: here each candle enters that the one before it does not."""
    close = 100.0 + np.arange(6000) % 2
    strategy = parse_document(
        document("up", "down").to_json() | {"nodes": [
            {"id": "fast", "op": "sma", "in": ["close"], "params": {"period": 1}},
            {"id": "slow", "op": "sma", "in": ["close"], "params": {"period": 2}},
            {"id": "up", "op": "crosses_above", "in": ["fast", "slow"]},
            {"id": "down", "op": "crosses_below", "in": ["fast", "slow"]},
        ]}
    )  # fmt: skip
    candles = Candles(np.arange(close.size) * 3_600_000, close, close, close, close, close)
    assert close.size // 2 - 1 == same(strategy, candles).sum()


def test_windows_as_long_as_a_tile():
    """Or nearly so: tiles grow with what is looked back at."""
    raw = document("over", "down").to_json()
    raw["nodes"][2]["params"]["period"] = 1000
    assert tape_of(parse_document(raw)).back > tape.TILE / 2
    assert same(parse_document(raw), market(4, 12_000)).any()


def test_columns_may_be_of_any_kind():
    """Only lent, or with other numbers between them."""
    candles = market(5, 2000)
    wide = np.repeat(candles.close, 2)[::2]
    lent = candles.open.copy()
    lent.flags.writeable = False
    same(document("every", "some"), Candles(candles.ts, lent, candles.high, candles.low, wide, candles.volume))


def test_what_a_tape_cannot_hold_is_not_put_on_one():
    """A recursion, a node of another timeframe, no exit."""
    assert tape_of(template("sma-crossover")) is not None
    assert tape_of(template("rsi")) is None
    raw = document("up", "down").to_json()
    raw["nodes"][0]["timeframe"] = "4h"
    assert tape_of(parse_document(raw)) is None
    del raw["exit"], raw["nodes"][0]["timeframe"]
    raw["protect"] = {"stopLossPercent": 1}
    assert tape_of(parse_document(raw)) is None


def test_a_changed_document_gets_a_tape_of_its_own():
    """Tapes are kept by all that a document says."""
    raw = document("up", "down").to_json()
    first = tape_of(parse_document(raw))
    raw["nodes"][0]["params"]["period"], raw["entry"]["when"] = 4, "some"
    second = tape_of(parse_document(raw))
    assert first.steps.tolist() != second.steps.tolist()
    assert first.entry != second.entry


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw["nodes"][1].update(params={"period": 18}),
        lambda raw: raw["nodes"][1].update({"in": ["high"]}),
        lambda raw: raw["nodes"][3].update(op="crosses_below"),
        lambda raw: raw["entry"].update(when="over"),
        lambda raw: raw["exit"].update(when="under"),
    ],
)
def test_each_part_that_signals_are_made_of_makes_another_tape(change):
    """A tape kept from another document would be what that one says."""
    raw = document("up", "down").to_json()
    first = tape_of(parse_document(raw))
    change(raw)
    assert str(first) != str(tape_of(parse_document(raw)))
    same(parse_document(raw), market(6, 500))


@pytest.mark.parametrize("divisor", [3.0, 10.0, 50.0, 97.0, 4093.0, 5000.0])
def test_what_replaces_a_division_gives_its_bits(divisor):
    """Of any numbers, and of those whose quotient is as near as can be to the middle between two."""
    random = np.random.default_rng(int(divisor))
    middles = (np.floor(random.uniform(2**52, 2**53, 100_000)) + 0.5) * divisor
    for numbers in (
        middles,
        np.nextafter(middles, 0),
        np.nextafter(middles, np.inf),
        np.exp(random.uniform(-400, 400, 100_000)),
    ):
        rest = random.uniform(0, 1, numbers.size) * numbers
        out = np.empty(numbers.size)
        for first, second in ((numbers, np.zeros(numbers.size)), (numbers, rest)):
            tape_player._divided(first, second, divisor, out)
            np.testing.assert_array_equal((first + second) / divisor, out)


@pytest.mark.parametrize("odd", [0.0, -0.0, np.nan, np.inf, -3.0, 5e-324, 1e-310, 8e307])
def test_odd_numbers_are_divided(odd):
    """Nothing, unknown, too small or too large for what replaces a division: the same bits, and those of its neighbours."""
    numbers, out = np.full(40, 7.1), np.empty(40)
    numbers[23] = odd
    tape_player._divided(numbers, numbers, 10.0, out)
    assert ((numbers + numbers) / 10.0).tobytes() == out.tobytes()
