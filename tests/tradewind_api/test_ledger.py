"""The ledger's fold: history in, state out, to the last digit."""

from decimal import Decimal

import pytest
from pydantic import ValidationError

from tradewind_api import ledger
from tradewind_api.fold import fold
from tradewind_api.ledger import Adjusted, Closed, Decision, Equity, Filled, Halted, Intended, LedgerEvent, Started, Triggered

START = Started(generation=1, strategy_digest="d", runner_version="0.1.0", mode="Paper", currency="USDT", capital=Decimal(1000))


def events(*data: ledger.EventData, epoch: int = 1) -> list[LedgerEvent]:
    return [ledger.event("uid", epoch, seq=seq, at_ms=seq, data=item) for seq, item in enumerate(data, start=1)]


def order(cid: str, side: ledger.Side) -> Intended:
    return Intended(client_order_id=cid, symbol="BTC/USDT", side=side, amount="2", candle_open_ms=60_000, reason="signal")


def fill(cid: str, side: ledger.Side, *, amount: str, price: str, fee: str, currency: str = "USDT") -> Filled:
    return Filled(
        client_order_id=cid,
        trade_id=cid,
        symbol="BTC/USDT",
        side=side,
        amount=amount,
        price=price,
        fee=fee,
        fee_currency=currency,
    )


def test_a_buy_moves_cash_into_a_position():
    """2 BTC at 100 with a fee of 0.2 leave 799.8 of 1,000 and cost 200.2."""
    state = fold(events(START, order("a", "buy"), fill("a", "buy", amount="2", price="100", fee="0.2")))
    assert Decimal("799.8") == state.cash
    assert Decimal("200.2") == state.positions["BTC/USDT"].cost
    assert 60_000 == state.positions["BTC/USDT"].opened_candle_ms


def test_a_round_trip_books_the_profit_after_both_fees():
    """Bought at 100, sold at 110: 20 less 0.2 and 0.22 of fees."""
    state = fold(
        events(
            START,
            order("a", "buy"),
            fill("a", "buy", amount="2", price="100", fee="0.2"),
            Closed(client_order_id="a", outcome="Filled"),
            order("b", "sell"),
            fill("b", "sell", amount="2", price="110", fee="0.22"),
        )
    )
    assert Decimal("19.58") == state.realized_pnl
    assert Decimal("1019.58") == state.cash
    assert {} == state.positions
    assert ["b"] == list(state.open_intents)


def test_half_a_sale_takes_half_of_the_cost():
    """Half of a position that cost 200 leaves a cost of 100."""
    state = fold(
        events(
            START,
            fill("a", "buy", amount="2", price="100", fee="0"),
            fill("b", "sell", amount="1", price="90", fee="0"),
        )
    )
    assert Decimal(100) == state.positions["BTC/USDT"].cost
    assert Decimal(-10) == state.realized_pnl


def test_a_fee_in_base_shrinks_what_is_held():
    """An exchange that takes 0.1 % of the bought coin leaves 1.998 of 2."""
    state = fold(events(START, fill("a", "buy", amount="2", price="100", fee="0.002", currency="BTC")))
    assert Decimal("1.998") == state.positions["BTC/USDT"].amount
    assert Decimal("0.2") == state.fees_paid
    assert Decimal(800) == state.cash


def test_a_trade_is_over_when_what_its_sale_left_is_booked_away():
    """The fee was taken in base, so less than a step is left: the rest after a trade begins all the same and counts candles."""
    bought = fill("a", "buy", amount="2", price="100", fee="0.003", currency="BTC")
    sold = fill("b", "sell", amount="1.99", price="100", fee="0.199")
    dust = Adjusted(symbol="BTC/USDT", amount=Decimal("-0.007"), reason="Dust")
    state = fold(events(START, order("a", "buy"), bought, order("b", "sell"), sold, dust))
    assert ({}, 0) == (state.positions, state.rested["BTC/USDT"])
    assert (Decimal("998.801"), Decimal("-1.199")) == (state.cash, round(state.realized_pnl, 12))  # it cost what it cost
    state = fold(events(Decision(symbol="BTC/USDT", candle_open_ms=60_000, action="None")), state)
    assert 1 == state.rested["BTC/USDT"]


def test_that_a_strategy_wants_out_outlives_the_pod_until_all_is_sold():
    """Decided, half sold, then the rest; the next trade begins without it. Whoever holds nothing has nothing to leave."""
    leave = Decision(symbol="BTC/USDT", candle_open_ms=60_000, action="Exit")
    assert {} == fold(events(START, leave)).leaving
    held = [START, order("a", "buy"), fill("a", "buy", amount="2", price="100", fee="0")]
    half, rest = (fill("b", "sell", amount="1", price="100", fee="0").model_copy(update={"trade_id": name}) for name in "12")
    later = leave.model_copy(update={"candle_open_ms": 120_000})
    leaving = [*held, leave, order("b", "sell"), half, later]
    assert {"BTC/USDT": "Exit"} == fold(events(*leaving)).leaving
    assert {} == fold(events(*leaving, rest)).leaving
    assert {} == fold(events(*leaving, Adjusted(symbol="BTC/USDT", amount=Decimal(-1), reason="Dust"))).leaving


def test_that_a_guard_has_gone_off_outlives_the_pod_until_all_is_sold():
    """Whichever comes first names the reason; what nobody holds is not left."""
    hit = Triggered(symbol="BTC/USDT", reason="TakeProfit", level=Decimal(110), price=Decimal(111), candle_open_ms=60_000)
    leave = Decision(symbol="BTC/USDT", candle_open_ms=60_000, action="Exit")
    assert {} == fold(events(START, hit)).leaving
    held = [START, order("a", "buy"), fill("a", "buy", amount="2", price="100", fee="0")]
    assert {"BTC/USDT": "TakeProfit"} == fold(events(*held, hit, leave)).leaving
    assert {} == fold(events(*held, hit, order("b", "sell"), fill("b", "sell", amount="2", price="90", fee="0"))).leaving


def test_a_halt_outlives_the_pod_and_ends_with_an_edit():
    """A new pod of the same generation stays halted, one of a newer generation does not."""
    halted = fold(events(START, Halted(reason="DailyLoss", message="-3 %")))
    again = fold(events(START, epoch=2), halted)
    edited = fold(events(START.model_copy(update={"generation": 2}), epoch=2), halted)
    assert ("DailyLoss", "DailyLoss", None) == (halted.halted, again.halted, edited.halted)


def test_the_second_start_keeps_the_money():
    """Capital is set once; a later start does not refill the account."""
    state = fold(
        events(START, fill("a", "buy", amount="1", price="400", fee="0"), START.model_copy(update={"capital": Decimal(5)}))
    )
    assert (Decimal(1000), Decimal(600)) == (state.capital, state.cash)


def test_what_was_bought_before_the_first_start_that_was_told_is_paid_for():
    """A pod died with its disk, and the next one found its order at the exchange before it said that it had started."""
    taken_over = (order("a", "buy"), fill("a", "buy", amount="2", price="100", fee="0.2"))
    assert Decimal("799.8") == fold(events(*taken_over, START)).cash


def test_folding_in_two_parts_equals_folding_at_once():
    """The state is enough: nothing else of the past matters."""
    history = events(
        START,
        order("a", "buy"),
        fill("a", "buy", amount="2", price="100", fee="0.2"),
        Equity(equity="999.8", cash="799.8", prices={"BTC/USDT": "100"}),
        Decision(symbol="BTC/USDT", candle_open_ms=60_000, action="None"),
    )
    for cut in range(len(history) + 1):
        assert fold(history) == fold(history[cut:], fold(history[:cut]))


def test_an_event_survives_json():
    """What is read back from JSON is what was written."""
    entry = events(fill("a", "buy", amount="0.10", price="1E+2", fee="0"))[0]
    assert entry == LedgerEvent.model_validate_json(entry.model_dump_json())
    assert '"price":"100"' in entry.model_dump_json()


@pytest.mark.parametrize("amount", [1, 0.1, "NaN", "Infinity", "ten", None, "1" * 70])
def test_an_amount_is_a_finite_decimal_string(amount):
    """Numbers, NaN and words are refused: a float has lost digits already."""
    with pytest.raises(ValidationError):
        Filled(
            client_order_id="a",
            trade_id="1",
            symbol="A/B",
            side="buy",
            amount=amount,
            price="1",
            fee="0",
            fee_currency="B",
        )


def test_a_fee_in_a_third_currency_is_kept_apart():
    """0.001 BNB twice: neither cash nor position pays it, the account does; of BNB itself it is a fee in base."""
    third = [fill(cid, "buy", amount="1", price="100", fee="0.001", currency="BNB") for cid in ("a", "b")]
    state = fold(events(START, *third))
    assert ({"BNB": Decimal("0.002")}, Decimal(800), Decimal(0)) == (state.fees_elsewhere, state.cash, state.fees_paid)
    own = third[0].model_copy(update={"symbol": "BNB/USDT"})
    assert ({}, Decimal("0.999")) == ((state := fold(events(START, own))).fees_elsewhere, state.positions["BNB/USDT"].amount)


def test_a_sale_that_is_booked_before_its_purchase_gains_the_same():
    """Reports of a dead pod's orders come in any order: bought for 200.2 and sold for 219.78 gains 19.58 either way."""
    bought = fill("a", "buy", amount="2", price="100", fee="0.2")
    sold = fill("b", "sell", amount="2", price="110", fee="0.22")
    early = fold(events(START, order("a", "buy"), order("b", "sell"), sold))
    assert (Decimal(-2), Decimal("-219.78")) == (early.positions["BTC/USDT"].amount, early.positions["BTC/USDT"].cost)
    assert Decimal(0) == early.realized_pnl
    state = fold(events(START, order("a", "buy"), order("b", "sell"), sold, bought))
    assert (Decimal("19.58"), Decimal("1019.58"), {}) == (state.realized_pnl, state.cash, state.positions)


def test_a_purchase_that_covers_half_of_an_early_sale_gains_half():
    """Sold 2 for 220 in all; one of them was bought for 100: 10 are gained, 110 of proceeds wait for the other."""
    state = fold(
        events(
            START,
            fill("b", "sell", amount="2", price="110", fee="0"),
            fill("a", "buy", amount="1", price="100", fee="0"),
        )
    )
    assert Decimal(10) == state.realized_pnl
    assert (Decimal(-1), Decimal(-110)) == (state.positions["BTC/USDT"].amount, state.positions["BTC/USDT"].cost)


def test_the_candle_of_the_newest_purchase_is_known():
    """A purchase counts as made at its candle also where the decision was lost with a pod."""
    assert {"BTC/USDT": 60_000} == fold(events(START, order("a", "buy"))).last_buy_ms
    assert {} == fold(events(START, order("b", "sell"))).last_buy_ms
