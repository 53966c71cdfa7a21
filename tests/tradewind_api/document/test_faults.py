"""Faults of meaning that a person makes: each by an example, with node, field, code and the way out."""

import copy

import pytest

from tradewind_api.document.digest import canonical_json
from tradewind_api.document.errors import InvalidDocumentError
from tradewind_api.document.explain import explain
from tradewind_api.document.resolve import template
from tradewind_api.document.validation import parse_document

GOOD = template("sma-crossover").to_json()
BANDS = {"id": "bands", "op": "bollinger", "in": ["close"]}
UP = {"id": "up", "op": "rising", "in": ["close"]}


def document(*nodes, **changes):
    """Return the crossover with more nodes and other parts."""
    raw = copy.deepcopy(GOOD) | changes
    raw["nodes"] = [*raw["nodes"], *nodes]
    return raw


@pytest.mark.parametrize(
    ("raw", "fault", "words"),
    [
        (document(UP, UP), ("up", "id", "Duplicate"), "two nodes are called 'up'"),
        (document({**UP, "id": "close"}), ("close", "id", "Reserved"), "the name of a price"),
        (document({**UP, "in": []}), ("up", "in", "InputCount"), "rising takes 1 inputs, got 0"),
        (document({"id": "both", "op": "all", "in": []}), ("both", "in", "InputCount"), "takes 1 or more"),
        (document({"id": "more", "op": "above", "in": ["close", "open", "low"]}), ("more", "in", "InputCount"), "takes 1 or 2"),
        (
            document({"id": "no", "op": "above", "in": ["close"]}),
            ("no", "in", "InputOrValue"),
            "either a second input or `value`",
        ),
        (document({**UP, "in": ["close.now"]}), ("up", "in.0", "UnknownOutput"), "has no output 'now'"),
        (document({"id": "no", "op": "not", "in": ["close"]}), ("no", "in.0", "WrongType"), "a yes-or-no series is needed"),
        (document(BANDS, {**UP, "in": ["bands"]}), ("up", "in.0", "UnknownOutput"), "write for example bands.lower"),
        (document(BANDS, {**UP, "in": ["bands.top"]}), ("up", "in.0", "UnknownOutput"), "gives lower, middle, upper"),
        (document({**UP, "in": ["fast.value"]}), ("up", "in.0", "UnknownOutput"), "write fast"),
        (document({**UP, "params": {"bars": 1.5}}), ("up", "params.bars", "NotInteger"), "must be a whole number"),
        (document({**UP, "params": {"bar": 1}}), ("up", "params.bar", "UnknownParameter"), "did you mean 'bars'"),
        (
            document(entry={"when": "rises", "size": {"riskPercent": 1}}),
            ("", "entry.size.measure", "Required"),
            "belong together",
        ),
        (
            document(entry={"when": "rises", "ladder": {"steps": 10, "spacingPercent": 10}}),
            ("", "entry.ladder.spacingPercent", "OutOfRange"),
            "100 % below the first buy",
        ),
    ],
)
def test_a_fault_is_named_with_the_way_out(raw, fault, words):
    with pytest.raises(InvalidDocumentError) as caught:
        parse_document(raw)
    found = {(error.node, error.field, error.code): error.message for error in caught.value.errors}
    assert words in found[fault]


def test_an_unknown_template_gets_a_suggestion():
    with pytest.raises(InvalidDocumentError, match="no template 'macdd'; did you mean 'macd'"):
        template("macdd")


def test_what_json_has_not_has_no_digest():
    with pytest.raises(ValueError, match="set is not JSON"):
        canonical_json({1})


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"when": "rises", "size": {"quote": 50}}, "buy for 50 of quote currency when"),
        ({"when": "rises", "size": {"riskPercent": 1, "measure": "fast"}}, "as much as loses 1 % of equity on a fall by"),
        ({"when": "rises", "ladder": {"steps": 2, "spacingPercent": 3}}, "again up to 2 times, each 3 % lower;"),
        ({"when": "rises", "ladder": {"steps": 2, "spacingPercent": 3, "sizeFactor": 2}}, "3 % lower and 2 times the size;"),
    ],
)
def test_every_way_to_size_an_entry_is_said_in_english(entry, words):
    assert words in explain(parse_document(document(entry=entry)))
