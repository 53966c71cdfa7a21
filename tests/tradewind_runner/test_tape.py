"""Books and trades of an exchange's stream: what ccxt can watch, and how a trade is read."""

from decimal import Decimal

import pytest

from tradewind_api.runner import ExchangeConfig
from tradewind_engine.trading.book import Print
from tradewind_runner.feed.tape import _book, _print, _side, unwatchable

TRADE = {"id": "20f43950-d8dd-5b31-9112-a178eb6023af", "timestamp": 5, "price": 100.5, "amount": 0.1, "side": "buy"}


@pytest.mark.parametrize(("ccxt_id", "missing"), [("binance", []), ("bybit", []), ("bitbns", ["order books", "trades"])])
async def test_what_an_exchange_does_not_stream_is_named(ccxt_id, missing):
    """Real ccxt: two that stream, and one that ccxt knows by REST alone."""
    assert missing == await unwatchable(ExchangeConfig(name="x", ccxt_id=ccxt_id))


def test_a_trades_own_name_may_be_anything():
    """Some exchanges number their trades, others do not; matching wants none of it."""
    assert Print(7, 5, Decimal("100.5"), Decimal("0.1"), "buy") == _print(TRADE, 7)


@pytest.mark.parametrize(
    "change", [{"price": float("nan")}, {"price": 0}, {"amount": -1}, {"amount": float("inf")}, {"price": 1e308}]
)
def test_a_trade_that_cannot_be_is_refused(change):
    with pytest.raises(ValueError, match="no trade can be"):
        _print(TRADE | change, 1)


@pytest.mark.parametrize("level", [(float("nan"), 1), (1e308, 1), (-1, 1), (0, 1), (100, float("nan")), (100, -1), (100, 0)])
def test_a_book_that_cannot_be_is_refused(level):
    """Whole: no order is matched with what is left of it."""
    with pytest.raises(ValueError, match="no book can offer"):
        _side([(100, 1), level])


@pytest.mark.parametrize("bid", [100, 101, 1000])
def test_a_book_that_is_crossed_is_refused(bid):
    """Who bids what another asks has bought already: it is no market's book, whatever the exchange sends."""
    with pytest.raises(ValueError, match="no book can bid"):
        _book({"bids": [[bid, 1], [99, 1]], "asks": [[100, 1]]})
    assert Decimal(99) == _book({"bids": [[99, 1]], "asks": [[100, 1]]}).bids[0][0]
