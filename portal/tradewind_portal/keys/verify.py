"""The process that asks an exchange what a key may do.

A program of its own: ccxt never shares memory with the database, what it leaks ends with it, and its errors, which repeat URLs
and keys, stay in here. The key comes as JSON on standard input, so that it is in no argument list and no environment; the
answer is one line of JSON without it.

    python -m tradewind_portal.keys.verify < request
"""

import importlib
import json
import resource
import sys
from collections.abc import Callable
from typing import Any

from tradewind_api.exchange_keys import can_trade, can_withdraw

TIMEOUT_MS = 10_000
Answer = dict[str, Any]


def main() -> int:
    """Read the request, ask, print the answer."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    asked = json.load(sys.stdin)
    sys.stdout.write(json.dumps(verify(asked)) + "\n")
    return 0


def verify(asked: dict[str, Any]) -> Answer:
    """Return `{canTrade, canWithdraw, warnings}`, or `{error}`: Invalid, Skew, Forbidden, Unavailable, NotCheckable."""
    permissions = PERMISSIONS.get(asked["ccxtId"])
    if permissions is None:
        return {"error": "NotCheckable"}
    from ccxt.base import errors  # noqa: PLC0415 - heavy, and only this process may

    exchange = _exchange(asked)
    try:
        return permissions(exchange)
    except errors.InvalidNonce:
        return {"error": "Skew"}
    except (errors.AuthenticationError, errors.BadRequest, errors.BadSymbol):
        return {"error": "Invalid"}
    except errors.NetworkError:
        return {"error": "Unavailable"}
    except (errors.BaseError, KeyError, TypeError, ValueError, AttributeError):
        return {"error": "Unreadable"}


def binance(exchange: Any) -> Answer:
    """Return what `GET /sapi/v1/account/apiRestrictions` says of a key."""
    exchange.options["adjustForTimeDifference"] = True
    exchange.load_time_difference()
    found = exchange.sapi_get_account_apirestrictions()
    warnings = [text for name, text in BINANCE_WARNINGS.items() if found.get(name) is True]
    if found["ipRestrict"] is not True:
        warnings.insert(0, "the key works from any address: restrict it to the platform's")
    return {"canTrade": can_trade(found), "canWithdraw": can_withdraw(found), "warnings": warnings}


BINANCE_WARNINGS = {
    "enableMargin": "the key may borrow (margin): bots do not need it",
    "enableFutures": "the key may trade futures: bots do not need it",
    "enableInternalTransfer": "the key may move funds to sub-accounts: bots do not need it",
    "permitsUniversalTransfer": "the key may move funds between wallets: bots do not need it",
}
PERMISSIONS: dict[str, Callable[[Any], Answer]] = {"binance": binance}


def _exchange(asked: dict[str, Any]) -> Any:
    kind = getattr(importlib.import_module("ccxt"), asked["ccxtId"])
    exchange = kind(
        {
            "apiKey": asked["apiKey"],
            "secret": asked["secret"],
            "password": asked.get("password") or "",
            "timeout": TIMEOUT_MS,
            "enableRateLimit": False,
        }
    )
    endpoint = asked.get("endpoint")
    if endpoint:  # of the platform's own list, never of a user
        public = f"{endpoint.rstrip('/')}/api/v3"
        exchange.urls["api"] = {"public": public, "private": public, "v1": public, "sapi": f"{endpoint.rstrip('/')}/sapi/v1"}
    return exchange


if __name__ == "__main__":
    sys.exit(main())
