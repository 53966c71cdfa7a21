"""Documents: all faults at once, found where they are, never a crash."""

import copy
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind_api.document.errors import InvalidDocumentError
from tradewind_api.document.resolve import TEMPLATES, read_document, template, with_parameters
from tradewind_api.document.validation import evaluation_order, lookback_of, parse_document

GOOD = template("sma-crossover").to_json()


def faults(raw):
    with pytest.raises(InvalidDocumentError) as caught:
        parse_document(raw)
    return {(error.node, error.field, error.code) for error in caught.value.errors}


def edited(**changes):
    raw = copy.deepcopy(GOOD)
    raw.update(changes)
    return raw


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_shipped_strategy_is_valid(name):
    """A shipped document parses and survives its own JSON."""
    document = template(name)
    assert document == parse_document(document.to_json())


def test_lookback_adds_up_along_the_graph():
    """A crossing of SMA(10) and SMA(50) needs 50 candles and one more."""
    assert 51 == lookback_of(template("sma-crossover"))


def test_nodes_are_computed_after_their_inputs():
    """The order does not depend on how the document lists them."""
    raw = edited(nodes=list(reversed(GOOD["nodes"])))
    assert ["fast", "slow", "falls", "rises"] == [node.id for node in evaluation_order(parse_document(raw))]


def test_all_faults_are_told_at_once():
    """An unknown operation, a bad parameter and a dangling reference are three faults in one answer."""
    raw = edited(
        nodes=[
            {"id": "fast", "op": "smma", "in": ["close"]},
            {"id": "slow", "op": "sma", "in": ["close"], "params": {"period": 0}},
            {"id": "rises", "op": "crosses_above", "in": ["slow", "quick"]},
            {"id": "falls", "op": "crosses_below", "in": ["slow"], "params": {"value": 1}},
        ]
    )
    assert {
        ("fast", "op", "UnknownOperation"),
        ("slow", "params.period", "OutOfRange"),
        ("rises", "in.1", "UnknownReference"),
    } == faults(raw)


def test_a_near_miss_gets_a_suggestion():
    """A slip of one letter is answered with the right name."""
    with pytest.raises(InvalidDocumentError, match="did you mean 'sma'"):
        parse_document(edited(nodes=[{"id": "fast", "op": "smaa", "in": ["close"]}]))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"timeframe": "7m"}, ("", "timeframe", "Invalid")),
        ({"nodes": []}, ("", "nodes", "Invalid")),
        ({"colour": "red"}, ("", "colour", "UnknownField")),
        ({"entry": {"when": "fast"}}, ("", "entry.when", "WrongType")),
        ({"entry": {"when": "rises", "size": {"percentOfEquity": 10, "quote": 5}}}, ("", "entry.size", "ExactlyOne")),
        ({"entry": {"when": "rises", "size": {"percentOfEquity": 0}}}, ("", "entry.size.percentOfEquity", "Invalid")),
        ({"exit": None}, ("", "exit", "NoWayOut")),
        ({"protect": {"stopLossPercent": 100}}, ("", "protect.stopLossPercent", "Invalid")),
    ],
)
def test_a_fault_is_named_by_its_field(changes, fault):
    """The field that must change stands in the answer."""
    assert fault in faults(edited(**changes))


def test_a_circle_is_refused():
    """Nodes that feed each other have no order."""
    nodes = [{"id": "a", "op": "not", "in": ["b"]}, {"id": "b", "op": "not", "in": ["a"]}]
    assert ("Cycle") in {code for _, _, code in faults(edited(nodes=nodes, entry={"when": "a"}, exit={"when": "b"}))}


def test_a_lookback_beyond_the_cap_is_refused():
    """Six averages of a thousand candles on top of each other need 5,995 candles."""
    nodes = [{"id": f"n{i}", "op": "sma", "in": [f"n{i - 1}" if i else "close"], "params": {"period": 1000}} for i in range(6)]
    nodes.append({"id": "up", "op": "above", "in": ["close", "n5"]})
    assert ("", "nodes", "LookbackTooLong") in faults(edited(nodes=nodes, entry={"when": "up"}, exit={"when": "up"}))


def test_parameters_are_set_by_address():
    """`fast.period` reaches the node, an unknown address is refused with the rule."""
    assert {"period": 12} == with_parameters(template("sma-crossover"), {"fast.period": 12.0}).nodes[0].params
    with pytest.raises(InvalidDocumentError, match=r"no parameter 'quick.period': addresses are node.param"):
        with_parameters(template("sma-crossover"), {"quick.period": 12})


def test_an_alias_bomb_is_refused_at_once():
    """Aliases that would expand to a billion nodes cost nothing."""
    bomb = "a0: &a0 [1,1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 60))
    start = time.monotonic()
    with pytest.raises(InvalidDocumentError, match="aliases"):
        read_document(bomb)
    assert time.monotonic() - start < 5


@pytest.mark.slow
@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda raw: raw.decode("latin-1")))
@settings(deadline=None, max_examples=200)
def test_any_text_is_a_document_or_a_list_of_faults(text):
    """No text makes the reader fail in another way."""
    try:
        read_document(text)
    except InvalidDocumentError as exc:
        assert exc.errors


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*GOOD, "id", "op", "in", "params"]), inner),
    max_leaves=20,
)


@pytest.mark.slow
@given(JSON)
@settings(deadline=None, max_examples=200)
def test_any_json_is_a_document_or_a_list_of_faults(raw):
    """NaN, huge numbers and nesting are faults like others."""
    try:
        parse_document(raw)
    except InvalidDocumentError as exc:
        assert exc.errors


def test_deep_nesting_is_refused():
    """A thousand brackets end as a fault."""
    with pytest.raises(InvalidDocumentError):
        read_document("[" * 20_000 + "]" * 20_000)


def test_faults_of_shape_do_not_hide_faults_of_meaning():
    """A word where a number belongs, an unknown operation, a dangling sink: one answer."""
    raw = edited(
        nodes=[
            {"id": "fast", "op": "sma", "in": ["close"], "params": {"period": "ten"}},
            {"id": "slow", "op": "smma", "in": ["close"]},
            {"id": "up", "op": "above", "in": ["fast", "slov"]},
        ],
        entry={"when": "upp"},
    )
    assert {
        ("fast", "params.period", "Invalid"),
        ("slow", "op", "UnknownOperation"),
        ("up", "in.1", "UnknownReference"),
        ("", "entry.when", "UnknownReference"),
        ("", "exit.when", "UnknownReference"),
    } == faults(raw)
