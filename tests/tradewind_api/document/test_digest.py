"""Digests: equal meaning, equal name."""

import copy

import pytest

from tradewind_api.document.digest import canonical_json, data_digest, strategy_digest
from tradewind_api.document.resolve import template
from tradewind_api.document.validation import parse_document

GOOD = template("sma-crossover").to_json()


@pytest.mark.parametrize(
    ("number", "text"),
    # RFC 8785, appendix B, where it names numbers that Python prints otherwise.
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1e21, "1e+21"),
        (1e20, "100000000000000000000"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (4.5, "4.5"),
        (2e-3, "0.002"),
        (333333333.33333329, "333333333.3333333"),
        (5e-324, "5e-324"),
        (1.5e-5, "0.000015"),
        (1.5e300, "1.5e+300"),
    ],
)
def test_numbers_are_written_as_ecmascript_does(number, text):
    """The shortest form that reads back the same."""
    assert text.encode() == canonical_json(number)


def test_keys_are_sorted_by_utf16():
    """RFC 8785 sorts by UTF-16 code units."""
    assert '{"\U0001f600":1,"\ufb33":2}'.encode() == canonical_json({"\ufb33": 2, "\U0001f600": 1})


def test_nan_has_no_canonical_form():
    """JSON has no NaN."""
    with pytest.raises(ValueError, match="not JSON"):
        canonical_json(float("nan"))


def test_order_of_nodes_and_omitted_defaults_do_not_change_the_digest():
    """14 and 14.0, and a default written out or left out, mean the same."""
    shuffled = copy.deepcopy(GOOD)
    shuffled["nodes"].reverse()
    shuffled["nodes"][-1]["params"]["period"] = 10.0
    assert strategy_digest(parse_document(GOOD)) == strategy_digest(parse_document(shuffled))


def test_another_parameter_is_another_strategy():
    """A digest names the exact strategy."""
    other = copy.deepcopy(GOOD)
    other["nodes"][0]["params"]["period"] = 11
    assert strategy_digest(parse_document(GOOD)) != strategy_digest(parse_document(other))


def test_candles_are_named_by_where_they_are_from():
    """The same numbers under another symbol are other candles."""
    columns = [b"\0" * 8] * 6
    assert data_digest("a", "B/C", "1m", columns) != data_digest("a", "B/D", "1m", columns)
