"""Settings of a runner's pod come from its environment."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from tradewind_runner.settings import RunnerSettings


def test_what_the_environment_does_not_say_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWIND_RUNNER_METRICS_PORT", "9191")
    monkeypatch.setenv("TRADEWIND_RUNNER_STATE_DIR", "/data")
    found = RunnerSettings.from_environment()
    assert (9191, Path("/data"), Path("/etc/tradewind/bot.json")) == (found.metrics_port, found.state_dir, found.config)


def test_what_is_no_number_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWIND_RUNNER_METRICS_PORT", "many")
    with pytest.raises(ValidationError, match="metrics_port"):
        RunnerSettings.from_environment()
