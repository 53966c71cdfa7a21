"""Each shipped strategy has a page, and what it says of parameters is true."""

import re
from pathlib import Path

import pytest

from tradewind_api.document.resolve import TEMPLATES, template, with_parameters
from tradewind_api.document.validation import lookback_of, parameters_of
from tradewind_api.operations import OPERATIONS

PAGES = Path(__file__).parent.parent.parent / "docs/strategies"
ROW = re.compile(r"^\| `([a-z_]+\.[A-Za-z_]+)` \| ([0-9.]+) \| (-?[0-9.]+) to (-?[0-9.]+)", re.MULTILINE)


def value_at(document, address):
    """Return what stands at an address of a document."""
    part, _, name = address.partition(".")
    raw = document.to_json()
    sections = {"size": raw["entry"].get("size"), "ladder": raw["entry"].get("ladder"), "protect": raw.get("protect")}
    if part in sections:
        return sections[part][name]
    node = next(node for node in document.nodes if node.id == part)
    return parameters_of(node, OPERATIONS[node.op])[name]


def test_every_strategy_has_a_page_and_no_other_has():
    assert set(TEMPLATES) == {page.stem for page in PAGES.glob("*.md")}


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_page_has_its_four_parts(name):
    """Idea, rules, parameters with their ranges, and when it fails."""
    page = (PAGES / f"{name}.md").read_text()
    for part in ("**Idea.**", "**Rules.**", "| parameter | default | sensible |", "**When it fails.**"):
        assert part in page


@pytest.mark.parametrize("name", TEMPLATES)
def test_defaults_and_ranges_of_a_page_are_true(name):
    """The default is the document's, every parameter of a node is told, and both ends of a range are valid."""
    document, page = template(name), (PAGES / f"{name}.md").read_text()
    rows = ROW.findall(page)
    told = {address for address, *_ in rows}
    for address, default, low, high in rows:
        assert float(default) == value_at(document, address), address
        assert float(low) <= float(default) <= float(high), address
        for end in (low, high):
            assert lookback_of(with_parameters(document, {address: float(end)})) > 0
    assert {f"{node.id}.{key}" for node in document.nodes for key in node.params} <= told
