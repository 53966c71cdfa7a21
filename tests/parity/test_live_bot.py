"""A bot with orders at a broker decides and trades as the paper model does, candle by candle, on the same candles.

The bot is the real one with desk, gate and keepers, on virtual time. The broker double fills as the model assumes: what is sent
at a close at the next open, what rests when a candle touches it; a candle that fills a ladder's step sells at no target, as the
model has it. So any difference is the bot's.
"""

import asyncio
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pytest
from fake_exchange import FakeBroker, FakeExchange
from instant_disk import InstantDisk
from virtual_time import run_virtually

from tradewind_api.document.resolve import TEMPLATES, template
from tradewind_api.document.validation import lookback_of, parse_document
from tradewind_api.fold import fold
from tradewind_api.ledger import LedgerState, Started, event
from tradewind_api.runner import BotConfig, RiskLimits, StartAnswer
from tradewind_engine.candles import Candles
from tradewind_engine.strategy.evaluate import evaluate
from tradewind_engine.trading.orders import Trade
from tradewind_engine.trading.paper import NextId, Situation, candle_events
from tradewind_engine.trading.sizing import PaperMarket, exact, target_price
from tradewind_runner.exchange import Market
from tradewind_runner.feed.candle_book import Window
from tradewind_runner.feed.port import Price
from tradewind_runner.order_bot import OrderBot
from tradewind_runner.reporter import Reporter

pytestmark = pytest.mark.slow

HOUR, SYMBOL, STEP = 3_600_000, "BTC/USDT", Decimal("0.00001")
AT_OPEN = {"Entry", "Exit", "MaxCandles"}
VARIANTS = {
    "stop and target": {"protect": {"stopLossPercent": 1.5, "takeProfitPercent": 2}},
    "trailing stop and rest": {"protect": {"trailingStopPercent": 2, "cooldownCandles": 5}},
    "longest stay": {"protect": {"maxCandlesInTrade": 6}},
}


def random_candles(count, seed):
    rng = np.random.default_rng(seed)
    close = np.round(1000 * np.exp(np.cumsum(rng.normal(0, 0.012, count))), 2)
    open_ = np.concatenate([[1000.0], close[:-1]])
    high, low = (np.round(f(open_, close) * s, 2) for f, s in ((np.maximum, 1.002), (np.minimum, 0.998)))
    return Candles(
        1_700_000_000_000 // HOUR * HOUR + np.arange(count, dtype=np.int64) * HOUR, open_, high, low, close, np.ones(count)
    )


class CandleBroker(FakeBroker):
    """Fills by the candle that is running: market orders at its open, what rests where it touches. Fees are in quote."""

    def __init__(self, candles):
        super().__init__(FakeExchange())
        self.exchange.fill = self.fill
        self.candles, self.index, self.fills = candles, 0, []
        self.at = Decimal(0)

    async def connect(self):
        return None

    def fill(self, order, amount):
        price = (self.at or exact(self.candles.open[self.index])).quantize(Decimal("1e-8"))
        fee = (amount * price / 1000).quantize(Decimal("1e-8"))
        order.trades.append(Trade(f"t{len(self.fills)}", amount, price, fee, "USDT"))
        order.status = "Filled"
        self.fills.append((self.index, order.intent.side, order.intent.reason, amount, price))
        return order.trades[-1]

    def touch(self, low):
        """Let a candle that has been as low as this fill what rests."""
        open_ = exact(self.candles.open[self.index])
        for order in [order for order in self.exchange.book.values() if order.status == "Open"]:
            level = order.intent.stop_price or order.intent.price
            if low <= level:
                self.at = min(open_, level)
                self.fill(order, order.intent.amount)
                self.at = Decimal(0)
                self.touched.append(order.seen())


class ReplayFeed:
    """Shows the candles up to the one that has closed."""

    def __init__(self, candles, lookback):
        self.candles, self.lookback, self.closed = candles, lookback, 0
        self.listen, self.news, self.last = None, asyncio.Event(), None

    async def run(self):
        await asyncio.Event().wait()

    async def wait(self):
        await self.news.wait()
        self.news.clear()

    async def window(self, symbol, *, done_ms):
        if not self.closed or (done_ms is not None and done_ms >= self.candles.ts[self.closed - 1]):
            return None
        shown = self.candles[max(0, self.closed - self.lookback) : self.closed]
        return Window(shown, len(shown))

    def price(self, symbol):
        return self.last

    def problem(self):
        return ""

    def tell(self, last, low, high):
        self.last = Price(last, low, high, asyncio.get_running_loop().time())
        self.listen(SYMBOL, self.last)


async def live(document, candles, folder):
    """Return the fills of the bot: candle, side, reason, amount, price; and the action of each decision."""
    config = BotConfig.model_validate(
        {
            "bot": {"uid": "uid", "name": "b", "namespace": "n", "tenant": "t", "plan": "pro", "generation": 1},
            "mode": "Live", "exchange": {"name": "simulated", "ccxtId": "binance", "slippageBps": 0}, "symbols": [SYMBOL],
            "timeframe": "1h", "strategy": document.to_json(), "strategyDigest": "d",
            "capital": {"currency": "USDT", "amount": "10000"},
        }
    )  # fmt: skip
    broker, feed = CandleBroker(candles), ReplayFeed(candles, lookback_of(document))
    market = Market(SYMBOL, STEP, Decimal(5), active=True, price_tick=Decimal("1e-12"))
    clock = SimpleNamespace(
        now_ms=lambda: int(candles.ts[broker.index]) + 1,
        wall_seconds_until=lambda _: 1e9,
        synced=True,
        speed=1.0,
        problem=str,
    )

    async def connect(symbols, *, held=()):
        return {SYMBOL: market}

    async def nothing():
        return None

    exchange = SimpleNamespace(clock=clock, connect=connect, sync_clock=nothing)
    start = StartAnswer(epoch=1, lease_seconds=10**9, state=LedgerState())
    outbox = InstantDisk(folder / "outbox-1.jsonl")
    bot = OrderBot(config, exchange, Reporter(None, outbox, start), start, feed=feed, broker=broker)
    running = asyncio.create_task(bot.run())
    await asyncio.sleep(5)
    for index in range(len(candles) - 1):
        broker.index, broker.exchange.now_ms = index, int(candles.ts[index])
        open_, high, low, close = (float(column[index]) for column in (candles.open, candles.high, candles.low, candles.close))
        refilled = False
        for _ in range(4):  # each step of a ladder lets the next one rest
            broker.touched = []
            broker.touch(exact(low))
            for seen in broker.touched:
                refilled |= seen.side == "buy"
                bot.desk.seen(seen)
            await asyncio.sleep(1)
        held = bot.state.positions.get(SYMBOL)
        target = target_price(held, document) if held and not refilled else None
        if target is not None and exact(high) >= target:  # the price goes through the target on its way up, or opened above it
            broker.at = max(exact(open_), target)
            feed.tell(close, open_, high)
            await asyncio.sleep(1)
            broker.at = Decimal(0)
        feed.tell(close, open_, low)  # fresh, and news of nothing
        broker.index, feed.closed = index + 1, index + 1
        feed.news.set()
        await asyncio.sleep(3)
    if running.done():
        await running
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    decisions = [item.data["action"] for item in outbox.batch(100_000) if item.type == "Decision"]
    outbox.close()
    return broker.fills, decisions


def paper(document, candles):
    """Return the same of the paper model, which another test holds against the back-test."""
    data = Started(generation=1, strategy_digest="d", runner_version="v", mode="Paper", currency="USDT", capital="10000")
    state, ids = fold([event("uid", 1, seq=1, at_ms=0, data=data)]), NextId("uid", 1)
    market = PaperMarket(SYMBOL, Decimal("0.001"), Decimal(0), STEP, Decimal(5))
    fills, decisions, signals = [], [], evaluate(document, candles)
    for index in range(len(candles) - 1):
        if index + 1 < lookback_of(document):
            continue
        situation = Situation(document, market, RiskLimits(), 1, {}, None, int(candles.ts[index]) + HOUR)
        found = candle_events(state, candles, signals, index, situation, ids)
        state = fold([event("uid", 1, seq=n, at_ms=0, data=item) for n, item in enumerate(found, 1)], state)
        reasons = {item.client_order_id: item.reason for item in found if type(item).__name__ == "Intended"}
        for item in found:
            if type(item).__name__ == "Filled":
                reason = reasons[item.client_order_id]
                fills.append((index + (reason in AT_OPEN), item.side, reason, item.amount, item.price))
        decisions += [item.action for item in found if type(item).__name__ == "Decision"]
    return fills, decisions


def staking(name):
    """Return a shipped strategy that stakes 99 % at most: a live bot keeps half a percent back, the paper model nothing."""
    raw = template(name).to_json()
    if raw["entry"]["size"] == {"percentOfEquity": 100}:
        raw["entry"]["size"] = {"percentOfEquity": 99}
    return raw


def strategies():
    for name in TEMPLATES:
        yield pytest.param(parse_document(staking(name) | {"timeframe": "1h"}), id=name)
    crossover = staking("sma-crossover")
    for name, changes in VARIANTS.items():
        yield pytest.param(parse_document(crossover | changes), id=name)


@pytest.mark.parametrize("document", list(strategies()))
def test_the_same_decision_at_every_candle_and_the_same_orders(document, tmp_path):
    """Seven shipped strategies, and stops, targets, rests and stays on one of them."""
    candles = random_candles(lookback_of(document) + 300, seed=11)
    expected_fills, expected_decisions = paper(document, candles)
    fills, decisions = run_virtually(live(document, candles, tmp_path))
    assert expected_fills, "the candles make this strategy trade"
    assert expected_decisions == decisions
    assert [item[:3] for item in expected_fills] == [item[:3] for item in fills]
    assert [item[3:] for item in expected_fills] == [item[3:] for item in fills]
