"""Books that are made up around a candle's price."""

import numpy as np
import pytest

from tradewind_engine.candles import Candles
from tradewind_simulator.clock import VirtualClock
from tradewind_simulator.exchange import SimulatedExchange
from tradewind_simulator.market.books import book, trades

T0 = 1_750_000_000_000 // 60_000 * 60_000


def listing(name, seed=7):
    exchange = SimulatedExchange(VirtualClock(0, T0, 1))
    exchange.list_seeded(name, seed)
    return exchange.listings[name.replace("/", "")]


def test_a_made_up_book_is_sorted_and_stands_around_the_price():
    """Bids fall, asks rise, the price lies between; amounts are whole steps."""
    for name in ("BTC/USDT", "SOL/USDT", "DOGE/USDT"):
        market = listing(name)
        shown = book(market, T0 + 30_000)
        price = float(market.source.candles(T0, T0 + 1, T0 + 30_000).close[-1])
        assert [100, 100] == [len(shown.bids), len(shown.asks)]
        assert sorted({price for price, _ in shown.bids}, reverse=True) == [price for price, _ in shown.bids]
        assert sorted({price for price, _ in shown.asks}) == [price for price, _ in shown.asks]
        assert shown.bids[0][0] <= price <= shown.asks[0][0]
        assert all(amount > 0 for _, amount in (*shown.bids, *shown.asks))


def test_the_same_moment_is_the_same_book():
    """However it is asked for; another seed is another one, and within 100 ms it is one object."""
    again, market = book(listing("BTC/USDT"), T0), listing("BTC/USDT")
    assert again == book(market, T0)
    assert book(market, T0 + 100) is book(market, T0 + 199)
    assert again != book(listing("BTC/USDT", 8), T0)


def test_what_is_printed_makes_the_candle():
    """First, highest, lowest and last print of a closed minute are its open, high, low and close; each is printed once."""
    market = listing("BTC/USDT")
    found = trades(market, T0 - 1, T0 + 59_999)
    halves = trades(market, T0 - 1, T0 + 30_000) + trades(market, T0 + 30_000, T0 + 59_999)
    assert [trade.trade_id for trade in found] == [trade.trade_id for trade in halves]
    closed = market.source.candles(T0, T0 + 1, T0 + 60_000)
    prices = [float(trade.price) for trade in trades(market, T0 - 1, T0 + 60_000) if trade.time_ms < T0 + 60_000]
    expected = [closed.open[0], closed.high[0], closed.low[0], closed.close[0]]
    assert [round(float(value), 2) for value in expected] == [prices[0], max(prices), min(prices), prices[-1]]


def test_a_level_keeps_its_amount_for_a_minute():
    """While the price moves over it; in the next minute it is another."""
    market = listing("BTC/USDT")
    shown = {}
    for moment in range(T0, T0 + 60_000, 1000):
        for price, amount in (*book(market, moment).bids, *book(market, moment).asks):
            assert amount == shown.setdefault(price, amount)
    later = dict(book(market, T0 + 60_000).bids)
    assert any(amount != shown.get(price, amount) for price, amount in later.items())


@pytest.mark.parametrize(
    ("close", "way"), [(104.0, [100.0, 95.0, 110.0, 104.0]), (98.0, [100.0, 110.0, 95.0, 98.0])], ids=["rises", "falls"]
)
def test_a_recorded_candle_goes_where_its_trades_are_printed(close, way):
    """Against its direction first, then to the other extreme and its close: candle so far, book and trades say the same."""
    ts = np.array([T0 - 60_000, T0], dtype=np.int64)
    exchange = SimulatedExchange(VirtualClock(0, T0, 1))
    columns = ([100.0, 100.0], [100.0, 110.0], [100.0, 95.0], [100.0, close], [9.0, 9.0])
    market = exchange.list_recorded("BTC/USDT", Candles(ts, *(np.array(column) for column in columns)))
    for number, moment in enumerate((T0, T0 + 20_000, T0 + 40_000, T0 + 59_999)):
        candle = market.candles(T0, T0 + 1, moment)
        passed = way[: number + 1]
        assert [way[number], max(passed), min(passed)] == pytest.approx(
            [candle.close[0], candle.high[0], candle.low[0]], rel=1e-4
        )
        shown = book(exchange.listings["BTCUSDT"], moment)
        price = market.candles(T0, T0 + 1, moment // 100 * 100).close[0]  # when a book changes
        assert float(shown.bids[0][0]) - 0.01 <= price <= float(shown.asks[0][0]) + 0.01
        assert way[number] == float(trades(exchange.listings["BTCUSDT"], moment - 1000, moment)[-1].price)
