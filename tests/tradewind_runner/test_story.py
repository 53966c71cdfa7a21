"""What a bot's log tells: its pod's first line, what happened to its orders, and each change of its state once."""

from decimal import Decimal

import pytest

from tradewind_api.ledger import (
    Acknowledged,
    Adjusted,
    Closed,
    Decision,
    Equity,
    Filled,
    Halted,
    Intended,
    Started,
    Stopped,
    Unknown,
)
from tradewind_engine.trading.reconcile import written_off
from tradewind_engine.trading.standing import Standing
from tradewind_runner.story import Changes, told

ORDER = {"client_order_id": "o1", "symbol": "BTC/USDT", "side": "buy", "amount": Decimal("0.1")}


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (
            Started(
                generation=1, strategy_digest="a" * 64, runner_version="1", mode="Paper", currency="USDT", capital=Decimal(100)
            ),
            "started: Paper, capital 100 USDT, strategy aaaaaaaaaaaa",
        ),
        (
            Filled(**ORDER, trade_id="t", price=Decimal(50), fee=Decimal("0.005"), fee_currency="USDT"),
            "order o1: buy 0.1 BTC/USDT at 50, fee 0.005 USDT",
        ),
        (Acknowledged(client_order_id="o1", exchange_order_id="77"), "order o1: the exchange has it as 77"),
        (Unknown(client_order_id="o1", reason="timeout"), "order o1: its answer was lost, it is looked up: timeout"),
        (Closed(client_order_id="o1", outcome="Rejected", reason="no funds"), "order o1: Rejected: no funds"),
        (
            Adjusted(symbol="BTC/USDT", amount=Decimal("-0.2"), reason="Reconciled: the account lacks 0.2 of BTC/USDT"),
            "adjusted BTC/USDT by -0.2, cash by 0: Reconciled: the account lacks 0.2 of BTC/USDT",
        ),
        (
            written_off("BTC/USDT", Decimal("0.01"), Decimal("0.001")),
            "adjusted BTC/USDT by -0.01, cash by 0: Dust: 0.01 of BTC/USDT is less than the exchange takes",
        ),
        (Halted(reason="MaxDrawdown", message="MaxDrawdown: 12 % of 10 %"), "halted: MaxDrawdown: 12 % of 10 %"),
        (Stopped(reason="Stopped"), "stopped, Stopped"),
    ],
)
def test_what_somebody_may_ask_about_is_one_line(data, line):
    """Start, stop, halt, and what became of an order."""
    assert line == told(data)


@pytest.mark.parametrize(
    "data",
    [
        Decision(symbol="BTC/USDT", candle_open_ms=0, action="Enter"),
        Equity(equity=Decimal(1), cash=Decimal(1), prices={}),
        Intended(**ORDER, candle_open_ms=0, reason="entry"),
        Closed(client_order_id="o1", outcome="Filled"),
        written_off("BTC/USDT", Decimal("0.0009"), Decimal("0.001")),
    ],
)
def test_what_happens_each_candle_is_not_told(data):
    """Nor what is only intended: nothing is printed on an order's way to the exchange. Nor what a fee leaves below a step."""
    assert told(data) is None


def test_a_state_is_told_once_and_again_when_it_or_a_reason_changes():
    """Figures in a reason change all the time, and make no line."""
    changes = Changes()
    assert "state Active" == changes.line(Standing("Active", ()))
    assert changes.line(Standing("Active", ())) is None
    assert "state Reducing: StaleData: 3 s" == changes.line(Standing("Reducing", ("StaleData: 3 s",)))
    assert changes.line(Standing("Reducing", ("StaleData: 4 s",))) is None
    assert "state Reducing: StaleData: 5 s; Paused" == changes.line(Standing("Reducing", ("StaleData: 5 s", "Paused")))
    assert "state Active" == changes.line(Standing("Active", ()))
