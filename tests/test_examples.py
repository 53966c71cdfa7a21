"""The examples in docstrings hold."""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WITH_EXAMPLES = sorted(
    path.relative_to(ROOT)
    for part in ("crds", "botrunner", "operator", "portal", "dev")
    for path in (ROOT / part).rglob("*.py")
    if ">>> " in path.read_text()
)


def test_examples_are_found():
    """Or nothing below is tried."""
    assert len(WITH_EXAMPLES) > 20


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=str)
def test_an_example_gives_what_stands_below_it(path: Path):
    """As a reader would try it."""
    module = importlib.import_module(".".join(path.with_suffix("").parts[1:]))
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert 0 == found.failed
