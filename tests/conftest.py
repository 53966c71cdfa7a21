"""What all tests share: where recorded market data lies."""

import gc
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def recorded() -> Path:
    """The folder of recorded market data; without it the test is skipped, or fails where TRADEWIND_REQUIRE_DATA says so."""
    folder = Path(os.environ.get("TRADEWIND_TEST_DATA", ROOT / "../shared/data")).resolve()
    if not folder.is_dir():
        reason = f"no recorded market data at {folder}: set TRADEWIND_TEST_DATA"
        if os.environ.get("TRADEWIND_REQUIRE_DATA"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


def pytest_unconfigure():
    """Let go of what DuckDB would call leaked at the end.

    A bot's quick start has frozen it (its pod has no DuckDB). And Hypothesis has left a callback, which outlives the last look
    for garbage with all modules that it knows of.
    """
    gc.unfreeze()
    gc.callbacks.clear()
