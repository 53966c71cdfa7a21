"""Accounts: balances, API keys and what these may do. Money is Decimal; whatever is locked belongs to an open order."""

import hashlib
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from tradewind_api.decimals import format_decimal
from tradewind_engine.trading.commission import Fees
from tradewind_simulator.errors import DialectError

if TYPE_CHECKING:
    from tradewind_simulator.records import OrderRecord

ZERO = Decimal(0)
BLOCK = 64  # bytes that SHA-256 takes in at once
PERMISSIONS = ("read", "trade", "withdraw")
BAD_FORMAT = DialectError(-2014, "API-key format invalid.", 401)
BAD_KEY = DialectError(-2015, "Invalid API-key, IP, or permissions for action.", 401)


@dataclass(slots=True)
class Balance:
    """Of one asset: what can be spent, and what open orders hold."""

    free: Decimal = ZERO
    locked: Decimal = ZERO


@dataclass(slots=True)
class ApiKey:
    """A key of an account. A revoked one is answered as one that never was."""

    key: str
    secret: bytes = field(repr=False)
    permissions: frozenset[str] = frozenset(PERMISSIONS[:2])
    revoked: bool = False
    _inner: "hashlib._Hash" = field(init=False, repr=False, compare=False)
    _outer: "hashlib._Hash" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Begin HMAC-SHA256 (RFC 2104) with the secret, which then need not be taken in at every signature."""
        secret = self.secret if len(self.secret) <= BLOCK else hashlib.sha256(self.secret).digest()
        padded = secret.ljust(BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(each ^ 0x36 for each in padded))
        self._outer = hashlib.sha256(bytes(each ^ 0x5C for each in padded))

    def sign(self, payload: bytes) -> str:
        """Return the signature of what is sent with this key, in hexadecimal digits."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(payload)
        outer.update(inner.digest())
        return outer.hexdigest()


@dataclass(slots=True)
class Account:
    """Balances, keys, rates, and orders by symbol id, oldest first."""

    name: str
    uid: int
    fees: Fees = field(default_factory=Fees)
    balances: dict[str, Balance] = field(default_factory=dict)
    keys: dict[str, ApiKey] = field(default_factory=dict)
    orders: "dict[str, list[OrderRecord]]" = field(default_factory=dict)
    open: "dict[int, OrderRecord]" = field(default_factory=dict)
    by_cid: "dict[tuple[str, str], OrderRecord]" = field(default_factory=dict)
    updated_ms: int = 0

    def balance(self, asset: str) -> Balance:
        """Return the balance of an asset, made if there was none."""
        found = self.balances.get(asset)
        if found is None:
            found = self.balances[asset] = Balance()
        return found

    def view(self) -> dict[str, Any]:
        """Return the account for those who run the simulator; secrets stay inside."""
        return {
            "name": self.name,
            "balances": {
                name: {"free": format_decimal(item.free), "locked": format_decimal(item.locked)}
                for name, item in self.balances.items()
            },
            "keys": [
                {"key": item.key, "permissions": sorted(item.permissions), "revoked": item.revoked}
                for item in self.keys.values()
            ],
            "fees": {"maker": str(self.fees.maker), "taker": str(self.fees.taker), "inBnb": self.fees.discount_asset == "BNB"},
            "openOrders": len(self.open),
        }


class Accounts:
    """All accounts, by name and by key."""

    def __init__(self) -> None:
        self._by_name: dict[str, Account] = {}
        self._by_key: dict[str, tuple[Account, ApiKey]] = {}

    def put(self, name: str, wanted: dict[str, Any]) -> Account:
        """Make an account or change one: balances and fees that are named are set, keys are added. Raises ValueError.

        `{"balances": {"USDT": "1000"}, "fees": {"maker": "0.001", "taker": "0.001", "inBnb": false},
        "keys": [{"key": "...", "secret": "...", "permissions": ["read", "trade"]}]}`, all optional.
        """
        unknown = set(wanted) - {"balances", "fees", "keys"}
        if unknown:
            raise ValueError(f"an account has balances, fees and keys, not {', '.join(sorted(unknown))}")
        balances = {asset: _amount(amount, asset) for asset, amount in _object(wanted, "balances").items()}
        fees = _fees(_object(wanted, "fees")) if "fees" in wanted else None
        keys = [_key(item) for item in wanted.get("keys", [])]
        for key in keys:
            owner = self._by_key.get(key.key)
            if owner is not None and owner[0].name != name:
                raise ValueError(f"the key {key.key} belongs to the account {owner[0].name}")
        account = self._by_name.get(name)
        if account is None:
            uid = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
            account = self._by_name[name] = Account(name, uid)
        for asset, amount in balances.items():
            account.balance(asset).free = amount
        account.fees = fees or account.fees
        for key in keys:
            account.keys[key.key] = key
            self._by_key[key.key] = (account, key)
        return account

    def get(self, name: str) -> Account | None:
        """Return an account by its name."""
        return self._by_name.get(name)

    def all(self) -> list[Account]:
        """Return all accounts."""
        return list(self._by_name.values())

    def find(self, key: str | None) -> tuple[Account, ApiKey]:
        """Return whose key it is. Raises DialectError."""
        if not key:
            raise BAD_FORMAT
        found = self._by_key.get(key)
        if found is None or found[1].revoked:
            raise BAD_KEY
        return found

    def revoke(self, key: str, *, revoked: bool = True) -> bool:
        """Make a key unknown, or known again; False if there is none of that name."""
        found = self._by_key.get(key)
        if found is not None:
            found[1].revoked = revoked
        return found is not None


def _object(wanted: dict[str, Any], name: str) -> dict[str, Any]:
    found = wanted.get(name, {})
    if not isinstance(found, dict):
        raise ValueError(f"{name} must be an object")  # noqa: TRY004 - what the caller catches
    return found


def _amount(value: object, name: str) -> Decimal:
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"{name}: {value!r} is no number") from None
    if not found.is_finite() or found < 0:
        raise ValueError(f"{name}: {value} is no amount")
    return found


def _fees(wanted: dict[str, Any]) -> Fees:
    maker, taker = (_amount(wanted.get(name, "0.001"), name) for name in ("maker", "taker"))
    if maker >= 1 or taker >= 1:
        raise ValueError("fees are fractions: 0.001 is 0.1 %")
    return Fees(maker, taker, "BNB" if wanted.get("inBnb") else None)


def _key(item: object) -> ApiKey:
    if not isinstance(item, dict) or not item.get("key") or not item.get("secret"):
        raise ValueError('a key is {"key": "...", "secret": "...", "permissions": ["read", "trade"]}')
    permissions = frozenset(item.get("permissions", PERMISSIONS[:2]))
    if permissions - set(PERMISSIONS):
        raise ValueError(f"permissions are {', '.join(PERMISSIONS)}, not {', '.join(sorted(permissions - set(PERMISSIONS)))}")
    return ApiKey(str(item["key"]), str(item["secret"]).encode(), permissions)
