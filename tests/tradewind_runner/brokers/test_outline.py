"""What may be filled into a request that was made beforehand, and that it is then the one that ccxt would have made."""

import pytest

from tradewind_runner.brokers.outline import Asked, outline_of

GIVEN = {"amount": ("0.1", "0.2"), "identity": ("id-0", "id-1")}


def asked(amount, identity, **more):
    return Asked(
        "order", ["private"], "POST", {"symbol": "BTCUSDT", "quantity": amount, "cid": identity, "test": False, **more}
    )


def pair(first, second):
    return outline_of(asked(*first[:2], **first[2]), asked(*second[:2], **second[2]), GIVEN)


def test_amount_and_id_are_filled_in_where_they_stood_in_the_same_order():
    outline = pair(("0.1", "id-0", {}), ("0.2", "id-1", {}))
    assert list(asked("7", "mine").parameters.items()) == list(outline.filled({"amount": "7", "identity": "mine"}).items())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("0.10", "id-0", {}), ("0.20", "id-1", {})),
        (("0.1", "id-0", {"nonce": 1}), ("0.2", "id-1", {"nonce": 2})),
        (("0.1", "id-0", {"copy": "0.1"}), ("0.2", "id-1", {"copy": "0.2"})),
        (("0.1", "id-0", {"orders": [1]}), ("0.2", "id-1", {"orders": [1]})),
        (("0.1", "same", {}), ("0.2", "same", {})),
        (("0.1", "id-0", {"flag": 1}), ("0.2", "id-1", {"flag": True})),
        (("0.1", "id-0", {"a": 1}), ("0.2", "id-1", {})),
        (("0.1", "id-0", {"a": 1, "b": 1}), ("0.2", "id-1", {"b": 1, "a": 1})),
    ],
    ids=["rewritten", "counted", "twice", "nested", "without id", "another type", "missing", "another order"],
)
def test_whatever_else_differs_leaves_no_outline(first, second):
    assert pair(first, second) is None


def test_requests_to_different_places_or_of_lists_have_no_outline():
    first, second = asked("0.1", "id-0"), asked("0.2", "id-1")
    assert outline_of(first, second._replace(path="orders"), GIVEN) is None
    assert outline_of(first, second._replace(parameters=[second.parameters]), GIVEN) is None


def test_what_was_given_and_stands_nowhere_leaves_no_outline():
    prices = {"price": ("1000", "1001")}
    assert outline_of(asked("0.1", "id-0"), asked("0.2", "id-1"), GIVEN | prices) is None
    outline = outline_of(asked("0.1", "id-0", price="1000"), asked("0.2", "id-1", price="1001"), GIVEN | prices)
    assert {"amount": "quantity", "identity": "cid", "price": "price"} == outline.places
