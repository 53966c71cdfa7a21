"""What is looked at before an order is sent: every reason by a number that breaks it, and what is not known is a no."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tradewind_api.ledger import LedgerState, Position
from tradewind_api.runner import RiskLimits
from tradewind_engine.trading.risk import Circumstances, OrderBounds, Proposal, refusals

NOW = 1_000_000
BUY = Proposal("BTC/USDT", "buy", Decimal(1), Decimal(100))
SELL = replace(BUY, side="sell")
STATE = LedgerState(
    equity=Decimal(1000),
    peak_equity=Decimal(1000),
    day_start_equity=Decimal(1000),
    positions={"BTC/USDT": Position(amount=Decimal(2), notional=Decimal(200), cost=Decimal(200))},
)
FINE = Circumstances(
    now_ms=NOW,
    symbols=["BTC/USDT"],
    funds=Decimal(500),
    before=Decimal(99),
    price_age_ms=1_000,
    open_orders=0,
    sent_ms=[],
)
BOUNDS = OrderBounds(entries_per_minute=2, exits_per_minute=3, price_band_percent=Decimal(10), oldest_price_ms=60_000)
LIMITS = RiskLimits(max_position_percent=40, max_open_orders=1, max_daily_loss_percent=5, max_drawdown_percent=20)


def judge(proposal, *, state=STATE, **changes):
    return refusals(proposal, state, LIMITS, replace(FINE, **changes), BOUNDS)


def test_an_order_within_all_limits_is_allowed():
    """Nothing to say is a yes."""
    assert [] == judge(BUY)
    assert [] == judge(SELL)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"funds": Decimal("99.99")}, "InsufficientFunds: 100 needed, 99.99 there"),
        ({"funds": None}, "UnknownFunds: the balance is not known"),
        ({"funds": Decimal("NaN")}, "UnknownFunds: the balance is not known"),
        ({"before": None}, "UnknownPrice: no earlier price to compare with"),
        ({"before": Decimal(10)}, "PriceBand: 100 is 900.0 % from 10, 10 allowed"),
        ({"price_age_ms": 60_001}, "StaleData: the newest price is 60 s old"),
        ({"price_age_ms": None}, "StaleData: the newest price is not known"),
        ({"open_orders": 1}, "OpenOrders: 1 are open, 1 allowed"),
        ({"sent_ms": [NOW - 59_000, NOW - 1]}, "OrderRate: 2 orders within a minute, 2 allowed"),
        ({"symbols": ["ETH/USDT"]}, "ForeignSymbol: BTC/USDT"),
        ({"blocked": "Killed: platform"}, "Killed: platform"),
        ({"state": STATE.model_copy(update={"halted": "Reconcile"})}, "Halted: Reconcile"),
        (
            {"state": STATE.model_copy(update={"equity": Decimal(940)})},
            "MaxDailyLoss: 6.00 % lost today, 5.0 allowed",
        ),
    ],
)
def test_one_reason_each(changes, reason):
    """A purchase is refused for exactly this."""
    assert [reason] == judge(BUY, **changes)


def test_a_position_that_would_be_too_large():
    """Two are held and three more would be 500 of 1,000, where 40 % are allowed."""
    assert ["MaxPosition: 500.00 of BTC/USDT, 400.00 allowed"] == judge(replace(BUY, amount=Decimal(3)))


def test_all_reasons_are_told_at_once():
    """A trader repairs them in one go."""
    assert 3 == len(judge(BUY, funds=Decimal(1), open_orders=5, blocked="Paused"))


def test_what_reduces_risk_is_asked_for_less():
    """With stale prices, after a halt, under a kill switch; never more than is there, never at an absurd price."""
    halted = STATE.model_copy(update={"halted": "MaxDrawdown"})
    assert [] == judge(SELL, state=halted, price_age_ms=None, open_orders=9, blocked="Killed: bot", symbols=[])
    assert ["InsufficientFunds: 1 needed, 0.5 there"] == judge(SELL, funds=Decimal("0.5"))
    assert ["PriceBand: 100 is 900.0 % from 10, 10 allowed"] == judge(SELL, before=Decimal(10))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-1", "0"])
def test_numbers_that_cannot_be_are_never_sent(number):
    """In amount and in price, bought or sold."""
    for proposal in (BUY, SELL):
        assert judge(replace(proposal, amount=Decimal(number)))[0].startswith("BadNumber")
        assert judge(replace(proposal, price=Decimal(number)))[0].startswith("BadNumber")
