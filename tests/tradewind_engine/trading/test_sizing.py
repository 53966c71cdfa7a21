"""What a purchase at the market may cost: numbers worked out by hand."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind_engine.trading.rounding import MarketRules
from tradewind_engine.trading.sizing import PaperMarket, market_purchase

BTC = "BTC/USDT"


def bought(budget, share, price, *, fee="0.001", slippage="0", step="0.001", tick="0.01", least="5"):
    market = PaperMarket(BTC, Decimal(fee), Decimal(slippage), Decimal(step), Decimal(least))
    return market_purchase(
        Decimal(budget), Decimal(share), Decimal(price), market, MarketRules(BTC, Decimal(step), Decimal(tick))
    )


@pytest.mark.parametrize(
    ("budget", "amount"),
    [("1000", "9.940"), ("100", "0.999"), ("2000", "9.940")],
    ids=["all of it: 1000 / (100.5 x 1.001)", "a tenth: 100 / (100 x 1.001)", "more than there is"],
)
def test_half_a_percent_of_the_cash_is_kept_for_what_the_price_does_meanwhile(budget, amount):
    assert (Decimal(amount), Decimal("100.50"), None) == bought(budget, "1000", "100")


def test_a_limit_lies_a_tick_above_where_half_a_percent_is_less():
    """A price of 12 of the smallest steps: the next offer is 13, and that is paid for."""
    amount, limit, _ = bought("100", "100", "0.00000012", step="1", tick="0.00000001", fee="0")
    assert (Decimal("0.00000013"), 769_230_769) == (limit, amount)


def test_what_is_too_little_is_told_as_ever():
    amount, _, reason = bought("3", "1000", "100")
    assert (0, "BelowMinimum: 3.00 buys 0.029") == (amount, str(reason).partition(",")[0])


@given(
    share=st.decimals("5", "1000000", places=2),
    part=st.decimals("0.01", "2", places=2),
    price=st.decimals("0.00001", "100000", places=5),
    fee=st.sampled_from(["0", "0.001", "0.01"]),
    slippage=st.sampled_from(["0", "0.0002", "0.01"]),
)
def test_filled_at_its_limit_with_its_fee_it_never_costs_more_than_there_is(share, part, price, fee, slippage):
    amount, limit, _ = bought(share * part, share, price, fee=fee, slippage=slippage, step="0.00001", tick="0.00001")
    assert limit >= price
    assert amount * limit * (1 + Decimal(fee)) <= share
