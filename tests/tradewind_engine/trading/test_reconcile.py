"""Ledger against exchange: whose order it is, and which of the two is right about an amount."""

from decimal import Decimal

from tradewind_api.fold import fold
from tradewind_api.ledger import Intended, LedgerState, Position, event
from tradewind_engine.trading.identity import client_order_id, epoch_of
from tradewind_engine.trading.reconcile import compare_balances, unknown_to_ledger
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


def test_missing_cash_is_shown():
    """Others may use the account: it is not taken out of the ledger, and no more than is there is ever spent."""
    found = compare("5", "400")
    assert ["USDT: the ledger has 500, the exchange 400"] == [str(item) for item in found.shown]
    assert () == found.adjustments


def test_whose_order_it_is():
    """By id alone: another bot's, a person's, one that the ledger knows, one that it never heard of."""
    mine, later, theirs = (client_order_id(uid, 3, n) for uid, n in (("me", 5), ("me", 6), ("you", 6)))
    intent = Intended(client_order_id=mine, symbol="BTC/USDT", side="buy", amount=Decimal(1), candle_open_ms=0, reason="Entry")
    state = fold([event("me", 3, seq=1, at_ms=0, data=intent)])
    known = [unknown_to_ledger(cid, "me", state) for cid in (mine, later, theirs, "x-TKT5PX2F1234", "web_1")]
    assert [False, True, False, False, False] == known
    zombie = client_order_id("me", 2, 1)
    assert unknown_to_ledger(zombie, "me", state)
    assert [3, 2, None, None] == [epoch_of(cid, "me") for cid in (mine, zombie, theirs, "")]
