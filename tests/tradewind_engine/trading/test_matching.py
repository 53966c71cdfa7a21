"""The matching core: who is filled by what, with numbers that can be checked by hand."""

import random
from decimal import Decimal

import pytest

from tradewind_engine.trading.book import Book, Print
from tradewind_engine.trading.commission import Fees, commission
from tradewind_engine.trading.matching import MatchingMarket
from tradewind_engine.trading.offers import WOULD_MATCH, WOULD_TRIGGER, Ended, Fill, Offer, Triggered


def levels(*pairs):
    return tuple((Decimal(price), Decimal(amount)) for price, amount in pairs)


BIDS = levels(("99", "2"), ("98", "3"), ("97", "5"))
ASKS = levels(("101", "1"), ("102", "2"), ("103", "4"))


def market(bids=BIDS, asks=ASKS):
    found = MatchingMarket(Decimal("0.01"))
    found.show(Book(bids, asks))
    return found


def offer(side, kind, amount, price=None, **more):
    numbers = {name: Decimal(value) if name in {"stop_price", "most_quote"} else value for name, value in more.items()}
    return Offer(
        numbers.pop("order_id", "a"),
        side,
        kind,
        None if amount is None else Decimal(amount),
        None if price is None else Decimal(price),
        **numbers,
    )


def trade(price, amount, taker="sell", at=1):
    return Print(0, at, Decimal(price), Decimal(amount), taker)


def fills(outcomes):
    return [(found.order_id, str(found.amount), str(found.price)) for found in outcomes if isinstance(found, Fill)]


def ends(outcomes):
    return [(found.order_id, found.outcome) for found in outcomes if isinstance(found, Ended)]


def test_a_taker_walks_the_levels():
    """3 at market: 1 at 101 and 2 at 102."""
    outcomes = market().place(offer("buy", "market", "3"), 5)
    assert [("a", "1", "101"), ("a", "2", "102")] == fills(outcomes)
    assert [("a", "Filled")] == ends(outcomes)
    assert {5} == {found.time_ms for found in outcomes}


def test_what_was_taken_stays_taken_until_the_level_changes():
    """The second buyer finds 101 empty and 102 half; once 102 shows another amount it is whole again."""
    found = market()
    found.place(offer("buy", "market", "2"), 0)
    assert [("a", "1", "102"), ("a", "1", "103")] == fills(found.place(offer("buy", "market", "2"), 0))
    found.show(Book(BIDS, levels(("101", "1"), ("102", "2.5"), ("103", "4"))))
    assert [("a", "1", "102")] == fills(found.place(offer("buy", "market", "1"), 0))


def test_what_several_have_taken_of_a_level_adds_up():
    """4 stand at 103: 1, then 1, then 1 are taken, and a fourth buyer of 2 finds 1."""
    found = market(asks=levels(("103", "4")))
    for _ in range(3):
        assert [("a", "1", "103")] == fills(found.place(offer("buy", "market", "1"), 0))
    assert [("a", "1", "103")] == fills(found.place(offer("buy", "market", "2"), 0))


def test_a_market_order_that_empties_the_book_expires_partly_filled():
    """7 stand there, 8 were wanted."""
    outcomes = market().place(offer("buy", "market", "8"), 0)
    assert Decimal(7) == sum(found.amount for found in outcomes if isinstance(found, Fill))
    assert [("a", "Expired")] == ends(outcomes)


@pytest.mark.parametrize(
    ("quote", "bought"),
    [("101", ["1"]), ("203", ["1", "1.00"]), ("150", ["1", "0.48"])],  # 49 / 102 = 0.4803...
)
def test_an_order_by_quote_buys_whole_steps(quote, bought):
    """What is left and buys no step does not keep it open."""
    outcomes = market().place(offer("buy", "market", None, most_quote=quote), 0)
    assert bought == [str(found.amount) for found in outcomes if isinstance(found, Fill)]
    assert [("a", "Filled")] == ends(outcomes)


def test_a_limit_takes_what_is_within_its_price_and_rests():
    """1 at 101, then 2 rest at 101, with nothing before them."""
    found = market()
    assert [("a", "1", "101")] == fills(found.place(offer("buy", "limit", "3", "101"), 0))
    assert Decimal(0) == found.ahead("a")
    assert [("a", "2", "101")] == fills(found.printed(trade("101", "9")))


@pytest.mark.parametrize(
    ("time_in_force", "filled", "end"), [("IOC", ["1"], "Expired"), ("FOK", [], "Expired"), ("GTC", ["1"], None)]
)
def test_time_in_force(time_in_force, filled, end):
    """3 up to 101: IOC keeps the 1 and ends, FOK takes nothing, GTC rests."""
    outcomes = market().place(offer("buy", "limit", "3", "101", time_in_force=time_in_force), 0)
    assert filled == [str(found.amount) for found in outcomes if isinstance(found, Fill)]
    assert ([("a", end)] if end else []) == ends(outcomes)


def test_fill_or_kill_fills_whole():
    """3 up to 102 are there."""
    outcomes = market().place(offer("buy", "limit", "3", "102", time_in_force="FOK"), 0)
    assert [("a", "1", "101"), ("a", "2", "102")] == fills(outcomes)


def test_post_only_never_takes():
    """At the best ask it is refused, below it rests."""
    found = market()
    assert [Ended("a", "Rejected", 0, WOULD_MATCH)] == found.place(offer("buy", "post_only", "1", "101"), 0)
    assert [] == found.place(offer("buy", "post_only", "1", "100"), 0)


def test_a_maker_waits_behind_what_is_shown():
    """2 stand before it at 99: a trade of 1.5 leaves 0.5, the next of 1 fills 0.5, one through its price the rest."""
    found = market()
    found.place(offer("buy", "limit", "1", "99"), 0)
    assert Decimal(2) == found.ahead("a")
    assert [] == found.printed(trade("99", "1.5"))
    assert [("a", "0.5", "99")] == fills(found.printed(trade("99", "1")))
    outcomes = found.printed(trade("98.5", "7"))
    assert ([("a", "0.5", "99")], [("a", "Filled")]) == (fills(outcomes), ends(outcomes))


def test_a_maker_is_never_filled_by_more_than_was_traded():
    """0.3 through the price fill 0.3."""
    found = market()
    found.place(offer("buy", "limit", "1", "99"), 0)
    assert [("a", "0.3", "99")] == fills(found.printed(trade("98", "0.3")))


def test_who_was_traded_through_is_the_first_in_the_queue():
    """2 stood before it at 99; what was traded at 98 means that they are gone, and a trade at 99 is its own."""
    found = market()
    found.place(offer("buy", "limit", "1", "99"), 0)
    found.printed(trade("98", "0.3"))
    assert Decimal(0) == found.ahead("a")
    assert [("a", "0.5", "99")] == fills(found.printed(trade("99", "0.5")))


@pytest.mark.parametrize(("price", "taker", "filled"), [("99", "buy", []), ("98", "buy", ["1"]), ("99", None, ["1"])])
def test_trades_of_the_own_side_fill_only_through_the_price(price, taker, filled):
    """A buyer's trade at 99 hit nobody's bid; without a side it counts."""
    found = market(bids=())
    found.place(offer("buy", "limit", "1", "99"), 0)
    assert filled == [amount for _, amount, _ in fills(found.printed(trade(price, "5", taker)))]


def test_a_crossed_book_alone_fills_nobody():
    """Fills of makers come from trades."""
    found = market()
    found.place(offer("buy", "limit", "1", "99"), 0)
    found.show(Book(levels(("90", "1")), levels(("95", "1"))))
    assert Decimal(0) == found.ahead("a")
    assert 1 == len(found)


def test_the_queue_shrinks_with_its_level_and_never_grows():
    """2, then 0.4 because no more is shown, then still 0.4."""
    found = market()
    found.place(offer("buy", "limit", "1", "99"), 0)
    for shown, ahead in (("0.4", "0.4"), ("7", "0.4")):
        found.show(Book(levels(("99", shown)), ASKS))
        assert Decimal(ahead) == found.ahead("a")


def test_a_queue_that_cannot_be_seen_is_not_guessed():
    """Deeper than the book shows: a trade at its price fills nothing, one through it does; seen, it is what is shown."""
    found = market()
    found.place(offer("buy", "limit", "1", "90"), 0)
    assert found.ahead("a") is None
    assert [] == found.printed(trade("90", "5"))
    found.show(Book(levels(("90", "3")), ASKS))
    assert Decimal(3) == found.ahead("a")


def test_two_makers_share_a_trade_by_price_and_time():
    """Through 99: c at 99.5 first, then a, then b at 99; no part of the 4 twice."""
    found = market()
    found.place(offer("buy", "limit", "1", "99", order_id="a", owner="1"), 0)
    found.place(offer("buy", "limit", "2", "99", order_id="b", owner="2"), 0)
    found.place(offer("buy", "limit", "1", "99.5", order_id="c", owner="1"), 0)
    assert [("c", "1", "99.5"), ("a", "1", "99"), ("b", "1", "99")] == fills(found.printed(trade("99", "5")))


def test_orders_of_two_owners_meet():
    """The seller takes the 2 that are shown before the buyer of 1, then the buyer; both fills have one number."""
    found = market()
    found.place(offer("buy", "limit", "1", "99", order_id="maker", owner="1"), 0)
    outcomes = found.place(offer("sell", "limit", "3", "99", order_id="taker", owner="2"), 7)
    assert [("taker", "2", "99"), ("taker", "1", "99"), ("maker", "1", "99")] == fills(outcomes)
    numbers = [each.number for each in outcomes if isinstance(each, Fill)]
    assert numbers[1] == numbers[2] != numbers[0]
    assert [("maker", "Filled"), ("taker", "Filled")] == ends(outcomes)


@pytest.mark.parametrize(
    ("prevention", "filled", "expected"),
    [
        ("EXPIRE_MAKER", [("taker", "2", "99"), ("taker", "1", "98")], [("maker", "Prevented"), ("taker", "Filled")]),
        ("EXPIRE_TAKER", [("taker", "2", "99")], [("taker", "Prevented")]),
        ("EXPIRE_BOTH", [("taker", "2", "99")], [("maker", "Prevented"), ("taker", "Prevented")]),
        (
            "NONE",
            [("taker", "2", "99"), ("taker", "1", "99"), ("maker", "1", "99")],
            [("maker", "Filled"), ("taker", "Filled")],
        ),
    ],
)
def test_an_owner_does_not_trade_with_himself(prevention, filled, expected):
    """Whichever of the two he wants to give up."""
    found = market()
    found.place(offer("buy", "limit", "1", "99", order_id="maker"), 0)
    outcomes = found.place(offer("sell", "limit", "3", "98", order_id="taker", prevention=prevention), 0)
    assert (filled, expected) == (fills(outcomes), ends(outcomes))


def test_a_stop_loss_sells_when_the_market_trades_at_it():
    """Not by what is shown: by a trade at 95 or below; then it walks the bids."""
    found = market()
    assert [] == found.printed(trade("100", "1"))
    assert [] == found.place(offer("sell", "stop_loss", "3", stop_price="95"), 0)
    assert [] == found.printed(trade("95.01", "1"))
    outcomes = found.printed(trade("95", "1", at=9))
    assert Triggered("a", 9) == outcomes[0]
    assert [("a", "2", "99"), ("a", "1", "98")] == fills(outcomes)
    assert 0 == len(found)


def test_a_stop_loss_limit_rests_at_its_limit():
    """Triggered at 95 with 99.5 as the limit, nothing bids that much: it queues and is filled by a buyer."""
    found = market()
    found.place(offer("sell", "stop_loss_limit", "1", "99.5", stop_price="95"), 0)
    assert [Triggered("a", 1)] == found.printed(trade("95", "1"))
    assert [("a", "1", "99.5")] == fills(found.printed(trade("100", "1", "buy")))


@pytest.mark.parametrize(
    ("side", "kind", "stop", "refused"),
    [
        ("sell", "stop_loss", "100", True),
        ("sell", "stop_loss", "99", False),
        ("buy", "stop_loss", "100", True),
        ("buy", "stop_loss", "101", False),
        ("sell", "take_profit", "100", True),
        ("sell", "take_profit", "101", False),
        ("buy", "take_profit", "100", True),
        ("buy", "take_profit", "99", False),
    ],
)
def test_a_stop_on_the_wrong_side_is_refused(side, kind, stop, refused):
    """The last trade was at 100."""
    found = market()
    found.printed(trade("100", "1"))
    expected = [Ended("a", "Rejected", 0, WOULD_TRIGGER)] if refused else []
    assert expected == found.place(offer(side, kind, "1", stop_price=stop), 0)


def test_a_cancelled_order_is_gone():
    """Resting or waiting; the second time it is not known."""
    found = market()
    found.place(offer("buy", "limit", "1", "99", order_id="rests"), 0)
    found.place(offer("sell", "stop_loss", "1", stop_price="95", order_id="waits"), 0)
    assert [True, True, False, False] == [found.cancel(name) for name in ("rests", "waits", "rests", "never")]
    assert [] == found.printed(trade("90", "9"))


def test_a_preview_changes_nothing():
    """It is what placing then does."""
    found = market()
    wanted = offer("buy", "market", "3")
    seen = [(str(take.amount), str(take.price)) for take in found.preview(wanted)]
    assert seen == [(amount, price) for _, amount, price in fills(found.place(wanted, 0))]


def test_nothing_is_made_out_of_nothing():
    """Whatever is done: no order gets more than it wanted or a worse price, and takers no more than is shown."""
    for seed in range(60):
        chance = random.Random(seed)
        found, wanted, filled = market(), {}, {}
        for step in range(60):
            action = chance.random()
            if action < 0.5:
                side, kind = chance.choice(["buy", "sell"]), chance.choice(["market", "limit", "limit", "post_only"])
                price = Decimal(chance.randint(95, 105))
                made = Offer(
                    str(step),
                    side,
                    kind,
                    Decimal(chance.randint(1, 5)),
                    None if kind == "market" else price,
                    owner=str(step % 3),
                )
                wanted[made.order_id] = made
                outcomes = found.place(made, step)
            elif action < 0.8:
                side = chance.choice(["buy", "sell", None])
                outcomes = found.printed(trade(str(chance.randint(95, 105)), str(chance.randint(1, 4)), side, step))
            else:
                found.cancel(chance.choice([*wanted, "none"]))
                outcomes = []
            for each in outcomes:
                if isinstance(each, Fill):
                    filled[each.order_id] = filled.get(each.order_id, 0) + each.amount
                    limit = wanted[each.order_id].price
                    better = limit is None or (
                        each.price <= limit if wanted[each.order_id].side == "buy" else each.price >= limit
                    )
                    assert better, f"seed {seed}"
        assert all(amount <= wanted[name].amount for name, amount in filled.items()), f"seed {seed}"


def test_commission_is_in_what_is_received_or_in_the_discount_asset():
    """0.1 % of 2 BTC, of 200 USDT, or three quarters of it in BNB at 500."""
    fees, cheap = Fees(), Fees(discount_asset="BNB")
    deal = {"amount": Decimal(2), "price": Decimal(100), "maker": False}
    assert (Decimal("0.002"), "BTC") == commission(fees, "BTC/USDT", side="buy", **deal)
    assert (Decimal("0.2"), "USDT") == commission(fees, "BTC/USDT", side="sell", **deal)
    assert (Decimal("0.0003"), "BNB") == commission(cheap, "BTC/USDT", side="buy", discount_price=Decimal(500), **deal)
    assert (Decimal("0.002"), "BTC") == commission(cheap, "BTC/USDT", side="buy", **deal)


@pytest.mark.parametrize(("maker", "expected"), [(True, "0.2"), (False, "0.5")])
def test_who_rested_pays_the_rate_of_makers(maker, expected):
    """2 at 100 are 200: a thousandth of it, or two and a half."""
    fees = Fees(maker=Decimal("0.001"), taker=Decimal("0.0025"))
    paid, asset = commission(fees, "BTC/USDT", side="sell", amount=Decimal(2), price=Decimal(100), maker=maker)
    assert (Decimal(expected), "USDT") == (paid, asset)


def test_commission_is_cut_off_after_eight_digits():
    """0.00001999 * 0.001 = 0.00000001999."""
    found, _ = commission(Fees(), "BTC/USDT", side="buy", amount=Decimal("0.00001999"), price=Decimal(1), maker=True)
    assert Decimal("0.00000001") == found
