"""Ledger against exchange: whose order it is, and which of the two is right about an amount."""

from decimal import Decimal

from tradewind_api.fold import fold
from tradewind_api.heard import heard
from tradewind_api.ledger import Intended, LedgerState, Position, event
from tradewind_engine.trading.identity import client_order_id, epoch_of
from tradewind_engine.trading.reconcile import compare_balances, is_small_change, written_off
from tradewind_engine.trading.rounding import MarketRules

RULES = {"BTC/USDT": MarketRules("BTC/USDT", Decimal("0.001"))}
STATE = LedgerState(
    currency="USDT",
    cash=Decimal(500),
    equity=Decimal(1000),
    positions={"BTC/USDT": Position(amount=Decimal(5), notional=Decimal(500), cost=Decimal(501))},
)
PRICES = {"BTC/USDT": Decimal(100)}


def compare(btc, usdt="500"):
    return compare_balances(STATE, {"BTC": Decimal(btc), "USDT": Decimal(usdt)}, RULES, PRICES)


def test_the_same_amounts_are_no_difference():
    """And more than the ledger knows of is the owner's own."""
    for btc in ("5", "70"):
        found = compare(btc)
        assert ((), (), ()) == (found.adjustments, found.shown, found.beyond_tolerance)


def test_what_is_gone_is_taken_out_of_the_ledger_and_told():
    """Four of five: 100 of 1,000 is beyond 1 %, so a person looks at it; cost per coin stays what it was."""
    found = compare("4")
    assert [Decimal(-1)] == [item.amount for item in found.adjustments]
    assert ["BTC: the ledger has 5, the exchange 4"] == [str(item) for item in found.beyond_tolerance]
    after = fold([event("u", 1, seq=1, at_ms=0, data=found.adjustments[0])], STATE).positions["BTC/USDT"]
    assert (Decimal(4), Decimal(400)) == (after.amount, after.notional)


def test_a_small_loss_is_booked_without_a_halt():
    """0.05 of 5 is 5 of 1,000, half a percent."""
    found = compare("4.95")
    assert (1, 1, ()) == (len(found.adjustments), len(found.shown), found.beyond_tolerance)


def test_less_than_a_step_is_dust():
    """Booked, not shown."""
    found = compare("4.9995")
    assert (1, ()) == (len(found.adjustments), found.shown)


def test_what_a_fee_in_base_leaves_is_small_change_and_more_than_a_step_is_not():
    """Both leave the ledger whole, and what they cost is in the realized profit: cash is capital and gains less costs still."""
    for amount, small in (("0.0009", True), ("0.001", False), ("0.3", False)):
        gone = written_off("BTC/USDT", Decimal(amount), Decimal("0.001"))
        assert (small, "Dust") == (is_small_change(gone), gone.reason.partition(":")[0])
        held = STATE.model_copy(update={"positions": {"BTC/USDT": Position(amount=Decimal(amount), cost=Decimal(3))}})
        after = fold([event("u", 1, seq=1, at_ms=0, data=gone)], held)
        assert ({}, STATE.cash, STATE.realized_pnl - 3) == (after.positions, after.cash, after.realized_pnl)


def test_missing_cash_is_shown():
    """Others may use the account: it is not taken out of the ledger, and no more than is there is ever spent."""
    found = compare("5", "400")
    assert ["USDT: the ledger has 500, the exchange 400"] == [str(item) for item in found.shown]
    assert () == found.adjustments


def test_whose_order_it_is():
    """By the bot's prefix; whether the ledger has heard of it, by what stands in the ledger. An epoch nobody knew is new."""
    mine, later, theirs = (client_order_id(who, 3, n) for who, n in (("me", 1), ("me", 2), ("you", 2)))
    state = fold([event("me", 3, seq=1, at_ms=0, data=intent(mine))])
    zombie = client_order_id("me", 2, 1)
    assert [True, False, False] == [heard(state.last_intents, state.unheard, cid) for cid in (mine, later, zombie)]
    assert [3, 2, None, None, None] == [epoch_of(cid, "me") for cid in (mine, zombie, theirs, "", "x-TKT5PX2F1234")]


def test_an_order_that_is_heard_of_late_is_not_taken_for_an_old_one():
    """The third comes first, as from a pod that was taken for dead: the first and second are new until they come."""
    first, second, third = (client_order_id("me", 3, n) for n in (1, 2, 3))
    state = fold([event("me", 4, seq=1, at_ms=0, data=intent(third))])
    assert [False, False, True] == [heard(state.last_intents, state.unheard, cid) for cid in (first, second, third)]
    state = fold([event("me", 4, seq=2, at_ms=0, data=intent(first))], state)
    assert [True, False, True] == [heard(state.last_intents, state.unheard, cid) for cid in (first, second, third)]
    state = fold([event("me", 4, seq=3, at_ms=0, data=intent(second))], state)
    assert {} == state.unheard


def test_what_was_never_heard_of_stays_small():
    """Of numbers left out the newest are kept, of epochs too."""
    state = fold([event("me", 1, seq=1, at_ms=0, data=intent(client_order_id("me", 1, 10_000)))])
    assert [client_order_id("me", 1, number) for number in range(9_936, 10_000)] == list(*state.unheard.values())
    later = [event("me", n, seq=1, at_ms=0, data=intent(client_order_id("me", n, 2))) for n in range(2, 50)]
    assert 32 == len(fold(later, state).unheard) == len(fold(later, state).last_intents)


def intent(cid):
    return Intended(client_order_id=cid, symbol="BTC/USDT", side="buy", amount=Decimal(1), candle_open_ms=0, reason="Entry")
