"""The repository itself: settings are listed, locks name no address, and no folder hides Python's own modules."""

import re
import sys
import tomllib
from pathlib import Path

import pytest

from tradewind_api.document.resolve import TEMPLATES, template
from tradewind_engine import ENGINE_VERSION
from tradewind_operator.settings import OperatorSettings
from tradewind_portal.settings import Settings
from tradewind_runner.settings import PREFIX, RunnerSettings
from tradewind_simulator.settings import SimulatorSettings

ROOT = Path(__file__).parent.parent
TOP = {"crds", "botrunner", "operator", "portal", "charts", "dev", "tests", "docs"}


SETTINGS = {model: model.model_config["env_prefix"] for model in (OperatorSettings, Settings, SimulatorSettings)}


@pytest.mark.parametrize(("model", "prefix"), (SETTINGS | {RunnerSettings: PREFIX}).items())
def test_every_setting_stands_in_the_example(model, prefix):
    """With its description above it, and no setting that is gone."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    listed = {line.split("=")[0]: lines[number - 1] for number, line in enumerate(lines) if line.startswith(prefix)}
    assert {f"{prefix}{name.upper()}": f"# {field.description}" for name, field in model.model_fields.items()} == listed


def test_no_folder_hides_a_module_of_python():
    """`operator/__init__.py` would end every Python that is started here."""
    hiding = [path.name for path in ROOT.iterdir() if path.name in sys.stdlib_module_names and (path / "__init__.py").exists()]
    assert [] == hiding


def test_the_top_level_is_what_the_architecture_says():
    """Code, tests, docs; beside them only files and what begins with a dot."""
    tracked = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
    assert tracked <= TOP | {"data", "node_modules", "build", "dist"}


def test_lock_files_carry_hashes_and_no_addresses():
    """Whoever installs chooses where from, and gets exactly these files."""
    for file in ROOT.glob("requirements-*.txt"):
        text = file.read_text()
        assert "://" not in text
        pinned = [line for line in text.splitlines() if re.match(r"^[a-z0-9]", line)]
        assert all("==" in line for line in pinned)
        assert text.count("--hash=sha256:") >= len(pinned)


def test_reports_name_the_version_of_the_package():
    """A report says which engine made it, and `make up` runs without an installed package to ask."""
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == ENGINE_VERSION


def test_tests_are_no_packages():
    """No __init__.py below tests: one of them under tests/operator would hide Python's own module."""
    assert [] == list((ROOT / "tests").rglob("__init__.py"))


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_strategy_has_a_page_that_names_its_parameters(name):
    """Idea, rules, parameters with their defaults, and when it fails."""
    text = (ROOT / f"docs/strategies/{name}.md").read_text()
    for part in ("**Idea.**", "**Rules.**", "**When it fails.**"):
        assert part in text
    for node in template(name).nodes:
        for parameter, value in node.params.items():
            assert f"| `{node.id}.{parameter}` | {value:g} |" in text
