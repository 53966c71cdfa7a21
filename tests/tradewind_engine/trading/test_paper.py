"""A paper bot's candle: the backtest's rules, in decimal money, one candle at a time."""

from decimal import Decimal

import numpy as np
import pytest

from tradewind_api.document.resolve import template, with_parameters
from tradewind_api.document.validation import parse_document
from tradewind_api.fold import fold
from tradewind_api.ledger import DAY_MS, Equity, LedgerState, Position, Started, event
from tradewind_api.runner import RiskLimits
from tradewind_engine.backtest.engine import run_backtest
from tradewind_engine.backtest.simulate import Costs
from tradewind_engine.candles import Candles
from tradewind_engine.strategy.evaluate import evaluate
from tradewind_engine.trading.identity import bot_prefix, client_order_id
from tradewind_engine.trading.paper import NextId, Situation, candle_events
from tradewind_engine.trading.risk import breach
from tradewind_engine.trading.sizing import PaperMarket

MARKET = PaperMarket("BTC/USDT", Decimal("0.001"), Decimal("0.0002"), Decimal("0.00001"), Decimal(5))
HOUR = 3_600_000
NO_LIMITS = RiskLimits()


def random_candles(count, seed):
    rng = np.random.default_rng(seed)
    close = np.round(1000 * np.exp(np.cumsum(rng.normal(0, 0.01, count))), 2)
    open_ = np.concatenate([[1000.0], close[:-1]])
    high, low = (np.round(f(open_, close) * s, 2) for f, s in ((np.maximum, 1.002), (np.minimum, 0.998)))
    return Candles(np.arange(count, dtype=np.int64) * HOUR, open_, high, low, close, np.ones(count))


def start(capital="10000"):
    data = Started(generation=1, strategy_digest="d", runner_version="v", mode="Paper", currency="USDT", capital=capital)
    return fold([event("uid", 1, seq=1, at_ms=0, data=data)])


def play(document, candles, market=MARKET, *, blocked=None, risk=NO_LIMITS, capital="10000"):
    """Return the state after every candle but the last, and all events."""
    state, signals, ids, everything = start(capital), evaluate(document, candles), NextId("uid", 1), []
    for index in range(len(candles) - 1):
        situation = Situation(document, market, risk, 1, {}, blocked, int(candles.ts[index]) + HOUR)
        data = candle_events(state, candles, signals, index, situation, ids)
        group = [event("uid", 1, seq=n, at_ms=int(candles.ts[index]) + HOUR, data=item) for n, item in enumerate(data, 1)]
        state = fold(group, state)
        everything += data
    return state, everything


FAST = {"fast.period": 4, "slow.period": 11}


VARIANTS = {
    "signals": {},
    "stop and target": {"protect": {"stopLossPercent": 1.5, "takeProfitPercent": 2}},
    "trailing stop and rest": {"protect": {"trailingStopPercent": 2, "cooldownCandles": 5}},
    "both stops": {"protect": {"stopLossPercent": 2, "trailingStopPercent": 2.5}},
    "longest stay": {"protect": {"maxCandlesInTrade": 6}},
    "ladder": {
        "entry": {"when": "entry", "size": {"percentOfEquity": 10},
                  "ladder": {"steps": 3, "spacingPercent": 0.7, "sizeFactor": 1.5, "capPercent": 40}},
        "protect": {"takeProfitPercent": 2, "stopLossPercent": 3, "cooldownCandles": 2},
    },
    "fixed amount": {"entry": {"when": "entry", "size": {"quote": 1500}}},
    "everything": {
        "entry": {"when": "go", "size": {"quote": 900}, "ladder": {"steps": 2, "spacingPercent": 0.5, "sizeFactor": 2}},
        "protect": {"stopLossPercent": 2.5, "takeProfitPercent": 3, "trailingStopPercent": 2, "maxCandlesInTrade": 20,
                    "cooldownCandles": 1},
        "nodes": [
            {"id": "hours", "op": "time_of_day", "params": {"start": 360, "end": 1260}},
            {"id": "days", "op": "weekday", "params": {"first": 1, "last": 6}},
            {"id": "trend", "op": "sma", "in": ["close"], "params": {"period": 3}, "timeframe": "4h"},
            {"id": "uphill", "op": "above", "in": ["fast", "trend"]},
            {"id": "go", "op": "all", "in": ["hours", "days", "uphill"]},
        ],
    },
    "risk": {
        "entry": {"when": "entry", "size": {"riskPercent": 1, "measure": "spread"}},
        "nodes": [{"id": "spread", "op": "standard_deviation", "in": ["close"], "params": {"period": 10}}],
    },
}  # fmt: skip


def variant(name):
    """Return the crossover with other rules of entry and exit."""
    raw = with_parameters(template("sma-crossover"), FAST).to_json()
    changes = VARIANTS[name]
    entry = raw["entry"] | changes.get("entry", {})
    if entry["when"] == "entry":
        entry["when"] = raw["entry"]["when"]
    nodes = raw["nodes"] + changes.get("nodes", [])
    return parse_document(raw | {"nodes": nodes, "entry": entry, "protect": changes.get("protect", {})})


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", VARIANTS)
def test_paper_trades_as_the_backtest_did(seed, name):
    """Same entries and exits at the same candles; equity to what rounding to the market's step can make (1e-4)."""
    document = variant(name)
    candles = random_candles(400, seed)
    report = run_backtest(document, {"BTC/USDT": candles}, timeframe="1h", costs=Costs(10, 2))
    state, events = play(document, candles)
    fills = [item for item in events if type(item).__name__ == "Filled"]
    sells = [item for item in fills if item.side == "sell"]
    last = candles.ts[-1]
    closed = [trade for trade in report.trades if trade.exit_ms < last or trade.reason == "Exit"]
    assert len(closed) == len(sells) > 0
    exact = (
        1e-6 if "ladder" in VARIANTS[name].get("entry", {}) else 1e-9
    )  # an average of buys hangs on how their amounts were rounded
    assert [trade.exit_price for trade in closed] == pytest.approx([float(fill.price) for fill in sells], rel=exact)
    equity_then = dict(zip(report.ts.tolist(), report.equity.tolist(), strict=True))[int(candles.ts[-2])]
    marked = next(item for item in reversed(events) if type(item).__name__ == "Equity")
    assert pytest.approx(equity_then, rel=1e-4) == float(marked.equity)
    assert state.cash >= 0


def test_money_is_exact():
    """A thousand candles leave cash and positions that add up to the last digit."""
    document = with_parameters(template("sma-crossover"), FAST)
    state, events = play(document, random_candles(1000, 3))
    cash = Decimal(10000)
    held = Decimal(0)
    for item in events:
        if type(item).__name__ == "Filled":
            sign = 1 if item.side == "buy" else -1
            cash -= sign * item.amount * item.price + item.fee
            held += sign * item.amount
    assert cash == state.cash
    assert held == sum((position.amount for position in state.positions.values()), Decimal(0))


ALWAYS = parse_document(
    {
        "schema": "tradewind.strategy/v1",
        "timeframe": "1h",
        "nodes": [
            {"id": "up", "op": "above", "in": ["close"], "params": {"value": 0}},
            {"id": "down", "op": "below", "in": ["close"], "params": {"value": 0}},
        ],
        "entry": {"when": "up"},
        "exit": {"when": "down"},
    }
)


def first_decision(**arguments):
    _, events = play(ALWAYS, random_candles(3, 1), **arguments)
    return next(item for item in events if type(item).__name__ == "Decision"), events


def test_a_blocked_entry_is_told_and_not_made():
    """The decision stands in the ledger with its reason, and no order does."""
    decision, events = first_decision(blocked="Paused")
    assert ("Enter", "Paused") == (decision.action, decision.blocked)
    assert not [item for item in events if type(item).__name__ == "Intended"]


def test_an_order_below_the_markets_minimum_is_not_made():
    """4 USDT cannot buy where 5 are the least."""
    decision, _ = first_decision(capital="4")
    assert decision.blocked.startswith("BelowMinimum: 4.00 buys 0.00")


def test_amounts_are_rounded_down_to_the_step():
    """10,000 at about 1,000 with a step of 1 buy 9, never 10."""
    market = PaperMarket("BTC/USDT", Decimal("0.001"), Decimal(0), Decimal(1), Decimal(5))
    _, events = first_decision(market=market)
    assert Decimal(9) == next(item.amount for item in events if type(item).__name__ == "Intended")


def test_a_position_stays_within_its_limit():
    """10 % of 10,000 at about 1,000 is one coin at most."""
    _, events = first_decision(risk=RiskLimits(max_position_percent=10))
    assert Decimal("0.9") < next(item.amount for item in events if type(item).__name__ == "Intended") <= Decimal(1)


@pytest.mark.parametrize(
    ("limits", "order", "held"),
    [
        (NO_LIMITS, 2250, 5000),
        (RiskLimits(max_order_notional=Decimal(500)), 500, 2000),
        (RiskLimits(max_position_percent=20), 1010, 2000),
    ],
)
def test_steps_of_a_ladder_stay_within_the_limits_too(limits, order, held):
    """Ten percent first, then steps down to half of the equity: each order, and all that is held then, at its price."""
    ladder = {"steps": 3, "spacingPercent": 1, "sizeFactor": 1.5, "capPercent": 50}
    entry = ALWAYS.to_json()["entry"] | {"size": {"percentOfEquity": 10}, "ladder": ladder}
    rule = parse_document(ALWAYS.to_json() | {"entry": entry})
    falling = np.linspace(1000, 900, 30)
    candles = Candles(np.arange(30, dtype=np.int64) * HOUR, falling, falling, falling, falling, np.ones(30))
    _, events = play(rule, candles, risk=limits)
    fills = [item for item in events if type(item).__name__ == "Filled"]
    amounts = np.cumsum([float(item.amount) for item in fills])
    most_spent = max(float(item.amount * item.price) for item in fills)
    most_held = max(amount * float(item.price) for amount, item in zip(amounts, fills, strict=True))
    assert len(fills) == 4
    assert order * 0.9 < most_spent <= order
    assert held * 0.9 < most_held <= held


def test_a_loss_inside_a_candle_counts_before_its_close_buys():
    """The stop takes more than 1 % of the day's equity ; the strategy wants in again, the limit says no."""
    document = parse_document(ALWAYS.to_json() | {"protect": {"stopLossPercent": 2}})
    flat = np.array([100.0, 100.0, 100.0, 100.0])
    low = np.array([100.0, 90.0, 100.0, 100.0])
    candles = Candles(DAY_MS + np.arange(4, dtype=np.int64) * HOUR, flat, flat, low, flat, np.ones(4))
    _, events = play(document, candles, risk=RiskLimits(max_daily_loss_percent=1))
    decisions = [item for item in events if type(item).__name__ == "Decision"]
    assert [None, "MaxDailyLoss", "MaxDailyLoss"] == [d.blocked and d.blocked.partition(":")[0] for d in decisions]
    _, events = play(document, candles, risk=RiskLimits(max_daily_loss_percent=1, on_breach="Notify"))
    assert {None} == {item.blocked for item in events if type(item).__name__ == "Decision"}


def test_a_symbol_without_a_price_is_worth_what_it_cost():
    """9,000 in cash, 1,000 in a coin whose price is not known yet: equity 10,000, and no drawdown that never was."""
    state = start().model_copy(
        update={"cash": Decimal(9000), "positions": {"ETH/USDT": Position(amount=Decimal(1), notional=Decimal(1000))}}
    )
    candles = random_candles(3, 1)
    situation = Situation(ALWAYS, MARKET, NO_LIMITS, 2, {}, "Paused", HOUR)
    data = candle_events(state, candles, evaluate(ALWAYS, candles), 0, situation, NextId("uid", 1))
    assert Decimal(10000) == next(item.equity for item in data if type(item).__name__ == "Equity")


def test_yesterdays_candle_of_another_symbol_does_not_begin_a_new_day():
    """Symbols catch up one after the other; the day's loss is counted from the day's first equity all the same."""
    marks = [(1, "100"), (DAY_MS + 1, "90"), (DAY_MS - 1, "80"), (DAY_MS + 2, "70")]
    data = [(at, Equity(equity=equity, cash=equity, prices={})) for at, equity in marks]
    state = fold([event("uid", 1, seq=n, at_ms=at, data=item) for n, (at, item) in enumerate(data, 1)])
    assert Decimal(100) == state.day_start_equity


def test_the_same_order_has_the_same_name():
    """18 characters: bot, epoch, number; another epoch is another name."""
    assert client_order_id("uid", 3, 7) == client_order_id("uid", 3, 7)
    assert 18 == len(client_order_id("uid", 3, 7))
    assert client_order_id("uid", 3, 7).startswith(bot_prefix("uid"))
    assert 4 == len({client_order_id("uid", e, n) for e in (1, 2) for n in (1, 2)})
    with pytest.raises(ValueError, match="does not fit"):
        client_order_id("uid", 36**4, 1)


@pytest.mark.parametrize(
    ("limits", "equity", "peak", "day", "expected"),
    [
        (RiskLimits(), 1, 100, 100, None),
        (RiskLimits(max_drawdown_percent=20), 80, 100, 0, "MaxDrawdown"),
        (RiskLimits(max_drawdown_percent=20), 81, 100, 0, None),
        (RiskLimits(max_daily_loss_percent=3), 97, 200, 100, "MaxDailyLoss"),
        (RiskLimits(max_daily_loss_percent=3), 98, 200, 100, None),
    ],
)
def test_a_loss_limit_is_reached_at_its_number(limits, equity, peak, day, expected):
    """At the limit counts as reached."""
    state = LedgerState(equity=Decimal(equity), peak_equity=Decimal(peak), day_start_equity=Decimal(day))
    found = breach(state, limits)
    assert expected == (found.partition(":")[0] if found else None)
