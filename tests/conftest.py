"""What all tests share: where recorded market data lies."""

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
