"""A paper bot's rounds on an exchange that has gaps, too few candles, or a clock that went back: in memory, no waiting."""

from decimal import Decimal

import numpy as np
import pytest
from instant_disk import InstantDisk

from tradewind_api.document.resolve import template, with_parameters
from tradewind_api.ledger import LedgerState, Position
from tradewind_api.runner import BotConfig, StartAnswer
from tradewind_engine.candles import Candles
from tradewind_runner.brokers.errors import ExchangeUnavailableError
from tradewind_runner.exchange import Market
from tradewind_runner.exchange_clock import ExchangeClock
from tradewind_runner.feed.candle_book import Row
from tradewind_runner.feed.rest import RestFeed
from tradewind_runner.feed.stream import StreamFeed
from tradewind_runner.paper_bot import PaperBot
from tradewind_runner.reporter import Reporter

MINUTE = 60_000


class MemoryExchange:
    """Candles at the minutes of `ts`; its time is set by hand."""

    def __init__(self, minutes: list[int], now: int) -> None:
        self.clock, self.minutes = ExchangeClock(monotonic=lambda: 0.0), minutes
        self.set(now)

    def set(self, minute: int) -> None:
        self.clock.sync(minute * MINUTE, asked=0.0, answered=0.0)

    async def sync_clock(self) -> None:
        return

    async def candles(self, symbol: str, timeframe: str, *, since_ms: int, count: int) -> Candles:
        ts = np.array([m * MINUTE for m in self.minutes if m * MINUTE >= since_ms and m * MINUTE <= self.clock.now_ms()])
        prices = 100.0 + np.sin(ts / MINUTE)
        return Candles(ts.astype(np.int64), prices, prices + 1, prices - 1, prices, np.ones(ts.size))[:count]


@pytest.fixture
def make_bot(tmp_path):
    opened = []

    def make(exchange, *, kill=(), feed=None):
        document = with_parameters(template("sma-crossover"), {"fast.period": 2, "slow.period": 5})
        config = BotConfig.model_validate(
            {
                "bot": {"uid": "u", "name": "b", "namespace": "n", "tenant": "t", "plan": "pro", "generation": 1},
                "mode": "Paper",
                "exchange": {"name": "simulated", "ccxtId": "binance"},
                "symbols": ["BTC/USDT"],
                "timeframe": "1m",
                "strategy": document.to_json(),
                "strategyDigest": "d",
                "capital": {"currency": "USDT", "amount": "1000"},
            }
        )
        start = StartAnswer(epoch=1, lease_seconds=900, state=LedgerState(cash=Decimal(1000)), kill=list(kill))
        outbox = InstantDisk(tmp_path / f"outbox-{len(opened)}.jsonl")
        opened.append(outbox)
        bot = PaperBot(config, exchange, Reporter(None, outbox, start), start, feed=feed)  # type: ignore[arg-type]  # nothing is sent
        bot._markets = {"BTC/USDT": Market("BTC/USDT", Decimal("0.00001"), Decimal(5), active=True)}
        return bot, outbox

    yield make
    for outbox in opened:
        outbox.close()


def decided(outbox):
    return [item.data["candleOpenMs"] // MINUTE for item in outbox.batch(1000) if item.type == "Decision"]


async def test_a_gap_makes_the_bot_look_further_back(make_bot):
    """Minutes 985 to 996 were never traded: of the six candles that a decision needs, most are older."""
    exchange = MemoryExchange([*range(900, 985), *range(997, 1001)], now=1000)
    bot, outbox = make_bot(exchange)
    await bot._round()
    assert [999] == decided(outbox)


async def test_too_few_candles_are_told_and_not_traded_on(make_bot):
    """A listing of four minutes: no decision, and readiness says what is missing; then enough, and the words go."""
    exchange = MemoryExchange(list(range(996, 1010)), now=1000)
    bot, outbox = make_bot(exchange)
    await bot._round()
    assert [] == decided(outbox)
    assert "BTC/USDT: 4 closed candles are there, one decision needs" in bot._warming["BTC/USDT"]
    exchange.set(1009)
    await bot._round()
    assert {} == bot._warming
    assert [1008] == decided(outbox)[-1:]


async def test_a_young_market_is_decided_on_from_the_same_candle_on_by_stream_and_by_rest(make_bot):
    """A listing of four minutes; of each close the stream tells, or REST is asked. A live bot began one candle later.

    What the bot waits for is told anew at each close, by whichever way.
    """
    exchange = MemoryExchange(list(range(996, 1012)), now=1000)
    by_rest, asked = make_bot(exchange)
    lookback = by_rest._lookback
    rest = RestFeed(exchange, "1m", lookback)
    feed = StreamFeed(None, rest, exchange.clock, symbols=["BTC/USDT"], timeframe="1m", lookback=lookback, final_words=True)
    by_stream, told = make_bot(exchange, feed=feed)
    there = 996 + lookback
    for minute in range(1000, 1010):
        exchange.clock.sync((minute + 0.5) * MINUTE, asked=0.0, answered=0.0)
        rows = await exchange.candles("BTC/USDT", "1m", since_ms=(minute - 1) * MINUTE, count=2)
        for number, (ts, *prices) in enumerate(zip(*(column.tolist() for column in rows.columns()), strict=True)):
            feed.take("BTC/USDT", Row(int(ts), *prices), number == 0)
        for bot in (by_rest, by_stream):
            await bot._round()
            words = "; ".join(bot._warming.values())
            assert (f"{minute - 996} closed candles are there" in words) == (minute < there)
    assert list(range(there - 1, 1009)) == decided(asked) == decided(told)


async def test_an_unfinished_candle_is_never_decided_on(make_bot):
    """At the middle of minute 1000, minute 999 is the newest that counts; a second look decides nothing twice."""
    exchange = MemoryExchange(list(range(900, 1001)), now=1000)
    exchange.clock.sync(1000.5 * MINUTE, asked=0.0, answered=0.0)
    bot, outbox = make_bot(exchange)
    await bot._round()
    await bot._round()
    assert [999] == decided(outbox)


async def test_a_clock_that_went_back_is_a_fault_of_the_exchange(make_bot):
    """Nothing is decided on candles of the past; the bot says why it stands still."""
    exchange = MemoryExchange(list(range(900, 1001)), now=1000)
    bot, outbox = make_bot(exchange)
    await bot._round()
    exchange.set(950)
    with pytest.raises(ExchangeUnavailableError, match="before the last candle"):
        await bot._round()
    assert [999] == decided(outbox)


async def test_a_kill_switch_of_the_start_counts_at_once(make_bot):
    """The first candle may come before the first answer of the lease."""
    bot, _ = make_bot(MemoryExchange(list(range(900, 1001)), now=1000), kill=["tenant"])
    assert "Killed: tenant" == bot._blocked(0)


@pytest.mark.parametrize(("minutes", "expected"), [([999, 1000], ""), ([], "still held: BTC/USDT")])
async def test_closing_everything_asks_for_a_price_first(make_bot, minutes, expected):
    """A pod that has just begun knows none; what cannot be sold is named, so that no receipt is given for it."""
    bot, _ = make_bot(MemoryExchange(minutes, now=1000))
    bot.state = LedgerState(positions={"BTC/USDT": Position(amount=Decimal(1), notional=Decimal(90), cost=Decimal(90))})
    bot.config = bot.config.model_copy(update={"stop_policy": "CancelOrdersAndClosePositions"})
    assert expected == await bot.wind_down(1)
    assert bool(expected) == bool(bot.state.positions)
