"""Seven strategies three ways over the same recorded candles: back-test, paper bot, live bot at the simulated exchange.

The bots are processes and the exchange plays the candles that the back-test has. docs/reference/backtest-semantics.md says what
is compared and why no more can be.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from three_ways import AT_OPEN, CAPITAL, STEP, SYMBOL, Told, play

from tradewind_api.document.resolve import TEMPLATES, template, with_parameters
from tradewind_api.document.validation import lookback_of
from tradewind_api.fold import fold
from tradewind_api.runner import RiskLimits
from tradewind_engine.backtest.engine import run_backtest
from tradewind_engine.backtest.simulate import Costs, MarketRules
from tradewind_engine.candle_files import read_candle_file
from tradewind_engine.strategy.evaluate import evaluate
from tradewind_engine.timeframes import timeframe_ms
from tradewind_engine.trading.rounding import MarketRules as OrderRules
from tradewind_engine.trading.sizing import PaperMarket, entry_budget, exact, market_purchase

pytestmark = pytest.mark.three_ways

FILE, TIMEFRAME, FIRST, COUNT, LATER = "binance_usdm_BTCUSDT_1h_2020-2024", "1h", 9607, 210, 3000
LEAST_TRADES = 3
LENGTH = timeframe_ms(TIMEFRAME)
LEAST = Decimal(5)
MARKET = PaperMarket(SYMBOL, Decimal("0.001"), Decimal("0.0002"), STEP, LEAST)
RULES = OrderRules(SYMBOL, STEP, price_tick=Decimal("0.01"))
PARAMETERS = {
    "sma-crossover": {"fast.period": 3, "slow.period": 8},
    "rsi": {"rsi.period": 4, "oversold.value": 35},
    "macd": {"macd.fast": 4, "macd.slow": 9, "macd.signal": 3},
    "momentum": {"change.period": 6, "strong.value": 1},
    "mean-reversion": {"bands.period": 10, "bands.width": 1.2},
    "bollinger-breakout": {"bands.period": 10, "bands.width": 1.2},
    "dca-dip": {"mean.period": 12, "dip.value": 0.99},
}


@dataclass(frozen=True)
class Done:
    """An order that was filled; `decided` is the candle at whose close it was, `candle` the one in which it was filled."""

    cid: str
    side: str
    reason: str
    decided: int
    candle: int
    amount: Decimal
    price: Decimal

    @property
    def what(self) -> tuple[str, str, int]:
        """What must be the same on paper and live."""
        return self.side, self.reason, self.candle


class Strategy:
    """One strategy: what the back-test says, and what both bots did, over the candles that all three have decided on."""

    def __init__(self, name, candles, paper: Told, live: Told) -> None:
        self.document, self.candles = document(name), candles
        self.told = {"Paper": paper, "Live": live}
        self.decisions = {
            mode: {d.data["candleOpenMs"]: d.data for d in told.of_type("Decision")} for mode, told in self.told.items()
        }
        self.first = max(min(found) for found in self.decisions.values())
        self.last = min(max(found) for found in self.decisions.values())
        self.report = run_backtest(
            self.document,
            {SYMBOL: candles},
            timeframe=TIMEFRAME,
            capital=float(CAPITAL),
            costs=Costs(10, 2),
            markets={SYMBOL: MarketRules(float(STEP), float(LEAST))},
            decide_from_ms=self.first,
        )
        self.signals = evaluate(self.document, candles)
        self.opens = [int(ts) for ts in candles.ts if self.first <= ts <= self.last]

    def backtest_decisions(self) -> dict[int, str]:
        """Return what the back-test wants at each close: its signals, and whether it holds something then."""
        stays = [(trade.entry_ms, trade.exit_ms) for trade in self.report.trades]
        found = {}
        for ts in self.opens:
            index = int(np.searchsorted(self.candles.ts, ts))
            held = any(entry <= ts < exit_ for entry, exit_ in stays)
            signal, word = (self.signals.exit, "Exit") if held else (self.signals.entry, "Enter")
            found[ts] = word if signal[index] else "None"
        return found

    def trades(self, mode: str) -> Iterator[list[Done]]:
        """Yield each round trip: its purchases, and its sale last."""
        trade: list[Done] = []
        for order in self.done(mode):
            trade.append(order)
            if order.side == "sell":
                yield trade
                trade = []

    def done(self, mode: str) -> list[Done]:
        """Return the filled orders of the stretch, in the order of their fills."""
        told = self.told[mode]
        intents = {item.data["clientOrderId"]: item.data for item in told.of_type("Intended")}
        fills: dict[str, list[tuple[Decimal, Decimal]]] = {}
        for item in told.of_type("Filled"):
            fills.setdefault(item.data["clientOrderId"], []).append((Decimal(item.data["amount"]), Decimal(item.data["price"])))
        found = [self._done(intents[cid], parts, mode) for cid, parts in fills.items()]
        return [order for order in found if self.first <= order.candle <= self.last]

    def _done(self, intent, parts, mode: str) -> Done:
        amount = sum((part for part, _ in parts), Decimal(0))
        price = sum((part * price for part, price in parts), Decimal(0)) / amount
        decided, reason = intent["candleOpenMs"], intent["reason"]
        candle = decided + LENGTH if reason in AT_OPEN else decided
        if mode == "Live":
            order = next(item for item in self.told[mode].orders if item["clientOrderId"] == intent["clientOrderId"])
            candle = min(int(trade["time"]) for trade in order["trades"]) // LENGTH * LENGTH
        return Done(intent["clientOrderId"], intent["side"], reason, decided, candle, amount, price)

    def state_before(self, cid: str):
        """Return the live ledger at the moment before an order was written down."""
        events = self.told["Live"].events
        place = next(i for i, item in enumerate(events) if item.type == "Intended" and item.data["clientOrderId"] == cid)
        return fold(events[:place])

    def candle(self, ts: int):
        """Return open, high, low and close of a candle."""
        index = int(np.searchsorted(self.candles.ts, ts))
        return tuple(exact(column[index]) for column in self.candles.columns()[1:5])


def document(name):
    return with_parameters(template(name), PARAMETERS[name])


@pytest.fixture(scope="module")
def strategies(request, recorded, tmp_path_factory):
    """Those that are asked for, played side by side."""
    candles = read_candle_file(recorded / "ohlcv" / f"{FILE}.parquet")
    asked = {item.callspec.params["played"] for item in request.session.items if "strategies" in item.fixturenames}
    documents = {name: document(name) for name in TEMPLATES if name in asked}
    told = play(tmp_path_factory.mktemp("played"), candles[FIRST : FIRST + COUNT], documents, timeframe=TIMEFRAME)
    more = candles[FIRST : FIRST + COUNT + LATER]
    return {name: Strategy(name, more, told[name, "Paper"], told[name, "Live"]) for name in documents}


@pytest.fixture(params=list(TEMPLATES))
def played(request, strategies):
    return strategies[request.param]


def test_the_candles_make_each_strategy_trade(played):
    """Several round trips, and none begun before all were there."""
    assert len(list(played.trades("Paper"))) >= LEAST_TRADES
    assert len(played.opens) >= COUNT - lookback_of(played.document) - 10
    for decisions in played.decisions.values():
        assert not [ts for ts, found in decisions.items() if ts < played.first and found["action"] == "Enter"]


def test_the_same_decision_at_every_candle(played):
    """No candle left out, the back-test's action at each, and the same values of all nodes on paper and live."""
    expected = played.backtest_decisions()
    for mode, decisions in played.decisions.items():
        assert {LENGTH} == {later - ts for ts, later in pairwise(played.opens)}
        assert expected == {ts: decisions[ts]["action"] for ts in played.opens}, mode
    paper, live = played.decisions["Paper"], played.decisions["Live"]
    assert [paper[ts]["nodes"] for ts in played.opens] == [live[ts]["nodes"] for ts in played.opens]
    assert [paper[ts].get("blocked") for ts in played.opens] == [live[ts].get("blocked") for ts in played.opens]


def test_paper_orders_are_the_backtests(played):
    """The same candles, reasons, amounts to the last step, and prices to fifteen digits."""
    trades = list(played.trades("Paper"))
    expected = [trade for trade in played.report.trades if trade.exit_ms <= played.last]
    assert len(expected) == len(trades)
    for trade, orders in zip(expected, trades, strict=True):
        bought = sum((order.amount for order in orders[:-1]), Decimal(0))
        cost = sum((order.amount * order.price for order in orders[:-1]), Decimal(0))
        assert (trade.entry_ms, trade.exit_ms, trade.reason) == (orders[0].candle, orders[-1].candle, orders[-1].reason)
        assert round(trade.amount / float(STEP)) == bought / STEP == orders[-1].amount / STEP
        assert [trade.entry_price, trade.exit_price] == pytest.approx([float(cost / bought), float(orders[-1].price)], rel=1e-9)


def test_live_orders_are_the_papers(played):
    """Side, reason and candle of each."""
    assert [order.what for order in played.done("Paper")] == [order.what for order in played.done("Live")]


def test_live_amounts_follow_the_same_rule(played):
    """What the ledger's cash buys at the close or the open, and all that is held; filled at the open, or within the candle."""
    for orders in played.trades("Live"):
        for order in orders:
            open_, high, low, _ = played.candle(order.candle)
            near = Decimal("0.0001")  # a grid of levels, and a walk over a few
            lowest, highest = (open_, open_) if order.reason in AT_OPEN else (low, high)
            assert lowest * (1 - near) <= order.price <= highest * (1 + near)
            state = played.state_before(order.cid)
            if order.side == "sell":
                assert order.amount == state.positions[SYMBOL].amount // STEP * STEP
            elif order.reason == "Entry":
                before = played.candle(order.decided)[3]
                index = int(np.searchsorted(played.candles.ts, order.decided))
                budget = entry_budget(
                    played.document, played.signals, index, share=state.cash, equity=state.equity, risk=RiskLimits()
                )
                most, least = (
                    market_purchase(budget, state.cash, price, MARKET, RULES)[0] for price in sorted((before, open_))
                )
                assert least <= order.amount <= most
