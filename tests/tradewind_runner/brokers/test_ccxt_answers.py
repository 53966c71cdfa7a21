"""Whatever an exchange answers: it is read, or it is not understood. Nothing else comes out, and nothing that cannot be."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind_engine.trading.orders import MOST
from tradewind_runner.brokers.ccxt_answers import read_balances, read_order, read_rules, read_trades
from tradewind_runner.brokers.errors import OutcomeUnknownError

pytestmark = pytest.mark.slow

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["NaN", "-1", "1e308", "Infinity", "0", "1", "buy", "closed", "BTC/USDT", -1, 2**70, 10**400]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FEE = {"cost": "0.001", "currency": "BNB"}
TRADE = {"id": "7", "amount": "0.5", "price": "100", "symbol": "BTC/USDT", "side": "buy", "fee": FEE}
ORDER = {
    "id": "1",
    "clientOrderId": "c",
    "symbol": "BTC/USDT",
    "status": "closed",
    "side": "buy",
    "type": "market",
    "amount": "1",
    "filled": "1",
    "price": "100",
    "timestamp": 1_000,
    "trades": [TRADE],
    "info": {"type": "MARKET"},
}
MARKET = {
    "symbol": "BTC/USDT",
    "precision": {"amount": "0.001", "price": "0.01"},
    "limits": {"cost": {"min": "5", "max": None}, "amount": {"min": "0.001", "max": "9"}},
}


def spoiled(good):
    """Return a strategy of answers in which up to three fields are anything or missing."""
    changes = st.dictionaries(st.sampled_from(sorted(good)), ANYTHING, max_size=3)
    return changes.map(lambda change: {**good, **change}) | ANYTHING


def sane(value: Decimal) -> bool:
    return value.is_finite() and 0 <= value < MOST


def test_a_good_order_is_read():
    order = read_order(ORDER, symbol="BTC/USDT", latest_ms=2_000)
    assert ("c", "buy", "market", Decimal(1), None, 1_000) == (
        order.client_order_id,
        order.side,
        order.order_type,
        order.amount,
        order.price,
        order.created_ms,
    )
    assert [(Decimal("0.5"), Decimal("0.001"), "BNB")] == [(t.amount, t.fee, t.fee_currency) for t in order.report.trades]


@settings(max_examples=300, deadline=None)
@given(raw=spoiled({**ORDER, "trades": [TRADE]}), trade=spoiled(TRADE))
def test_orders_come_out_sane_or_not_at_all(raw, trade):
    for answer in (raw, {**ORDER, "trades": [trade, TRADE]}):
        try:
            order = read_order(answer, symbol="BTC/USDT", latest_ms=2_000)
        except OutcomeUnknownError:
            continue
        assert sane(order.amount)
        assert sane(order.report.filled)
        assert order.report.exchange_order_id
        assert 0 <= order.created_ms <= 2_000
        assert sum(each.amount for each in order.report.trades) <= order.report.filled


@settings(max_examples=200, deadline=None)
@given(raw=ANYTHING | st.lists(spoiled(TRADE), max_size=4), balances=spoiled({"total": {"BTC": "1"}, "free": {"BTC": "1"}}))
def test_trades_and_balances_come_out_sane_or_not_at_all(raw, balances):
    try:
        trades = read_trades(raw, symbol="BTC/USDT")
        assert len({trade.trade_id for trade in trades}) == len(trades)
        assert all(sane(trade.amount) and sane(trade.price) and sane(abs(trade.fee)) and trade.amount for trade in trades)
    except OutcomeUnknownError:
        pass
    try:
        found = read_balances(balances)
        assert all(sane(value) for value in (*found.total.values(), *found.free.values()))
    except OutcomeUnknownError:
        pass


@settings(max_examples=200, deadline=None)
@given(raw=spoiled(MARKET), step=ANYTHING, cost=ANYTHING)
def test_rules_come_out_sane_or_not_at_all(raw, step, cost):
    for market in (
        raw,
        {**MARKET, "precision": {"amount": step, "price": step}, "limits": {"cost": {"min": cost, "max": cost}}},
    ):
        try:
            rules = read_rules(market)
        except OutcomeUnknownError:
            continue
        assert sane(rules.amount_step)
        assert rules.amount_step > 0
        assert sane(rules.price_tick)
        assert sane(rules.min_notional)


def test_a_rebate_is_a_negative_fee_and_a_stop_keeps_its_word():
    assert Decimal("-0.1") == read_trades([{**TRADE, "fee": {"cost": "-0.1", "currency": "USDT"}}], symbol="BTC/USDT")[0].fee
    stop = {**ORDER, "type": "limit", "info": {"type": "STOP_LOSS_LIMIT"}, "timestamp": -1}
    assert ("stop_loss_limit", 0) == ((found := read_order(stop, symbol="BTC/USDT", latest_ms=0)).order_type, found.created_ms)


@pytest.mark.parametrize("side", ["sell", "hold", 1])
def test_a_trade_of_the_other_side_is_not_this_orders(side):
    with pytest.raises(OutcomeUnknownError):
        read_trades([{**TRADE, "side": side}], symbol="BTC/USDT", side="buy")
