"""What an exchange says that a key may do: anything but a plain word counts as the worse."""

from typing import Any

import pytest

from tradewind_api.exchange_keys import Permissions, binance, bybit, coinbase, key_fault, kucoin, okx

GOOD = {
    "ipRestrict": True,
    "enableWithdrawals": False,
    "enableInternalTransfer": False,
    "permitsUniversalTransfer": False,
    "enableMargin": False,
    "enableFutures": False,
    "enableSpotAndMarginTrading": True,
}


@pytest.mark.parametrize("value", [True, "false", None, 0, "no"])
def test_anything_but_a_plain_no_is_a_key_that_withdraws(value: Any):
    """And anything but a plain yes one that cannot trade."""
    assert binance(GOOD | {"enableWithdrawals": value}).withdraw
    assert coinbase({"can_trade": True, "can_transfer": value}).withdraw
    assert binance(GOOD | {"enableSpotAndMarginTrading": value}).trade is (value is True)
    assert coinbase({"can_trade": value, "can_transfer": False}).trade is (value is True)


def test_what_a_key_of_binance_may_beyond_is_told():
    """Any address, margin, futures, transfers: warnings, for none of them moves funds out."""
    more = {name: True for name, value in GOOD.items() if value is False and name != "enableWithdrawals"}
    found = binance(GOOD | more | {"ipRestrict": False})
    assert (True, False, 5) == (found.trade, found.withdraw, len(found.warnings))
    assert "works from any address" in found.warnings[0]


def bybit_key(**groups: list[str]) -> Permissions:
    return bybit({"result": {"readOnly": 0, "ips": ["192.0.2.1"], "permissions": {"Spot": ["SpotTrade"]} | groups}})


@pytest.mark.parametrize(
    ("found", "trade", "withdraw"),
    [
        (okx({"data": [{"perm": "read_only", "ip": ""}]}), False, False),
        (okx({"data": [{"perm": "read_only, withdraw,trade", "ip": ""}]}), True, True),
        (okx({"data": [{"perm": "read_only,trade,convert", "ip": ""}]}), True, True),
        (bybit_key(), True, False),
        (bybit_key(Spot=[]), False, False),
        (bybit_key(Wallet=["AccountTransfer", "SubMemberTransfer"]), True, False),
        (bybit_key(Wallet=["AccountTransfer", "Withdraw"]), True, True),
        (bybit_key(FiatP2P=["FiatP2POrder"]), True, True),
        (bybit_key(FiatP2P=[], Derivatives=["DerivativesTrade"]), True, False),
        (kucoin({"data": {"permission": "General,Margin"}}), False, False),
        (kucoin({"data": {"permission": "General,Spot,InnerTransfer"}}), True, False),
        (kucoin({"data": {"permission": "General,Spot,Transfer"}}), True, True),
    ],
)
def test_a_word_that_is_not_known_to_be_harmless_withdraws(found: Permissions, *, trade: bool, withdraw: bool):
    """Each exchange in its own words."""
    assert (trade, withdraw) == (found.trade, found.withdraw)


def test_a_key_of_bybit_that_only_reads_does_not_trade():
    """Whatever its groups say."""
    said = {"result": {"readOnly": 1, "ips": ["*"], "permissions": {"Spot": ["SpotTrade"], "Wallet": []}}}
    assert (False, False) == (bybit(said).trade, bybit(said).withdraw)


def test_a_key_that_does_both_is_unsafe():
    """Withdrawing is told first; a harmless one that trades has no fault."""
    assert key_fault(Permissions(trade=False, withdraw=True)).startswith("CredentialsUnsafe")
    assert key_fault(Permissions(trade=False, withdraw=False)).startswith("CredentialsRefused")
    assert "" == key_fault(Permissions(trade=True, withdraw=False))
