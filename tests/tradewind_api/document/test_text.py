"""Text of a person: what stands twice is told with its lines, and one way to write a name is the right one."""

import pytest

from tradewind_api.document.errors import InvalidDocumentError
from tradewind_api.document.resolve import TEMPLATES, read_document, template
from tradewind_api.document.text import read_text
from tradewind_api.strategy_choice import InlineDocument

STRATEGY = """\
timeframe: 1h
nodes:
  - id: fast
    op: sma
    in: [close]
    params: {period: 10}
  - id: up
    op: above
    in: [close, fast]
entry: {when: up}
protect:
  stopLossPercent: 2
"""


def faults_of(text):
    with pytest.raises(InvalidDocumentError) as caught:
        read_document(text)
    return [(error.field, error.code, error.message) for error in caught.value.errors]


def twice(field, first, again):
    message = f"stands in line {first} and again in line {again}: only one of them could count"
    return field, "DuplicateKey", message


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (STRATEGY + "timeframe: 15m\n", [twice("timeframe", 1, 13)]),
        (STRATEGY + "  stopLossPercent: 20\n", [twice("protect.stopLossPercent", 12, 13)]),
        (STRATEGY.replace("{period: 10}", "{period: 10, period: 20}"), [twice("nodes.0.params.period", 6, 6)]),
        (STRATEGY.replace("    op: sma\n", "    op: sma\n    op: ema\n") + "exit: {when: up}\nexit: {when: fast}\n",
         [twice("nodes.0.op", 4, 5), twice("exit", 14, 15)]),
        ('{"timeframe": "1h",\n "timeframe": "15m"}', [twice("timeframe", 1, 2)]),
        ("a: 1\na: 2\na: 3\n", [twice("a", 1, 2), twice("a", 1, 3)]),
        ('a: 1\n"a": 2\n', [twice("a", 1, 2)]),
    ],
)  # fmt: skip
def test_a_key_that_stands_twice_is_told_with_its_place_and_lines(text, faults):
    """In YAML and JSON, at any depth, all of them at once."""
    assert faults == faults_of(text)


def test_the_same_key_in_two_mappings_is_no_fault():
    assert {"a": [{"x": 1}, {"x": 2}], "b": {"x": {"x": 3}}} == read_text("a: [{x: 1}, {x: 2}]\nb: {x: {x: 3}}")
    assert template("sma-crossover") == template("sma-crossover")
    assert read_document(STRATEGY).protect.stop_loss_percent == 2


@pytest.mark.parametrize("name", TEMPLATES)
def test_what_is_good_here_is_written_as_the_custom_resource_has_it(name):
    """Each field of a valid document is one of the CRD's model, which refuses others."""
    InlineDocument.model_validate(template(name).to_json(), by_alias=True, by_name=False)
