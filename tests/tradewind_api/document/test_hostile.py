"""What nobody means well with: an answer that names the fault, never a crash, and nothing built of it first."""

import copy
import json
import re
from functools import reduce

import pytest
import yaml
from documents import random_document
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind_api.document import suggestions
from tradewind_api.document.errors import MOST_ERRORS, InvalidDocumentError
from tradewind_api.document.explain import LONGEST, explain
from tradewind_api.document.resolve import read_document, template
from tradewind_api.document.text import MAX_EVENTS
from tradewind_api.document.validation import parse_document

BOMB = "a0: &a0 [1,1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 60))
TEXTS = {
    "alias bomb under the byte cap": (BOMB, "aliases are not allowed"),
    "one alias": ("a: &x 1\nb: *x", "aliases are not allowed"),
    "brackets": ("[" * 32_000 + "]" * 32_000, "levels inside each other"),
    "dashes": ("- " * 30_000, "levels inside each other"),
    "small values": ("[" + "1," * 30_000 + "1]", f"more than {MAX_EVENTS} parts"),
    "a text that is too long": ("x" * 65_537, "the file has more than"),
    "a long string": (f'"{"x" * 9000}"', "at most 8192 are allowed"),
    "an object of Python": ("!!python/object/apply:os.system [ls]", "tags such as tag:yaml.org,2002:python/object"),
    "a key that is a list": ("{[1, 2]: 3}", "unhashable key"),
    "a date": ("timeframe: 2020-01-01", "values JSON has not"),
    "bytes": ("timeframe: !!binary aGk=", "tags such as tag:yaml.org,2002:binary are not allowed"),
    "a whole number without a digit": ('timeframe: !!int ""', "tags such as tag:yaml.org,2002:int are not allowed"),
    "a fraction without a digit": ('timeframe: !!float ""', "tags such as tag:yaml.org,2002:float"),
    "neither yes nor no": ("timeframe: !!bool maybe", "tags such as tag:yaml.org,2002:bool"),
    "no time": ("timeframe: !!timestamp soon", "tags such as tag:yaml.org,2002:timestamp"),
    "a fraction to the base of sixty beyond any float": (f"timeframe: 1{':00' * 2000}.5", "this is not YAML"),
    "an integer of 5,000 digits": (f"timeframe: {'9' * 5000}", ""),
    "an integer to the base of sixty": (f"timeframe: 1{':10' * 20_000}", "a number of 60001 characters in line 1"),
    "a merge key": ("a: 1\n<<: {b: 2}", "merge keys such as << in line 2 are not allowed"),
    "two documents": ("a: 1\n---\nb: 2", "expected a single document"),
    "a null character": ("a: \0", "this is not YAML"),
    "nothing": ("", "valid dictionary"),
    "half a surrogate": ('timeframe: "\\ud800"', ""),
}


@pytest.mark.parametrize(("text", "message"), TEXTS.values(), ids=TEXTS)
def test_a_hostile_text_is_refused(text, message):
    """With the reason, in a message that is short enough to print."""
    with pytest.raises(InvalidDocumentError) as caught:
        read_document(text)
    assert message in str(caught.value)
    assert len(str(caught.value.errors[0])) < 600


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), -float("inf"), 10**400, -(10**400), 1e16, True, "14", None, [14]]
)
@pytest.mark.parametrize("place", ["period", "stopLossPercent", "quote", "maxCandlesInTrade"])
def test_a_number_that_is_none_is_refused_where_it_stands(value, place):
    """NaN, infinity, integers beyond any float."""
    raw = template("rsi").to_json()
    if place == "period":
        raw["nodes"][0]["params"]["period"] = value
    elif place == "quote":
        raw["entry"]["size"] = {"quote": value}
    else:
        raw["protect"] = {place: value}
    if value is None and place != "period":
        return  # left out
    with pytest.raises(InvalidDocumentError) as caught:
        parse_document(raw)
    assert {place} == {error.field.rpartition(".")[2] for error in caught.value.errors}


def test_a_value_of_json_that_never_ends_is_refused():
    """Four thousand lists inside each other, and a list inside itself."""
    circle: list[object] = []
    circle.append(circle)
    for raw in (reduce(lambda inner, _: [inner], range(4000), 1), circle):
        with pytest.raises(InvalidDocumentError, match="values JSON has not"):
            parse_document(raw)


NAMES = [f"x{number:03d}" for number in range(800)]
MANY_FAULTS = {
    "fields": dict.fromkeys(NAMES[:600], 1),
    "parameters": {"nodes": [{"id": n, "op": "sma", "in": [], "params": dict.fromkeys(NAMES[:8], 1)} for n in NAMES[:64]]},
    "words for numbers": {"nodes": [{"id": "a", "op": "sma", "in": ["close"], "params": dict.fromkeys(NAMES[:700], "")}]},
    "references": {"nodes": [{"id": n, "op": "all", "in": NAMES[100:108]} for n in NAMES[:64]]},
    "references beside a fault of shape": {
        "odd": 1,
        "nodes": [{"id": n, "op": "all", "in": NAMES[100:108]} for n in NAMES[:64]],
    },
}


@pytest.mark.parametrize("parts", MANY_FAULTS.values(), ids=MANY_FAULTS)
def test_of_hundreds_of_faults_the_first_are_told_and_the_others_counted(parts, monkeypatch):
    """And no more names are looked for among the known ones than are told of."""
    looked_for = []
    monkeypatch.setattr(suggestions, "suggestion", lambda name, _known: looked_for.append(name) or "")
    with pytest.raises(InvalidDocumentError) as caught:
        parse_document({**template("rsi").to_json(), **parts})
    errors = caught.value.errors
    assert (MOST_ERRORS, "More") == (len(errors), errors[-1].code)
    more = int(re.fullmatch(r"and (\d+) more faults: mend these first", errors[-1].message)[1])
    assert 500 < more + MOST_ERRORS < 800
    assert len(looked_for) <= MOST_ERRORS


def test_one_fault_more_than_are_told_is_counted():
    """As many as are told need no count; of one more, two are counted, as the count takes a place."""
    for count, last in ((MOST_ERRORS, "UnknownField"), (MOST_ERRORS + 1, "More")):
        with pytest.raises(InvalidDocumentError) as caught:
            parse_document({**template("rsi").to_json(), **dict.fromkeys(NAMES[:count], 1)})
        assert (MOST_ERRORS, last) == (len(caught.value.errors), caught.value.errors[-1].code)
    assert "and 2 more faults: mend these first" == caught.value.errors[-1].message


def test_the_caps_are_exact():
    """64 nodes and 8,192 bytes pass, one more does not."""
    raw = template("rsi").to_json()
    raw["nodes"] += [{"id": f"n{i}", "op": "sma", "in": ["close"]} for i in range(61)]
    assert 64 == len(parse_document(raw).nodes)
    with pytest.raises(InvalidDocumentError, match="at most 64 items"):
        parse_document({**raw, "nodes": [*raw["nodes"], {"id": "more", "op": "sma", "in": ["close"]}]})
    room = 8192 - len(json.dumps({**raw, "x": ""}, separators=(",", ":")))
    for length, code in ((room, "UnknownField"), (room + 1, "TooLarge")):
        with pytest.raises(InvalidDocumentError) as caught:
            parse_document({**raw, "x": "x" * length})
        assert [code] == [error.code for error in caught.value.errors]


def test_what_is_shared_much_is_said_once():
    """Sixty sums of two of the one before would be 2 ** 60 words; the sentence calls them by name."""
    nodes = [{"id": f"n{i}", "op": "add", "in": [f"n{i - 1}" if i else "close"] * 2} for i in range(60)]
    nodes.append({"id": "up", "op": "above", "in": ["close", "n59"]})
    raw = {"timeframe": "1h", "nodes": nodes, "entry": {"when": "up"}, "exit": {"when": "up"}}
    sentence = explain(parse_document(raw))
    assert "buy 100 % of equity when close is above 'n59'; sell" in sentence
    assert "; where 'n4' is (((((close plus close) plus" in sentence
    assert "; 'n9' is ((((('n4' plus 'n4') plus" in sentence


NASTY = st.sampled_from(
    [
        float("nan"),
        float("inf"),
        10**400,
        -1,
        0,
        "",
        "close",
        "\ud800",
        "__class__",
        "a.b.c",
        None,
        [],
        {},
        [[]],
        True,
        "x" * 99,
    ]
)


def places_of(value, path=()):
    """Return the paths of all parts of a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, part in inner for place in places_of(part, (*path, key)))]


@given(st.integers(0, 10**6), st.data())
@settings(deadline=None, max_examples=150)
def test_a_valid_document_with_anything_put_in_anywhere_is_answered(seed, data):
    """One to three parts replaced or put in: a document that can be explained, or faults that can be printed."""
    raw = copy.deepcopy(random_document(seed, nodes=6).to_json())
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(places_of(raw)))
        if not path:
            continue
        parent = reduce(lambda part, key: part[key], path[:-1], raw)
        place = path[-1] if data.draw(st.booleans()) or isinstance(parent, list) else "odd"
        parent[place] = copy.deepcopy(data.draw(NASTY))  # a part of its own: put into itself it would have no end
    try:
        assert len(explain(parse_document(raw))) <= LONGEST
    except InvalidDocumentError as exc:
        assert exc.errors
        assert json.dumps([error.to_json() for error in exc.errors], allow_nan=False)
        assert all(len(error.message) < 600 for error in exc.errors)


@pytest.mark.slow
@given(
    st.recursive(st.none() | st.floats() | st.text(max_size=5), lambda part: st.lists(part) | st.dictionaries(st.text(), part))
)
@settings(deadline=None, max_examples=100)
def test_any_yaml_is_a_document_or_a_list_of_faults(value):
    """Whatever a YAML writer makes of any value."""
    with pytest.raises(InvalidDocumentError):
        read_document(yaml.safe_dump(value))


@given(st.integers(0, 10**6))
@settings(deadline=None, max_examples=60)
def test_every_document_can_be_said(seed):
    """One sentence, with all its nodes either said or named."""
    sentence = explain(random_document(seed))
    assert sentence.startswith("On closed 15m candles: buy ")
    assert sentence.endswith((".", "..."))
    assert "{" not in sentence
