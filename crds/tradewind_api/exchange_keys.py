"""What an exchange says that a key may do, and what follows. Anything but a plain word counts as the worse. Pure.

Of exchanges that have no question here no key is taken. Binance's is proved against the simulator; of the others it is proved
what real ccxt asks, and that answers as they are documented are understood.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

ANY_ADDRESS = "the key works from any address: restrict it to the platform's"
MARGIN = "the key may borrow (margin): bots do not need it"
DERIVATIVES = "the key may trade derivatives: bots do not need it"
BETWEEN_WALLETS = "the key may move funds between wallets and sub-accounts: bots do not need it"
BINANCE_WARNINGS = {
    "enableMargin": MARGIN,
    "enableFutures": "the key may trade futures: bots do not need it",
    "enableInternalTransfer": "the key may move funds to sub-accounts: bots do not need it",
    "permitsUniversalTransfer": "the key may move funds between wallets: bots do not need it",
}
BYBIT_WALLET = frozenset({"AccountTransfer", "SubMemberTransfer", "SubMemberTransferList"})
BYBIT_DERIVATIVES = frozenset({"ContractTrade", "Options", "Derivatives"})
BYBIT_HARMLESS = BYBIT_DERIVATIVES | {"Spot", "CopyTrading", "BlockTrade", "Exchange", "Earn", "NFT", "Affiliate"}
KUCOIN_HARMLESS = frozenset({"General", "Spot", "Margin", "Futures", "Earn", "InnerTransfer"})


@dataclass(frozen=True, slots=True)
class Permissions:
    """Of a key: to trade spot, to take funds away; `warnings` tell what it may beyond."""

    trade: bool
    withdraw: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """`call` is ccxt's name of the request; `read` understands its answer, and raises UNREADABLE where that does not say."""

    call: str
    read: Callable[[Mapping[str, Any]], Permissions]


UNREADABLE = (LookupError, TypeError, ValueError, AttributeError)


def key_fault(permissions: Permissions) -> str:
    """Return why a key must not be traded with, an empty string if it may.

    >>> key_fault(Permissions(trade=True, withdraw=False))
    ''
    """
    if permissions.withdraw:
        return "CredentialsUnsafe: the exchange key can withdraw: take that permission away at the exchange"
    if not permissions.trade:
        return "CredentialsRefused: the exchange key cannot trade spot: allow it at the exchange"
    return ""


def binance(said: Mapping[str, Any]) -> Permissions:
    """Read `GET /sapi/v1/account/apiRestrictions`.

    >>> binance({"enableWithdrawals": "false", "enableSpotAndMarginTrading": 1, "ipRestrict": True})
    Permissions(trade=False, withdraw=True, warnings=())
    """
    warnings = [] if said.get("ipRestrict") is True else [ANY_ADDRESS]
    warnings += [text for name, text in BINANCE_WARNINGS.items() if said.get(name) is True]
    return Permissions(said["enableSpotAndMarginTrading"] is True, said["enableWithdrawals"] is not False, tuple(warnings))


def okx(said: Mapping[str, Any]) -> Permissions:
    """Read `GET /api/v5/account/config`: `perm` is a list with commas of read_only, trade, withdraw.

    >>> okx({"data": [{"perm": "read_only,trade", "ip": "192.0.2.1"}]})
    Permissions(trade=True, withdraw=False, warnings=())
    """
    (account,) = said["data"]
    words = _words(account["perm"])
    return Permissions("trade" in words, not words <= {"read_only", "trade"}, () if account["ip"] else (ANY_ADDRESS,))


def bybit(said: Mapping[str, Any]) -> Permissions:
    """Read `GET /v5/user/query-api`: words by group; `readOnly` is 0 for a key that may write, `ips` ["*"] for any address.

    Groups that are not known count as ways to take funds away: some are (peer-to-peer sales, payments).

    >>> bybit({"result": {"readOnly": 0, "ips": ["192.0.2.1"], "permissions": {"Spot": ["SpotTrade"], "Wallet": ["Withdraw"]}}})
    Permissions(trade=True, withdraw=True, warnings=())
    """
    found = said["result"]
    groups = {group: frozenset(words) for group, words in found["permissions"].items() if words}
    wallet = groups.pop("Wallet", frozenset())
    warnings = [] if found["ips"] and "*" not in found["ips"] else [ANY_ADDRESS]
    warnings += [DERIVATIVES] if groups.keys() & BYBIT_DERIVATIVES else []
    warnings += [BETWEEN_WALLETS] if wallet & BYBIT_WALLET else []
    return Permissions(
        trade=found["readOnly"] == 0 and "SpotTrade" in groups.get("Spot", ()),
        withdraw=not (wallet <= BYBIT_WALLET and groups.keys() <= BYBIT_HARMLESS),
        warnings=tuple(warnings),
    )


def coinbase(said: Mapping[str, Any]) -> Permissions:
    """Read `GET /api/v3/brokerage/key_permissions`: a transfer may go to anybody. From where a key works it does not tell.

    >>> coinbase({"can_view": True, "can_trade": True, "can_transfer": False})
    Permissions(trade=True, withdraw=False, warnings=())
    """
    return Permissions(said["can_trade"] is True, said["can_transfer"] is not False)


def kucoin(said: Mapping[str, Any]) -> Permissions:
    """Read `GET /api/v1/user/api-key`: `permission` is a list with commas.

    What is not known counts as a way to take funds away.

    >>> kucoin({"data": {"permission": "General,Spot", "ipWhitelist": "192.0.2.1"}})
    Permissions(trade=True, withdraw=False, warnings=())
    """
    found = said["data"]
    words = _words(found["permission"])
    warnings = [] if found.get("ipWhitelist") else [ANY_ADDRESS]
    warnings += [MARGIN] if "Margin" in words else []
    warnings += [DERIVATIVES] if "Futures" in words else []
    warnings += [BETWEEN_WALLETS] if "InnerTransfer" in words else []
    return Permissions("Spot" in words, not words <= KUCOIN_HARMLESS, tuple(warnings))


def _words(text: str) -> frozenset[str]:
    return frozenset(word.strip() for word in text.split(",") if word.strip())


OKX = Question("private_get_account_config", okx)
BYBIT = Question("private_get_v5_user_query_api", bybit)
QUESTIONS: dict[str, Question] = {
    "binance": Question("sapi_get_account_apirestrictions", binance),
    "bybit": BYBIT,
    "bybiteu": BYBIT,
    "coinbase": Question("v3_private_get_brokerage_key_permissions", coinbase),
    "kucoin": Question("private_get_user_api_key", kucoin),
    "myokx": OKX,
    "okx": OKX,
    "okxus": OKX,
}
