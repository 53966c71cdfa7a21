"""The backtest: fills, fees and figures to the digit, on candles small enough to check by hand."""

import numpy as np
import pytest

from tradewind_api.document.resolve import TEMPLATES, template
from tradewind_api.document.validation import lookback_of, parse_document
from tradewind_engine.backtest.curves import merge_curves
from tradewind_engine.backtest.engine import run_backtest
from tradewind_engine.backtest.simulate import Costs, MarketRules
from tradewind_engine.candles import CandleError, Candles
from tradewind_engine.strategy.decide import decide
from tradewind_engine.strategy.evaluate import evaluate

NO_COSTS = Costs(0, 0)


def candles(closes, *, opens=None, highs=None, lows=None):
    close = np.array(closes, dtype=float)
    open_ = np.array(opens if opens is not None else closes, dtype=float)
    high = np.array(highs, dtype=float) if highs is not None else np.maximum(open_, close)
    low = np.array(lows, dtype=float) if lows is not None else np.minimum(open_, close)
    return Candles(np.arange(close.size, dtype=np.int64) * 3_600_000, open_, high, low, close, np.ones(close.size))


def document(enter, leave, **sinks):
    """Buy above `enter`, sell below `leave`."""
    return parse_document(
        {
            "schema": "tradewind.strategy/v1",
            "timeframe": "1h",
            "nodes": [
                {"id": "up", "op": "above", "in": ["close"], "params": {"value": enter}},
                {"id": "down", "op": "below", "in": ["close"], "params": {"value": leave}},
            ],
            "entry": {"when": "up", **sinks.get("entry", {})},
            "exit": {"when": "down"},
            "protect": sinks.get("protect", {}),
        }
    )


def run(doc, history, costs=NO_COSTS, capital=1000.0):
    return run_backtest(doc, {"A/B": history}, timeframe="1h", capital=capital, costs=costs)


def test_a_decision_at_the_close_fills_at_the_next_open():
    """Above 10 at the close of candle 1: bought at candle 2's open of 20, sold at candle 4's open of 30: 50 %."""
    report = run(document(10, 5), candles([9, 11, 21, 4, 31], opens=[9, 9, 20, 25, 30]))
    trade = report.trades[0]
    assert (20.0, 30.0, 50.0, 500.0) == (trade.entry_price, trade.exit_price, trade.amount, trade.profit)
    assert (2 * 3_600_000, 4 * 3_600_000) == (trade.entry_ms, trade.exit_ms)
    assert 0.5 == report.figures["totalReturn"]


def test_each_symbol_fills_a_room_of_its_own():
    """Not another's: two symbols, half of the capital each."""
    histories = {"A/B": candles([9, 11, 21, 4, 31]), "C/B": candles([9, 12, 18, 19, 4])}
    rooms = {symbol: np.zeros(5) for symbol in histories}
    report = run_backtest(document(10, 5), histories, timeframe="1h", capital=1000.0, costs=NO_COSTS, rooms=rooms)
    for symbol, room in rooms.items():
        assert run(document(10, 5), histories[symbol], capital=500.0).equity.tolist() == room.tolist()
    assert report.equity.tolist() == (rooms["A/B"] + rooms["C/B"]).tolist()


def test_fees_are_paid_out_of_the_cash():
    """1,000 buy 1000 / (20 x 1.01) coins; selling at 20 pays 1 % again."""
    report = run(document(10, 5), candles([11, 20, 4, 20], opens=[11, 20, 20, 20]), Costs(100, 0))
    amount = 1000 / 20.2
    assert pytest.approx(amount, rel=1e-15) == report.trades[0].amount
    assert pytest.approx(amount * 20 * 0.02, rel=1e-12) == report.figures["feesPaid"]
    assert pytest.approx(amount * 20 * 0.99, rel=1e-12) == report.figures["equityFinal"]


@pytest.mark.parametrize(("price", "rate"), [(20.3, 0.0), (20.5, 1.0)])
def test_a_trade_wins_with_a_profit_after_both_fees(price, rate):
    """Bought at 20, 1 % each way, so it costs 20.2: 20.3 leaves 20.097, more than the price alone; 20.5 leaves 20.295."""
    report = run(document(10, 5), candles([11, 20, 4, price], opens=[11, 20, 20, price]), Costs(100, 0))
    assert rate == report.figures["winRate"]
    assert (report.trades[0].profit > 0) == bool(rate)


def test_slippage_makes_buying_dearer_and_selling_cheaper():
    """100 bps: bought at 20.2, sold at 19.8."""
    trade = run(document(10, 5), candles([11, 20, 4, 20], opens=[11, 20, 20, 20]), Costs(0, 100)).trades[0]
    assert (pytest.approx(20.2), pytest.approx(19.8)) == (trade.entry_price, trade.exit_price)


def test_an_open_position_is_marked_at_the_last_close():
    """No closing fee, no closed trade."""
    report = run(document(10, 5), candles([11, 20, 40], opens=[11, 20, 30]))
    assert (0, 2.0 - 1, 1) == (report.figures["trades"], report.figures["totalReturn"], report.figures["openPositions"])


def test_a_signal_on_the_last_candle_fills_nothing():
    """There is no next open."""
    assert 0.0 == run(document(10, 5), candles([9, 9, 11])).figures["totalReturn"]


def test_size_is_a_share_of_the_equity_or_an_amount():
    """10 % of 1,000 at 20 are 5 coins, 200 quote are 10."""
    history = candles([11, 20, 4, 20], opens=[11, 20, 20, 20])
    share = run(document(10, 5, entry={"size": {"percentOfEquity": 10}}), history)
    fixed = run(document(10, 5, entry={"size": {"quote": 200}}), history)
    assert (5.0, 10.0) == (share.trades[0].amount, fixed.trades[0].amount)


STOP = {"protect": {"stopLossPercent": 10}}
TARGET = {"protect": {"takeProfitPercent": 10}}


def test_a_stop_acts_inside_the_entry_candle():
    """Bought at 20, low of the same candle 17: sold at 18."""
    history = candles([11, 19, 9], opens=[11, 20, 9], highs=[11, 20, 9], lows=[11, 17, 9])
    trade = run(document(10, 5, **STOP), history).trades[0]
    assert (18.0, "StopLoss", trade.entry_ms) == (trade.exit_price, trade.reason, trade.exit_ms)


def test_a_gap_through_the_stop_fills_at_the_open():
    """Stop at 18, next candle opens at 15: nobody buys at 18 any more."""
    trade = run(document(10, 5, **STOP), candles([11, 20, 15], opens=[11, 20, 15])).trades[0]
    assert (15.0, "StopLoss") == (trade.exit_price, trade.reason)


def test_a_gap_beyond_the_target_fills_at_the_open():
    """Target at 22, next candle opens at 25."""
    trade = run(document(10, 5, **TARGET), candles([11, 20, 25], opens=[11, 20, 25])).trades[0]
    assert (25.0, "TakeProfit") == (trade.exit_price, trade.reason)


def test_stop_and_target_in_one_candle_count_as_the_stop():
    """The worse of the two is assumed."""
    history = candles([11, 20, 20], opens=[11, 20, 20], highs=[11, 20, 30], lows=[11, 20, 10])
    both = {"protect": {"stopLossPercent": 10, "takeProfitPercent": 10}}
    assert "StopLoss" == run(document(10, 5, **both), history).trades[0].reason


def test_after_a_stop_the_same_close_may_decide_a_new_entry():
    """Stopped in candle 1, still above 10 at its close: bought again at candle 2's open."""
    history = candles([11, 19, 30, 30], opens=[11, 20, 25, 30], highs=[11, 20, 30, 30], lows=[11, 17, 25, 30])
    report = run(document(10, 5, **STOP), history)
    assert 1 == report.figures["openPositions"]
    assert pytest.approx(900 / 25 * 30) == report.figures["equityFinal"]


def test_a_drawdown_is_measured_from_the_peak_equity():
    """1,000 rises to 2,000 and falls to 1,500: 25 %."""
    report = run(document(10, 5), candles([11, 20, 40, 30], opens=[11, 20, 40, 40]))
    assert 0.25 == report.figures["maxDrawdown"]


def test_capital_is_split_equally_between_symbols():
    """500 in the one doubles, 500 in the other rest: 1,500."""
    rising, resting = candles([11, 20, 40], opens=[11, 20, 30]), candles([1, 1, 1])
    report = run_backtest(document(10, 5), {"A/B": rising, "C/B": resting}, timeframe="1h", capital=1000, costs=NO_COSTS)
    assert 1500.0 == report.figures["equityFinal"]


def test_curves_of_other_times_are_summed_over_the_union():
    """Before its first candle a part is worth what it started with."""
    ts, total = merge_curves([(np.array([1, 3]), np.array([10.0, 12.0])), (np.array([2, 3]), np.array([20.0, 21.0]))], 5.0)
    assert ([1, 2, 3], [15.0, 30.0, 33.0]) == (ts.tolist(), total.tolist())


def test_nothing_is_filled_in_a_missing_candle():
    """Decided at hour 1, hours 2 and 3 are missing: bought at the open of hour 4, and 2 missing candles are told."""
    whole = candles([9, 11, 50, 50, 21, 4, 31], opens=[9, 9, 50, 50, 20, 25, 30])
    gap = Candles(*(np.delete(column, [2, 3]) for column in whole.columns()))
    report = run(document(10, 5), gap)
    assert (4 * 3_600_000, 20.0) == (report.trades[0].entry_ms, report.trades[0].entry_price)
    assert 2 == report.figures["missingCandles"]


def test_exit_is_looked_at_before_entry():
    """Above 10 and below 20 both hold at 15: what is held is sold and not bought again on that candle."""
    report = run(document(10, 20), candles([9, 25, 15, 15, 9, 9], opens=[9, 9, 25, 15, 15, 9]))
    assert [(2, 3), (4, 5)] == [(t.entry_ms // 3_600_000, t.exit_ms // 3_600_000) for t in report.trades]


def test_the_first_entry_is_decided_at_the_first_known_value():
    """An average of 3 is known at the third close: the price is above it from then on, and is bought at the fourth open."""
    nodes = [
        {"id": "mean", "op": "sma", "in": ["close"], "params": {"period": 3}},
        {"id": "up", "op": "above", "in": ["close", "mean"]},
        {"id": "down", "op": "below", "in": ["close", "mean"]},
    ]
    raw = {"schema": "tradewind.strategy/v1", "timeframe": "1h", "nodes": nodes}
    report = run(parse_document(raw | {"entry": {"when": "up"}, "exit": {"when": "down"}}), candles([1, 2, 3, 4, 1, 1]))
    assert 3 * 3_600_000 == report.trades[0].entry_ms


def test_entries_can_wait_for_a_time():
    """From hour 3 on: the decision at hour 1 is none, that at hour 3 is filled at hour 4."""
    history = candles([9, 11, 11, 11, 11, 4, 4])
    report = run_backtest(document(10, 5), {"": history}, timeframe="1h", capital=1000, decide_from_ms=3 * 3_600_000)
    assert 4 * 3_600_000 == report.trades[0].entry_ms


def test_the_market_of_a_symbol_rounds_what_is_bought():
    """1,000 at 300 buy 3 whole coins; without market data, 3.33."""
    history = candles([300, 300, 4, 300], opens=[300] * 4)
    markets = {"A/B": MarketRules(amount_step=1)}
    rounded = run_backtest(document(10, 5), {"A/B": history}, timeframe="1h", capital=1000, costs=NO_COSTS, markets=markets)
    assert {"A/B": {"amountStep": 1, "minNotional": 0}} == rounded.summary()["markets"]
    assert 3.0 == rounded.trades[0].amount
    assert 1000 / 300 == run(document(10, 5), history).trades[0].amount


def test_the_same_run_has_the_same_digest():
    """Twice the same is twice the same, another fee is another report."""
    history = candles([11, 20, 4, 20])
    first, again, dearer = (run(document(10, 5), history, Costs(fee, 0)).summary() for fee in (10, 10, 11))
    assert first == again
    assert first["reportDigest"] != dearer["reportDigest"]


def test_the_digest_covers_what_the_market_takes():
    """Even where it changes no amount: a least order of 1 is another question than none."""
    history, market = {"A/B": candles([11, 20, 4, 20])}, {"A/B": MarketRules(min_notional=1)}
    plain, told = (run_backtest(document(10, 5), history, timeframe="1h", markets=m).summary() for m in ({}, market))
    assert plain["equityFinal"] == told["equityFinal"]
    assert plain["reportDigest"] != told["reportDigest"]


def test_too_few_candles_are_an_error():
    """SMA(50) crossings need 51 candles."""
    with pytest.raises(CandleError, match="one decision needs 51 1h candles, there are 3"):
        run(template("sma-crossover"), candles([1, 2, 3]))


def test_candles_of_no_symbol_or_of_another_timeframe_are_an_error():
    """Nodes of longer timeframes count on the document's own candles."""
    with pytest.raises(CandleError, match="at least one symbol"):
        run_backtest(document(10, 5), {}, timeframe="1h")
    nodes = [
        {"id": "mean", "op": "sma", "in": ["close"], "params": {"period": 2}, "timeframe": "4h"},
        {"id": "up", "op": "above", "in": ["close", "mean"]},
    ]
    raw = {"schema": "tradewind.strategy/v1", "timeframe": "1h", "nodes": nodes}
    longer = parse_document(raw | {"entry": {"when": "up"}, "exit": {"when": "up"}})
    with pytest.raises(CandleError, match="needs 1h candles, not 15m"):
        run_backtest(longer, {"": candles([1.0] * 50)}, timeframe="15m")


@pytest.mark.parametrize("capital", [0, -1, float("nan")])
def test_capital_must_be_positive(capital):
    """Nothing buys nothing."""
    with pytest.raises(ValueError, match="capital"):
        run(document(10, 5), candles([1, 2, 3]), capital=capital)


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_bot_decides_as_the_backtest_did(name):
    """The last `lookback` candles give the same signal as all of history, on every candle."""
    doc = template(name)
    rng = np.random.default_rng(7)
    history = candles(100 * np.exp(np.cumsum(rng.normal(0, 0.01, 800))))
    whole, need = evaluate(doc, history), lookback_of(doc)
    for end in range(need, len(history) + 1):
        window = history[end - need : end]
        assert ("Enter" if whole.entry[end - 1] else "None") == decide(doc, window, holding=False).action
        assert ("Exit" if whole.exit[end - 1] else "None") == decide(doc, window, holding=True).action


def test_a_plain_loop_finds_the_same_trades():
    """An independent SMA crossover, written as a person would, agrees on count and final equity."""
    rng = np.random.default_rng(11)
    history = candles(100 * np.exp(np.cumsum(rng.normal(0, 0.01, 3000))))
    report = run(template("sma-crossover"), history, Costs(10, 0))
    cash, held, trades, fee = 1000.0, 0.0, 0, 0.001
    for i in range(51, 3000):
        now, before = (
            np.mean(history.close[i - 9 - back : i + 1 - back]) - np.mean(history.close[i - 49 - back : i + 1 - back])
            for back in (1, 2)
        )
        if before <= 0 < now and held == 0:
            cash, held = 0.0, cash / (history.open[i] * (1 + fee))
        elif before >= 0 > now and held > 0:
            cash, held, trades = held * history.open[i] * (1 - fee), 0.0, trades + 1
    assert trades == report.figures["trades"]
    assert pytest.approx(cash + held * history.close[-1], rel=1e-9) == report.figures["equityFinal"]
