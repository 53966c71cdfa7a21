"""What rests on the exchange for a symbol, and the next step to it: levels and plans by hand."""

from decimal import Decimal

import pytest

from tradewind_api.document.resolve import template
from tradewind_api.document.validation import parse_document
from tradewind_api.ledger import Intended, Position
from tradewind_api.runner import RiskLimits
from tradewind_engine.trading.orders import Order
from tradewind_engine.trading.protection import Ask, Plan, Wishes, missed_stop, plan, sellable, step_ask, stop_ask
from tradewind_engine.trading.rounding import MarketRules
from tradewind_engine.trading.sizing import PaperMarket

D = Decimal
RULES = MarketRules("BTC/USDT", D("0.001"), price_tick=D("0.01"), min_notional=D(5))
MARKET = PaperMarket("BTC/USDT", D("0.001"), D(0), D("0.001"), D(5))
STOP = Ask("sell", "stop", D("0.5"), "StopLoss", D("93.1"), D("95"))
STEP = Ask("buy", "limit", D("0.25"), "LadderStep", D("98"))


def document(protect, ladder=None):
    raw = template("sma-crossover").to_json()
    entry = raw["entry"] | ({"ladder": ladder} if ladder else {})
    return parse_document(raw | {"protect": protect, "entry": entry})


def held(amount="0.5", price="100", **changes):
    amount, price = D(amount), D(price)
    notional = amount * price
    found = Position(
        amount=amount, cost=notional, notional=notional, buys=1, first_price=price, first_cost=notional, peak=price
    )
    return found.model_copy(update=changes)


def order(ask, cid="a1", *, status="Open", filled="0"):
    intent = Intended(
        client_order_id=cid, symbol="BTC/USDT", side=ask.side, order_type=ask.order_type, amount=ask.amount,
        price=ask.price, stop_price=ask.stop_price, candle_open_ms=0, reason=ask.reason,
    )  # fmt: skip
    return Order(intent, 0, status=status, filled=D(filled), reported=D(filled))


def test_a_stop_lies_below_what_was_paid():
    """Bought at 100, stop 5 %: triggers at 95, sells down to 2 % below that, and only what is on the grid."""
    found = stop_ask(held("0.5004"), document({"stopLossPercent": 5}), RULES)
    assert Ask("sell", "stop", D("0.500"), "StopLoss", D("93.10"), D("95.00")) == found


def test_a_trailing_stop_follows_the_peak():
    """The highest price was 120: 10 % below it are 108, above the fixed stop."""
    found = stop_ask(held(peak=D(120)), document({"stopLossPercent": 5, "trailingStopPercent": 10}), RULES)
    assert ("TrailingStop", D(108)) == (found.reason, found.stop_price)


@pytest.mark.parametrize(
    ("ts", "low", "watched", "found"),
    [
        (180_000, "95", True, (D(95), "StopLoss")),
        (180_000, "95.01", False, None),
        (120_000, "90", False, (D(95), "StopLoss")),  # the candle of the entry, which nobody saw: as the back-test has it
        (120_000, "90", True, None),  # its low may be from before the purchase, whose later prices were all heard
        (60_000, "90", False, None),  # the candle that it was decided on
    ],
)
def test_a_closed_candle_tells_of_a_stop_that_nobody_saw_reached(ts, low, watched, found):
    """Bought at 100 in the candle of 120 s, by the decision at the close of the one of 60 s."""
    position = held(opened_candle_ms=60_000)
    wanted = document({"stopLossPercent": 5})
    assert found == missed_stop(position, wanted, ts, D(low), length_ms=60_000, watched=watched)
    assert missed_stop(Position(), wanted, ts, D(low), length_ms=60_000, watched=watched) is None


@pytest.mark.parametrize(("position", "protect"), [(held("0.02"), {"stopLossPercent": 5}), (held(), {"takeProfitPercent": 5})])
def test_no_stop_where_too_little_is_held_or_none_is_wanted(position, protect):
    """0.02 at 93.1 are 1.86, the market wants 5."""
    assert stop_ask(position, document(protect), RULES) is None


def test_a_step_waits_below_the_first_price():
    """2 % below 100; as much as the first order cost, 50, buys 0.509 with the fee."""
    ladder = {"steps": 2, "spacingPercent": 2, "sizeFactor": 1, "capPercent": 100}
    found = step_ask(
        held(), document({"stopLossPercent": 50}, ladder), MARKET, RULES, share=D(1000), equity=D(1000), risk=RiskLimits()
    )
    assert Ask("buy", "limit", D("0.509"), "LadderStep", D("98.00")) == found
    assert (
        step_ask(
            held(buys=3),
            document({"stopLossPercent": 50}, ladder),
            MARKET,
            RULES,
            share=D(1000),
            equity=D(1000),
            risk=RiskLimits(),
        )
        is None
    )
    assert (
        step_ask(
            held(), document({"stopLossPercent": 1}, ladder), MARKET, RULES, share=D(1000), equity=D(1000), risk=RiskLimits()
        )
        is None
    )


@pytest.mark.parametrize(
    ("limits", "amount"),
    [
        (RiskLimits(max_position_percent=8), "0.316"),  # of 80 there are 49 in the position, at the step's price
        (RiskLimits(max_position_percent=5), None),
        (RiskLimits(max_order_notional=D(20)), "0.203"),
        (RiskLimits(max_order_notional=D(4)), None),  # less than the market takes
    ],
)
def test_a_step_stays_within_its_owners_limits(limits, amount):
    """A purchase like any other: 0.5 are held, the step waits at 98, and it is made smaller or not at all."""
    ladder = {"steps": 2, "spacingPercent": 2, "sizeFactor": 1, "capPercent": 100}
    rule = document({"stopLossPercent": 50}, ladder)
    found = step_ask(held(), rule, MARKET, RULES, share=D(1000), equity=D(1000), risk=limits)
    assert amount == (found and str(found.amount))


@pytest.mark.parametrize(("price", "expected"), [(D(100), D("0.500")), (D(9), D(0)), (None, D("0.500"))])
def test_what_can_be_sold(price, expected):
    """0.5 at 9 are 4.5, less than the market takes; without a price what was paid counts."""
    assert expected == sellable(held("0.5009"), RULES, price)


@pytest.mark.parametrize(
    ("orders", "wishes", "expected"),
    [
        ([], Wishes(), Plan()),
        ([], Wishes(stop=STOP, step=STEP), Plan(place=STOP)),
        ([order(STOP)], Wishes(stop=STOP, step=STEP), Plan(place=STEP)),
        ([order(STOP), order(STEP, "a2")], Wishes(stop=STOP, step=STEP), Plan()),
        ([order(STOP), order(STEP, "a2")], Wishes(), Plan(cancel=("a1", "a2"))),
        ([order(STOP)], Wishes(sell="Exit"), Plan(cancel=("a1",))),
        ([order(STOP, status="Unknown")], Wishes(sell="Exit"), Plan(cancel=("a1",))),
        ([], Wishes(sell="Exit"), Plan(place=Ask("sell", "market", D(1), "Exit"))),
        ([order(Ask("sell", "market", D(1), "Exit"))], Wishes(sell="Exit"), Plan()),
        ([order(Ask("buy", "market", D(1), "Entry"), status="Unknown")], Wishes(stop=STOP), Plan()),
        ([order(STOP)], Wishes(stop=Ask("sell", "stop", D("0.5"), "StopLoss", D("95.1"), D("97"))), Plan(cancel=("a1",))),
        ([order(STOP, filled="0.1")], Wishes(stop=Ask("sell", "stop", D("0.4"), "StopLoss", D("93.1"), D("95"))), Plan()),
    ],
)
def test_the_next_step(orders, wishes, expected):
    """A cancel comes before its replacement, what is on its way is waited for, what is right is left alone."""
    assert expected == plan(orders, wishes, D(1))
