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
from typing import Any

from tradewind_api.exchange_keys import QUESTIONS, UNREADABLE, Question

TIMEOUT_MS = 10_000
Answer = dict[str, Any]


def main() -> int:
    """Read the request, ask, print the answer."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    asked = json.load(sys.stdin)
    sys.stdout.write(json.dumps(verify(asked)) + "\n")
    return 0


def verify(asked: dict[str, Any]) -> Answer:
    """Return `{canTrade, canWithdraw, warnings}`, or `{error}`, a name that `verifying.py` explains."""
    question = QUESTIONS.get(asked["ccxtId"])
    if question is None:
        return {"error": "NotCheckable"}
    exchange = _exchange(asked)
    if exchange.requiredCredentials["password"] and not exchange.password:
        return {"error": "NoPassword"}
    return ask(exchange, question)


def ask(exchange: Any, question: Question) -> Answer:
    """Return what an exchange of ccxt's says, signed in its own time; see `verify`."""
    from ccxt.base import errors  # noqa: PLC0415 - heavy, and only this process may

    try:
        exchange.options["adjustForTimeDifference"] = True
        exchange.load_time_difference()
        found = question.read(getattr(exchange, question.call)())
    except errors.InvalidNonce:
        return {"error": "Skew"}
    except (errors.AuthenticationError, errors.BadRequest, errors.BadSymbol):
        return {"error": "Invalid"}
    except errors.NetworkError:
        return {"error": "Unavailable"}
    except (errors.BaseError, *UNREADABLE):
        return {"error": "Unreadable"}
    return {"canTrade": found.trade, "canWithdraw": found.withdraw, "warnings": list(found.warnings)}


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
