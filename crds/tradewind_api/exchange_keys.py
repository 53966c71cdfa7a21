"""What an exchange says that a key may do, and what follows. Anything but a plain word counts as the worse. Pure."""

from collections.abc import Mapping
from typing import Any


def can_withdraw(restrictions: Mapping[str, Any]) -> bool:
    """Return whether Binance's `apiRestrictions` let a key take funds away. Raises KeyError where they do not say.

    >>> can_withdraw({"enableWithdrawals": False}), can_withdraw({"enableWithdrawals": "false"})
    (False, True)
    """
    return restrictions["enableWithdrawals"] is not False


def can_trade(restrictions: Mapping[str, Any]) -> bool:
    """Return whether they let it trade spot. Raises KeyError where they do not say.

    >>> can_trade({"enableSpotAndMarginTrading": True}), can_trade({"enableSpotAndMarginTrading": 1})
    (True, False)
    """
    return restrictions["enableSpotAndMarginTrading"] is True


def key_fault(restrictions: Mapping[str, Any]) -> str:
    """Return why a key must not be traded with, an empty string if it may. Raises KeyError where they do not say.

    >>> key_fault({"enableWithdrawals": False, "enableSpotAndMarginTrading": True})
    ''
    """
    if can_withdraw(restrictions):
        return "CredentialsUnsafe: the exchange key can withdraw: take that permission away at the exchange"
    if not can_trade(restrictions):
        return "CredentialsRefused: the exchange key cannot trade spot: allow it at the exchange"
    return ""
