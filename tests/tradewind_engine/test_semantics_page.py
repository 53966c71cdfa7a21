"""The semantics page: each rule names a test, and that test exists."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs/reference/backtest-semantics.md"


def rules():
    """Return the rules of the page as text, one a bullet, without the one about peers, which tests/parity shows."""
    found = re.split(r"\n- ", PAGE.read_text())[1:]
    return [rule for rule in found if not rule.startswith("**Where")]


def test_every_rule_names_a_test():
    """A rule that nobody can check is a wish."""
    assert [] == [rule.splitlines()[0] for rule in rules() if "`test_" not in rule]
    assert len(rules()) > 25


def test_every_test_that_is_named_exists():
    """By its name, somewhere among the tests of the engine and those beside its peers."""
    there = {
        name
        for folder in ("tradewind_engine", "parity")
        for file in (ROOT / "tests" / folder).rglob("*.py")
        for name in re.findall(r"def (test_\w+)", file.read_text())
    }
    assert set() == set(re.findall(r"`(test_\w+)`", PAGE.read_text())) - there
