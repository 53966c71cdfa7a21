"""Faults of meaning that a person makes: each by an example, with node, field, code and the way out."""

import copy
import re

import pytest

from tradewind_api.document.digest import canonical_json
from tradewind_api.document.errors import InvalidDocumentError
from tradewind_api.document.explain import explain
from tradewind_api.document.resolve import template
from tradewind_api.document.suggestions import suggestion
from tradewind_api.document.validation import parse_document
from tradewind_api.operations import OPERATIONS

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


LOOSE = {"id": "loose", "op": "sma", "in": ["close"], "params": {"period": "ten"}}
CIRCLE = [{"id": "a", "op": "not", "in": ["b"]}, {"id": "b", "op": "not", "in": ["a"]}]


def codes_of(raw):
    with pytest.raises(InvalidDocumentError) as caught:
        parse_document(raw)
    return [(error.node, error.field, error.code) for error in caught.value.errors]


@pytest.mark.parametrize(
    ("raw", "beside"),
    [
        (document({**UP, "timeframe": "90m"}, LOOSE, exit=None), [("", "exit", "NoWayOut")]),
        (document(LOOSE, {**UP, "timeframe": "1m"}), [("up", "timeframe", "UnfitTimeframe")]),
        (document(LOOSE, *CIRCLE), [("a", "in", "Cycle")]),
        (
            document(LOOSE, entry={"when": "rises", "size": {"percentOfEquity": 1, "quote": 1}}),
            [("", "entry.size", "ExactlyOne")],
        ),
        (
            document(LOOSE, entry={"when": "rises", "size": {"riskPercent": 1, "measure": "atrr"}}),
            [("", "entry.size.measure", "UnknownReference")],
        ),
        (
            document(LOOSE, entry={"when": "rises", "ladder": {"steps": 10, "spacingPercent": 10}}),
            [("", "entry.ladder.spacingPercent", "OutOfRange")],
        ),
        (document(LOOSE, protect={"stopLossPercent": "2"}, exit=None), [("", "protect.stopLossPercent", "Invalid")]),
    ],
)
def test_a_word_for_a_number_hides_no_other_fault(raw, beside):
    """What can be told of the rest of the document is told in the same answer, and nothing that is only a consequence."""
    found = codes_of(raw)
    assert ("loose", "params.period", "Invalid") in found
    assert set(beside) <= set(found)
    assert len(found) == len(set(found)) <= len(beside) + 2


def test_every_circle_is_told_beside_other_faults():
    """Two circles and a period of 0: three faults, one answer."""
    other = [{**node, "id": node["id"] * 2, "in": [node["in"][0] * 2]} for node in CIRCLE]
    nought = {"id": "nought", "op": "sma", "in": ["close"], "params": {"period": 0}}
    assert [("nought", "params.period", "OutOfRange"), ("a", "in", "Cycle"), ("aa", "in", "Cycle")] == codes_of(
        document(*CIRCLE, *other, nought)
    )


def test_sixty_faults_of_shape_are_sixty():
    """However many: a document is 8 kB at most."""
    loose = [{**LOOSE, "id": f"n{number}"} for number in range(60)]
    assert 60 == sum(field == "params.period" for _, field, _ in codes_of(document(*loose)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"entri": {}}, "did you mean 'entry'"),
        ({"protect": {"stopLosPercent": 2}}, "did you mean 'stopLossPercent'"),
        ({"entry": {"when": "rises", "sise": {}}}, "did you mean 'size'"),
        ({"entry": {"when": "rises", "size": {"percentOfEquty": 3}}}, "did you mean 'percentOfEquity'"),
        ({"entry": {"when": "rises", "ladder": {"steps": 1, "spacing": 3}}}, "did you mean 'spacingPercent'"),
        ({"nodes": [{"id": "up", "op": "rising", "in": ["close"], "parms": {}}]}, "did you mean 'params'"),
        ({"protect": {"stop_loss_percent": 2}}, "did you mean 'stopLossPercent'"),
        ({"entry": {"when": "rises", "size": {"percent_of_equity": 3}}}, "did you mean 'percentOfEquity'"),
        ({"entry": {"when": "rises", "ladder": {"steps": 1, "spacing_percent": 3}}}, "did you mean 'spacingPercent'"),
        ({"nodes": [{"id": "up", "op": "rising", "inputs": ["close"]}]}, "did you mean 'in'"),
        ({"colour": "red"}, "colour: is not a field of the document$"),
    ],
)
def test_a_field_that_is_nearly_one_gets_a_suggestion(changes, words):
    with pytest.raises(InvalidDocumentError) as caught:
        parse_document(document() | changes)
    assert any(re.search(words, str(error)) for error in caught.value.errors)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("smaa", "sma"),
        ("vwpa", "vwap"),
        ("crossesabove", "crosses_above"),
        ("bolinger", "bollinger"),
        ("xyz", ""),
        ("a" * 10**6, ""),
    ],
)
def test_a_near_miss_is_known_by_its_letters(name, meant):
    assert (f"; did you mean {meant!r}?" if meant else "") == suggestion(name, OPERATIONS)


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
