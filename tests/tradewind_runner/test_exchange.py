"""Candles by REST, page by page, and the rules of a market."""

import pytest
from scripted_http import ScriptedExchange

from tradewind_api.runner import ExchangeConfig
from tradewind_runner import exchange as module
from tradewind_runner.brokers.errors import ExchangeUnavailableError, RateLimitedError
from tradewind_runner.exchange import Exchange, _market

MINUTE, T0 = 60_000, 1_750_000_020_000 // 60_000 * 60_000


class Klines:
    """Answers for ccxt with minutes 0 to `newest`; while its question is under way another minute begins."""

    def __init__(self, newest: int) -> None:
        self.newest = newest

    async def fetch_ohlcv(self, symbol, timeframe, since, limit):
        first = -(-(since - T0) // MINUTE)
        rows = [[T0 + m * MINUTE, 1.0, 1.0, 1.0, 1.0, self._volume(m)] for m in range(first, self.newest + 1)][:limit]
        self.newest += 1
        return rows

    def _volume(self, minute: int) -> float:
        return 60.0 if minute < self.newest else 1.0  # a minute that runs has not all of its volume


async def test_a_candle_that_ran_when_its_page_was_sent_is_asked_for_again(monkeypatch):
    """Minute 3 is the last of a page, and ends before the next one is asked for: it counts as that one has it."""
    monkeypatch.setattr(module, "PAGE", 4)
    exchange = Exchange(ExchangeConfig(name="s", ccxt_id="binance"))
    session, exchange._ccxt = exchange._ccxt, Klines(newest=3)
    found = await exchange.candles("BTC/USDT", "1m", since_ms=T0, count=7)
    assert [T0 + minute * MINUTE for minute in range(5)] == found.ts.tolist()
    assert [60.0, 60.0, 60.0, 60.0, 1.0] == found.volume.tolist()
    exchange._ccxt = session
    await exchange.close()


async def test_pages_join(monkeypatch):
    """Neither twice nor left out, and no more than was asked for."""
    monkeypatch.setattr(module, "PAGE", 4)
    exchange = Exchange(ExchangeConfig(name="s", ccxt_id="binance"))
    session, exchange._ccxt = exchange._ccxt, Klines(newest=100)
    for count in range(1, 12):
        found = await exchange.candles("BTC/USDT", "1m", since_ms=T0, count=count)
        assert [T0 + minute * MINUTE for minute in range(count)] == found.ts.tolist()
    exchange._ccxt = session
    await exchange.close()


async def test_what_an_exchange_says_is_used_up_holds_back_public_questions_but_no_sale():
    """Those that do not say so are paced by ccxt's own limiter."""
    async with ScriptedExchange() as server:
        used = {"X-MBX-USED-WEIGHT-1M": "5000"}
        server.answers["time"] = 200, {"serverTime": T0}, used
        exchange = Exchange(ExchangeConfig(name="s", ccxt_id="binance", endpoint={"rest": f"http://127.0.0.1:{server.port}"}))
        await exchange.sync_clock()
        with pytest.raises(RateLimitedError):
            await exchange.sync_clock()
        await exchange.limiter.turn(urgent=True)
        assert (1, False) == (len(server.requests), exchange._ccxt.enableRateLimit)
        await exchange.close()
    other = Exchange(ExchangeConfig(name="s", ccxt_id="kraken"))
    assert other._ccxt.enableRateLimit
    await other.close()


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -1.0, 1e308])
@pytest.mark.parametrize("where", ["amount", "price", "cost"])
def test_rules_that_cannot_be_are_no_market(where, wrong):
    """No order is rounded to them; the bot says so and asks again."""
    steps = {"amount": 0.001, "price": 0.01}
    raw = {"symbol": "BTC/USDT", "precision": steps, "limits": {"cost": {"min": 5}}, "active": True}
    assert 5 == _market(raw).min_notional
    raw["limits" if where == "cost" else "precision"] = {"cost": {"min": wrong}} if where == "cost" else steps | {where: wrong}
    with pytest.raises(ExchangeUnavailableError, match="BTC/USDT: no market can have"):
        _market(raw)
