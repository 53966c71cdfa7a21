"""A served portal, and people in two tenants."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from portal_double import Running, running_portal


@pytest_asyncio.fixture
async def portal(tmp_path: Path) -> AsyncIterator[Running]:
    async with running_portal(tmp_path / "data") as running:
        yield running


@pytest_asyncio.fixture
async def admin(portal: Running) -> dict[str, str]:
    return await portal.log_in()


@pytest_asyncio.fixture
async def alice(portal: Running, admin: dict[str, str]) -> dict[str, str]:
    """Owner of tenant acme."""
    return await portal.tenant("acme", admin)


@pytest_asyncio.fixture
async def bob(portal: Running, admin: dict[str, str]) -> dict[str, str]:
    """Owner of tenant umbrella."""
    return await portal.tenant("umbrella", admin)


@pytest.fixture
def bot_spec() -> dict[str, object]:
    return {
        "strategy": {"template": "sma-crossover"},
        "exchange": "simulated",
        "symbols": ["BTC/USDT"],
        "timeframe": "1m",
        "capital": {"currency": "USDT", "amount": "1000"},
    }


@pytest.fixture
def backtest_spec() -> dict[str, object]:
    return {
        "strategy": {"template": "rsi"},
        "dataset": {
            "exchange": "simulated",
            "symbols": ["BTC/USDT"],
            "timeframe": "1m",
            "from": "2025-01-01",
            "to": "2025-01-02",
        },
    }
