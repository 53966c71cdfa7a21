"""Whatever an event of the account says: it is an order that can be, or the line is given up and orders are asked for."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind_engine.trading.orders import possible
from tradewind_runner.brokers.errors import ExchangeUnavailableError
from tradewind_runner.brokers.user_stream import _understood

LATEST, SYMBOLS = 2_000, {"BTCUSDT": "BTC/USDT"}
FILL = {"e": "executionReport", "s": "BTCUSDT", "c": "mine", "C": "", "S": "BUY", "o": "MARKET", "q": "1", "p": "0", "O": 1_000}
FILL |= {"i": 7, "X": "PARTIALLY_FILLED", "x": "TRADE", "z": "0.5", "t": 9, "l": "0.5", "L": "100", "n": "0.001", "N": "BTC"}
WRONG = [None, True, "NaN", "-1", "1e308", "Infinity", "", "x", -1, 10**400, [], {}]
ANYTHING = st.sampled_from(WRONG) | st.integers() | st.floats() | st.text(max_size=5)


def understood(event):
    return _understood(json.dumps({"subscriptionId": 0, "event": event}), SYMBOLS, LATEST)


def test_a_fill_is_read():
    (seen,) = understood(FILL)
    assert ("BTC/USDT", "mine", "buy", "market", 1, None, 1_000) == (
        seen.symbol,
        seen.client_order_id,
        seen.side,
        seen.order_type,
        seen.amount,
        seen.price,
        seen.created_ms,
    )
    (trade,) = seen.report.trades
    assert ("9", "7", "0.5", "100", "0.001") == (
        trade.trade_id,
        seen.report.exchange_order_id,
        *map(str, (trade.amount, trade.price, trade.fee)),
    )


@settings(max_examples=500, deadline=None)
@given(changes=st.dictionaries(st.sampled_from(sorted(FILL)), ANYTHING, min_size=1, max_size=3))
def test_events_come_out_sane_or_not_at_all(changes):
    """Numbers that no order has, sides, states and ids that do not exist, times that have not come."""
    try:
        found = understood(FILL | changes)
    except ExchangeUnavailableError:
        return
    for seen in found:
        trades = seen.report.trades
        numbers = [seen.amount, seen.report.filled, *(each for trade in trades for each in (trade.amount, trade.price))]
        assert all(map(possible, [*numbers, *(abs(trade.fee) for trade in trades)]))
        assert 0 <= seen.created_ms <= LATEST
        assert seen.report.exchange_order_id


@pytest.mark.parametrize(
    "changes", [{"S": "HOLD"}, {"q": "NaN"}, {"l": "-1"}, {"z": "1e308"}, {"O": LATEST + 1}, {"i": None}, {"X": "WON"}], ids=str
)
def test_what_cannot_be_gives_the_line_up(changes):
    with pytest.raises(ExchangeUnavailableError, match="cannot be understood"):
        understood(FILL | changes)


@pytest.mark.parametrize("text", ["", "[]", "7", "nothing", "[" * 200_000, '{"event": 1}', '{"status": 500, "error": 1}'])
def test_what_is_no_event_gives_the_line_up(text):
    with pytest.raises(ExchangeUnavailableError, match="order events"):
        _understood(text, SYMBOLS, LATEST)
