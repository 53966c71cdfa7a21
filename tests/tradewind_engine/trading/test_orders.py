"""The life of an order: what each report means in each state, and what holds whatever the exchange says."""

from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind_api.fold import fold
from tradewind_api.ledger import Closed, Filled, Intended, LedgerState, event
from tradewind_engine.trading.orders import Lost, NotFound, Order, Patience, Refused, Report, Trade, apply, resume

CID = "a" * 7 + "0001" + "0000001"
INTENT = Intended(client_order_id=CID, symbol="BTC/USDT", side="buy", amount=Decimal(10), candle_open_ms=0, reason="Entry")
FRESH = Order(INTENT, sent_ms=1_000)
PATIENCE = Patience(tries=3, window_ms=5_000)


def trade(number, amount, fee="0"):
    return Trade(f"t{number}", Decimal(amount), Decimal(100), Decimal(fee), "USDT")


def report(status, filled, *trades):
    return Report("x1", status, Decimal(filled), trades)


def run(order, *inputs):
    """Return the order after the inputs, and the names of the events on the way (of closes the outcome)."""
    said = []
    for data in inputs:
        step = apply(order, data, PATIENCE)
        order = step.order
        said += [item.outcome if isinstance(item, Closed) else type(item).__name__ for item in step.events]
    return order, said


FOUR, SIX = trade(1, 4), trade(2, 6)


@pytest.mark.parametrize(
    ("inputs", "status", "events"),
    [
        ([report("Filled", 10, FOUR, SIX)], "Filled", ["Acknowledged", "Filled", "Filled", "Filled"]),
        ([Lost("timeout"), report("Filled", 10, FOUR, SIX)], "Filled", ["Unknown", "Acknowledged", *["Filled"] * 3]),
        ([Refused("LOT_SIZE")], "Rejected", ["Rejected"]),
        ([Lost("502"), Refused("funds")], "Rejected", ["Unknown", "Rejected"]),
        ([report("Open", 4, FOUR), report("Canceled", 4)], "Canceled", ["Acknowledged", "Filled", "Canceled"]),
        ([report("Filled", 10)], "Open", ["Acknowledged"]),  # fills are spoken of and not shown: it stays open
        ([report("Filled", 10), report("Open", 0), report("Open", 4, FOUR, SIX)], "Filled", ["Acknowledged", *["Filled"] * 3]),
        ([report("Expired", 0)], "Expired", ["Acknowledged", "Expired"]),
        ([report("Canceled", 10, FOUR, SIX)], "Filled", ["Acknowledged", *["Filled"] * 3]),  # the fill won the race
        ([report("Open", 0), Lost("late"), NotFound(99_000)], "Open", ["Acknowledged"]),
    ],
)
def test_what_becomes_of_an_order(inputs, status, events):
    """One table: inputs, end state, what is booked."""
    order, said = run(FRESH, *inputs)
    assert status == order.status
    assert events == said


def test_unknown_ends_only_after_enough_looks_and_enough_time():
    """Three looks within five seconds are not enough, nor five seconds with two looks."""
    order, said = run(FRESH, Lost("timeout"), NotFound(2_000), NotFound(3_000), NotFound(4_000))
    assert ("Unknown", ["Unknown"]) == (order.status, said)
    assert "NotPlaced" == run(order, NotFound(6_000))[0].status
    assert "Unknown" == run(FRESH, Lost("timeout"), NotFound(2_000), NotFound(90_000))[0].status


def test_an_order_given_up_that_appears_is_adopted():
    """The exchange forgot it for longer than our patience: its fills are booked all the same, and a person is told."""
    given_up, _ = run(FRESH, Lost("timeout"), *(NotFound(9_000 + n) for n in range(3)))
    step = apply(given_up, report("Filled", 10, FOUR, SIX))
    assert "Filled" == step.order.status
    assert ["Intended", "Acknowledged", "Filled", "Filled", "Closed"] == [type(item).__name__ for item in step.events]
    assert (f"Late: the exchange has {CID} although it was NotPlaced",) == step.anomalies


@pytest.mark.parametrize(
    "bad",
    [
        trade(3, "NaN"),
        trade(3, "-1"),
        trade(3, "1e308"),
        trade(3, "0"),
        trade(3, 11),
        trade(3, 1, fee="Infinity"),
        Trade("", Decimal(1), Decimal(1), Decimal(0), "USDT"),
    ],
)
def test_a_trade_that_cannot_be_is_told_and_not_booked(bad):
    """Garbled numbers move no money."""
    step = apply(FRESH, report("Open", 0, bad))
    assert [] == [item for item in step.events if isinstance(item, Filled)]
    assert step.anomalies[0].startswith("Impossible: ")


def test_a_twin_is_told_and_not_mixed_in():
    """Two exchange orders under one client order id: the second one's fills are not this order's."""
    order, _ = run(FRESH, report("Open", 4, FOUR))
    step = apply(order, Report("x2", "Filled", Decimal(6), (SIX,)))
    assert order == step.order
    assert step.anomalies[0].startswith("Twin: ")


def test_reports_in_any_order_come_to_the_same_end():
    """New, partly filled, filled, twice each and shuffled: 720 ways, one end."""
    reports = [report("Open", 0), report("Open", 4, FOUR), report("Filled", 10, FOUR, SIX)]
    ends = set()
    for ways in permutations([*reports, *reports]):
        order, said = run(FRESH, *ways)
        ends.add((order.status, order.filled, order.trade_ids, said.count("Acknowledged"), len(said)))
    assert {("Filled", Decimal(10), frozenset({"t1", "t2"}), 1, 4)} == ends


def test_a_resumed_order_books_only_what_the_ledger_lacks():
    """Four were booked before the kill; the exchange shows all ten."""
    order = resume(INTENT, sent_ms=0, trade_ids=["t1"], filled=Decimal(4))
    step = apply(order, report("Filled", 10, FOUR, SIX))
    assert ["t2"] == [item.trade_id for item in step.events if isinstance(item, Filled)]
    assert "Filled" == step.order.status


NUMBERS = st.one_of(
    st.integers(-2, 12).map(Decimal), st.sampled_from([Decimal("NaN"), Decimal("Infinity"), Decimal("1e308"), Decimal("0.1")])
)
TRADES = st.builds(
    Trade, st.sampled_from(["", "a", "b", "c", "d"]), NUMBERS, NUMBERS, NUMBERS, st.sampled_from(["USDT", "BTC"])
)
STATUSES = st.sampled_from(["Open", "Filled", "Canceled", "Rejected", "Expired"])
INPUTS = st.one_of(
    st.builds(Report, st.sampled_from(["", "x1", "x2"]), STATUSES, NUMBERS, st.lists(TRADES, max_size=4).map(tuple)),
    st.builds(Lost, st.text(max_size=5)),
    st.builds(Refused, st.text(max_size=5)),
    st.builds(NotFound, st.integers(0, 100_000)),
)


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(st.lists(INPUTS, max_size=15))
def test_whatever_the_exchange_says(inputs):
    """No exception; fills never above the order, each trade once; the ledger's fold is what the order says."""
    order, booked, events = FRESH, [], [INTENT]
    for data in inputs:
        before = order
        step = apply(order, data, PATIENCE)
        order = step.order
        events += step.events
        booked += [item for item in step.events if isinstance(item, Filled)]
        assert before.filled <= order.filled <= INTENT.amount
        assert apply(order, data, PATIENCE).order.filled == order.filled, "the same report twice books nothing"
    assert len({item.trade_id for item in booked}) == len(booked)
    assert sum((item.amount for item in booked), Decimal(0)) == order.filled
    group = [event("u", 1, seq=n, at_ms=0, data=item) for n, item in enumerate(events, 1)]
    state = fold(group, LedgerState(cash=Decimal(1_000_000_000)))
    assert order.closed == (CID not in state.open_intents)
    if not order.closed:
        assert {trade.trade_id for trade in booked} == set(state.open_trades.get(CID, {}))
    split = group[: len(group) // 2]
    assert state == fold(group[len(split) :], fold(split, LedgerState(cash=Decimal(1_000_000_000))))


def test_an_order_that_was_rejected_with_a_fill_is_not_open_again():
    """The ledger keeps trades by id for open orders only: opened again, its fill would be booked again by the next pod."""
    step = apply(apply(FRESH, report("Rejected", 4, FOUR)).order, report("Open", 0))
    assert ("Rejected", (), ()) == (step.order.status, step.events, step.anomalies)


def test_an_order_with_fills_that_the_exchange_no_longer_shows_is_not_one_that_never_was():
    """It keeps its fills, and is not watched for as if it might yet appear."""
    order = resume(INTENT, sent_ms=0, trade_ids=["t1"], filled=Decimal(4))
    for number in range(6):
        step = apply(order, NotFound(60_000 + number))
        order = step.order
    assert ("Expired", Decimal(4)) == (order.status, order.filled)
