"""What is looked at before an order is sent: every reason by a number that breaks it, and what is not known is a no."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tradewind_api.ledger import LedgerState, Position
from tradewind_api.runner import RiskLimits
from tradewind_engine.trading.risk import Circumstances, OrderBounds, Proposal, bounds_of, refusals

NOW = 1_000_000
BUY = Proposal("BTC/USDT", Decimal(1), Decimal(100))
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
BOUNDS = OrderBounds(orders_per_minute=2, price_band_percent=Decimal(10), oldest_price_ms=60_000)
LIMITS = RiskLimits(max_position_percent=40, max_open_orders=1, max_daily_loss_percent=5, max_drawdown_percent=20)


def judge(proposal, *, state=STATE, **changes):
    return refusals(proposal, state, LIMITS, replace(FINE, **changes), BOUNDS)


def test_an_order_within_all_limits_is_allowed():
    """Nothing to say is a yes."""
    assert [] == judge(BUY)


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


def test_an_order_that_would_spend_too_much():
    """By its owner's word for one order, whatever the position may be."""
    limits = LIMITS.model_copy(update={"max_order_notional": Decimal("99.99")})
    assert ["MaxOrder: 100.00 for one order, 99.99 allowed"] == refusals(BUY, STATE, limits, FINE, BOUNDS)


def test_an_owner_makes_bounds_narrower_and_never_wider():
    """Left out, the platform's hold; a faster exchange makes more candles a minute, and no price older."""
    assert OrderBounds() == bounds_of(RiskLimits())
    narrow = RiskLimits(max_orders_per_minute=2, max_price_deviation_percent=1.5, max_price_age_seconds=5)
    assert OrderBounds(2, Decimal("1.5"), 5000) == bounds_of(narrow)
    wide = RiskLimits(max_orders_per_minute=99, max_price_deviation_percent=90, max_price_age_seconds=900)
    assert OrderBounds() == bounds_of(wide)
    assert OrderBounds(4, Decimal("1.5"), 5000) == bounds_of(narrow, speed=2)


def test_what_is_not_limited_is_not_told():
    """A pod that is older than a limit goes on with a configuration that does not set it."""
    assert {"maxOpenOrders": 3, "onBreach": "Halt"} == RiskLimits(max_open_orders=3).model_dump(mode="json", by_alias=True)
    everything = RiskLimits(max_order_notional=Decimal("12.50"), max_price_age_seconds=9)
    assert everything == RiskLimits.model_validate_json(everything.model_dump_json(by_alias=True))


def test_all_reasons_are_told_at_once():
    """A trader repairs them in one go."""
    assert 3 == len(judge(BUY, funds=Decimal(1), open_orders=5, symbols=[]))


def test_funds_must_do_for_the_most_that_may_be_paid():
    """The exchange holds back what an order may cost; one of 100 that goes up to 100.5 needs that."""
    dearer = replace(BUY, limit=Decimal("100.5"))
    assert ["InsufficientFunds: 100.5 needed, 100.49 there"] == judge(dearer, funds=Decimal("100.49"))
    assert [] == judge(dearer, funds=Decimal("100.50"))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-1", "0"])
def test_numbers_that_cannot_be_are_never_sent(number):
    """In amount and in price."""
    assert judge(replace(BUY, amount=Decimal(number)))[0].startswith("BadNumber")
    assert judge(replace(BUY, price=Decimal(number)))[0].startswith("BadNumber")
