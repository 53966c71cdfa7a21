"""The reaper: cancels what is the bot's and open, twice looked at, through every outage; places nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from tradewind_api.ledger import LedgerState
from tradewind_engine.trading.identity import client_order_id, epoch_of
from tradewind_engine.trading.orders import Report
from tradewind_runner import reaper
from tradewind_runner.brokers.errors import (
    BrokerError,
    CredentialsRefusedError,
    ExchangeUnavailableError,
    ForbiddenError,
    OutcomeUnknownError,
    RateLimitedError,
)
from tradewind_runner.brokers.port import SeenOrder

UID, OTHER = "bot-1", "bot-2"


def order(uid: str, number: int, symbol: str = "BTC/USDT") -> SeenOrder:
    report = Report(str(number), "new", Decimal(0), ())
    return SeenOrder(symbol, client_order_id(uid, 3, number), "buy", "limit", Decimal(1), Decimal(100), 0, report)


@dataclass
class Book:
    """An exchange of which open orders and cancelling count; `faults` come in the way, `late` orders at a look."""

    there: list[SeenOrder]
    faults: list[BrokerError] = field(default_factory=list)
    late: dict[int, SeenOrder] = field(default_factory=dict)
    looks: int = 0
    cancelled: list[str] = field(default_factory=list)

    async def open_orders(self, symbol: str) -> list[SeenOrder]:
        self._fail()
        self.looks += 1
        if self.looks in self.late:
            self.there.append(self.late[self.looks])
        return [item for item in self.there if item.symbol == symbol]

    async def cancel(self, symbol: str, client_order_id: str, *, by: str) -> None:
        assert 7 == epoch_of(by, UID)
        self.cancelled.append(client_order_id)
        self.there = [item for item in self.there if item.client_order_id != client_order_id]
        self._fail()

    def _fail(self) -> None:
        if self.faults:
            raise self.faults.pop(0)

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]] | AsyncIterator[Any]:
        raise AssertionError(f"a reaper has no use for {name}")


@pytest.fixture(autouse=True)
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses are noted, not waited for."""
    found: list[float] = []

    async def nap(seconds: float) -> None:
        found.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", nap)
    return found


async def test_its_own_orders_go_and_nobody_elses():
    """By prefix, on every symbol, of whatever epoch."""
    mine = [order(UID, 1), order(UID, 2), order(UID, 3, "ETH/USDT")]
    others = [order(OTHER, 1), SeenOrder("BTC/USDT", "typed-by-hand", "buy", "limit", Decimal(1), None, 0, mine[0].report)]
    book = Book([*mine, *others])
    assert {item.client_order_id for item in mine} == await reaper.reap(book, UID, {"BTC/USDT", "ETH/USDT"}, epoch=7)
    assert others == book.there


async def test_an_order_that_was_still_on_its_way_is_found(naps: list[float]):
    """Two clean looks in a row, a pause between; one in between begins anew."""
    book = Book([], late={2: order(UID, 1)})
    assert {order(UID, 1).client_order_id} == await reaper.reap(book, UID, ["BTC/USDT"], epoch=7)
    assert 4 == book.looks
    assert [reaper.SETTLE_S] * 3 == naps


async def test_no_outage_makes_it_give_up_or_skip(naps: list[float]):
    """Unavailable, unknown, limited: it waits as it is told, longer and longer, and goes on where it was."""
    faults: list[BrokerError] = [
        ExchangeUnavailableError("down"),
        OutcomeUnknownError("garbled"),
        RateLimitedError("slow", retry_after_s=17),
    ]
    book = Book([order(UID, 1)], faults=faults)
    assert {order(UID, 1).client_order_id} == await reaper.reap(book, UID, ["BTC/USDT"], epoch=7)
    assert [1.0, 2.0, 17] == naps[:3]


@pytest.mark.parametrize("fault", [CredentialsRefusedError("revoked"), ForbiddenError("451")])
async def test_what_waiting_does_not_mend_ends_it(fault: BrokerError):
    """A person must act; the Job fails and says so."""
    with pytest.raises(type(fault)):
        await reaper.reap(Book([order(UID, 1)], faults=[fault]), UID, ["BTC/USDT"], epoch=7)


def test_it_looks_wherever_the_bot_may_have_orders():
    """Its symbols now, what it holds, what it asked for before its symbols were changed."""
    state = LedgerState.model_validate(
        {
            "positions": {"ETH/USDT": {"amount": "1"}},
            "openIntents": {
                "x": {
                    "clientOrderId": "x",
                    "symbol": "SOL/USDT",
                    "side": "buy",
                    "amount": "1",
                    "candleOpenMs": 0,
                    "reason": "entry",
                }
            },
        }
    )
    config = type("Config", (), {"symbols": ["BTC/USDT"]})()
    assert {"BTC/USDT", "ETH/USDT", "SOL/USDT"} == reaper.symbols_of(config, state)
