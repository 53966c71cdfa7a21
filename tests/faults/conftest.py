"""One simulated exchange for all faults on orders; each test trades on an account of its own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from faults.hosting import SPEED, HostedWorld
from faults.matrix import BTC, PRICE, World, stand_still
from faults.tenancy import Tenancy, tenancy
from simulator_process import Server

from tradewind_runner import account_watching, reporter
from tradewind_runner.brokers import ccxt_client


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Its market stands at 50,000: no order is filled, and no level moves, but by somebody's hand."""
    found = Server(tmp_path_factory.mktemp("simulator"), "--order-limit-10s", "0", "--symbols", '["BTC/USDT", "BNB/USDT"]')
    stand_still(found, BTC, PRICE)
    stand_still(found, "BNB/USDT", "500")
    yield found
    assert 0 == found.stop()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request without an answer is given up after a second; for tests in which one is, as a slow machine may answer later."""
    monkeypatch.setattr(ccxt_client, "TIMEOUT_MS", 1_000)


@pytest.fixture
async def world(server: Server) -> AsyncIterator[World]:
    """A fresh account."""
    async with World(server) as found:
        yield found


@pytest.fixture(scope="session")
def fast_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An exchange on which ten candles of a minute pass in a second, and prices move as they do elsewhere in that time."""
    options = ("--order-limit-10s", "0", "--weight-limit", "0", "--speed", str(SPEED), "--volatility", "0.04")
    found = Server(tmp_path_factory.mktemp("fast"), *options)
    yield found
    assert 0 == found.stop()


@pytest.fixture
def live(fast_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HostedWorld]:
    """A live bot's world with a fresh account; a hosted one opens its stream of orders again soon."""
    monkeypatch.setattr(account_watching, "RETRY_S", 0.3)
    found = HostedWorld(tmp_path, fast_server)
    yield found
    found.close()


@pytest.fixture
async def acme(fast_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Tenancy]:
    """A tenant at a real portal; its bots' hearts beat five times a second."""
    monkeypatch.setattr(reporter, "HEARTBEAT_S", 0.2)
    async with tenancy(tmp_path, fast_server, SPEED) as found:
        yield found
