"""Steps and bounds of a market: never more than was decided, never what the exchange would not take."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind_engine.trading.rounding import MarketRules, fault, round_amount, round_price

RULES = MarketRules(
    "BTC/USDT",
    amount_step=Decimal("0.001"),
    price_tick=Decimal("0.5"),
    min_notional=Decimal(5),
    max_notional=Decimal(9_000),
    min_amount=Decimal("0.002"),
    max_amount=Decimal(80),
)


@pytest.mark.parametrize(
    ("amount", "price", "expected"),
    [
        ("0.1", "100", None),
        ("0.001", "100000", "BelowMinimum: 0.001 is less than the smallest amount 0.002"),
        ("0.0495", "100", "OffGrid: 0.0495 is no multiple of 0.001"),
        ("0.049", "100", "BelowMinimum: 4.90, the market wants an order of 5 or more"),
        ("81", "100", "AboveMaximum: 81 is more than the largest amount 80"),
        ("80", "200", "AboveMaximum: 16000.00 is more than the largest order 9000"),
        ("NaN", "100", "BadNumber: NaN at 100"),
        ("1", "Infinity", "BadNumber: 1 at Infinity"),
        ("-1", "100", "BelowMinimum: -1 is less than the smallest amount 0.002"),
    ],
)
def test_what_the_market_does_not_take(amount, price, expected):
    """Each bound by a number that breaks it and no other."""
    assert expected == fault(Decimal(amount), Decimal(price), RULES)


PRICES = st.decimals(min_value=1, max_value=100_000, places=3)


@given(st.decimals(min_value=0, max_value=100, places=6), PRICES)
def test_rounding_is_against_ourselves_and_by_less_than_a_step(amount, price):
    """Amounts go down, a buy pays no more, a sale asks no less; rounding twice changes nothing."""
    rounded = round_amount(amount, RULES)
    assert 0 <= amount - rounded < RULES.amount_step
    assert rounded == round_amount(rounded, RULES)
    assert 0 <= price - round_price(price, "buy", RULES) < RULES.price_tick
    assert 0 <= round_price(price, "sell", RULES) - price < RULES.price_tick
