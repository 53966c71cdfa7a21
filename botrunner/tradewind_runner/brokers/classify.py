"""What a failed request means: did the order reach the book? A pure function of ccxt's exception and the HTTP answer.

ccxt's classes alone do not tell: it calls a revoked key a rate limit, an answer that broke off an exchange error, and a
gateway's error page a network error. So the answer decides, and the class only where there is none, or where another exchange
than Binance speaks. Two rules: nothing counts as refused that the exchange has not refused in words that were understood, and
what is not in the table is unknown.

Messages name code and words of the exchange, never address, key or signature, which ccxt's own messages bear.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tradewind_runner.brokers.errors import (
    BrokerError,
    ClockSkewError,
    CredentialsRefusedError,
    ExchangeUnavailableError,
    ForbiddenError,
    MaintenanceError,
    OrderRejectedError,
    OutcomeUnknownError,
    RateLimitedError,
    RejectCode,
)

RETRY_S, BANNED_S, LONGEST_S = 10.0, 120.0, 259_200.0
MOST_WORDS = 200

UNKNOWN_CODES = frozenset({-1000, -1001, -1006, -1007})
"""The exchange's own words for: we do not know either."""
LIMITED_CODES = frozenset({-1003, -1015, -1034})
KEY_CODES = frozenset({-1002, -1022, -2008, -2014, -2015})
ABSENT_CODES = frozenset({-2011, -2013})
FILTER_CODES = frozenset({-1013, -1111})
CLOSED_WORDS = ("market is closed", "not yet active", "trading is disabled", "trading is not enabled", "action is disabled")
NEVER_SENT = frozenset({"ClientConnectorError", "ClientConnectorDNSError", "ConnectionTimeoutError", "gaierror"})
"""Names of causes that say that no connection came about."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer as it came, header names in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""

    def json(self) -> Any:
        """Return what the body says, None if it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


def classify(exc: BaseException, answer: Answer | None) -> BrokerError:
    """Return what a request that ended with `exc` means for an order in it; `answer` is None where none came."""
    names = frozenset(kind.__name__ for kind in type(exc).__mro__)
    if answer is None:
        return _without_answer(exc, names)
    body = answer.json()
    code = body.get("code") if isinstance(body, dict) else None
    words = str(body.get("msg", "")) if isinstance(body, dict) else ""
    said = _clean(f"{answer.status} {code if code is not None else ''} {words}")
    if isinstance(code, int) and code < 0:
        known = _by_code(code, words, answer, said)
        if known is not None:
            return known
    by_status = _by_status(answer, names, said)
    if by_status is not None:
        return by_status
    if isinstance(code, int) and code < 0:
        return OrderRejectedError(said, code="Other")
    if body is None:
        return OutcomeUnknownError(f"{said}: no answer that can be read")
    return _by_name(names, _clean(f"{answer.status} {answer.body}"))


def not_found(exc: BaseException, answer: Answer | None) -> bool:
    """Return whether the exchange says that it does not know the order, in words that were understood."""
    if answer is None or not (400 <= answer.status < 500 or answer.status == 200):
        return False
    body = answer.json()
    code = body.get("code") if isinstance(body, dict) else None
    if isinstance(code, int) and code < 0:
        return code in ABSENT_CODES
    return body is not None and any(kind.__name__ == "OrderNotFound" for kind in type(exc).__mro__)


def retry_after_s(answer: Answer) -> float:
    """Return how long the exchange wants no requests; an answer that does not say so gets a guess on the long side."""
    try:
        wanted = float(answer.headers.get("retry-after", ""))
    except ValueError:
        wanted = BANNED_S if answer.status == 418 else RETRY_S
    return min(max(wanted, 1.0), LONGEST_S) if math.isfinite(wanted) else LONGEST_S


def _without_answer(exc: BaseException, names: frozenset[str]) -> BrokerError:
    cause = exc.__cause__ or exc
    causes = frozenset(kind.__name__ for kind in type(cause).__mro__)
    if causes & NEVER_SENT:
        return ExchangeUnavailableError(f"no connection: {type(cause).__name__}")
    local = exc.__cause__ is None and "BaseError" in names and "OperationFailed" not in names
    if local and "AuthenticationError" in names:
        return CredentialsRefusedError("the key is not complete")
    if local and names & {"InvalidOrder", "BadRequest", "NotSupported"}:
        return OrderRejectedError(_clean(f"not sent: {exc}"), code="Filter" if "InvalidOrder" in names else "Other")
    return OutcomeUnknownError(f"no answer: {type(exc).__name__} after {type(cause).__name__}")


def _by_code(code: int, words: str, answer: Answer, said: str) -> BrokerError | None:
    """Binance's codes; None where the code alone decides nothing."""
    if code in UNKNOWN_CODES:
        return OutcomeUnknownError(said)
    if code in LIMITED_CODES:
        return RateLimitedError(said, retry_after_s=retry_after_s(answer))
    if code in KEY_CODES:
        return CredentialsRefusedError(said)
    if code == -1021:
        return ClockSkewError(said)
    if code == -1008:
        return ExchangeUnavailableError(said)
    if code == -1016:
        return MaintenanceError(said)
    if answer.status >= 500:
        return None
    if code in FILTER_CODES:
        return OrderRejectedError(said, code="Filter")
    if code == -2010:
        return OrderRejectedError(said, code=_rejection(words.lower()))
    return None


def _rejection(words: str) -> RejectCode:
    if "duplicate" in words:
        return "Duplicate"
    if "insufficient balance" in words:
        return "InsufficientFunds"
    return "MarketClosed" if any(closed in words for closed in CLOSED_WORDS) else "Other"


def _by_status(answer: Answer, names: frozenset[str], said: str) -> BrokerError | None:
    if answer.status in {418, 429}:
        return RateLimitedError(said, retry_after_s=retry_after_s(answer))
    if answer.status in {403, 451}:
        return ForbiddenError(said)
    if answer.status == 401:
        return CredentialsRefusedError(said)
    if "OnMaintenance" in names or (answer.status == 503 and "maintenance" in answer.body.lower()):
        return MaintenanceError(said)
    if answer.status >= 500 or answer.status < 200:
        return OutcomeUnknownError(said)
    return None


BY_NAME: tuple[tuple[str, Callable[[str], BrokerError]], ...] = (
    ("InsufficientFunds", lambda said: OrderRejectedError(said, code="InsufficientFunds")),
    ("DuplicateOrderId", lambda said: OrderRejectedError(said, code="Duplicate")),
    ("MarketClosed", lambda said: OrderRejectedError(said, code="MarketClosed")),
    ("OrderNotFound", lambda said: OrderRejectedError(said, code="Other")),
    ("InvalidNonce", ClockSkewError),
    ("InvalidOrder", lambda said: OrderRejectedError(said, code="Filter")),
    ("BadRequest", lambda said: OrderRejectedError(said, code="Other")),
    ("OperationRejected", lambda said: OrderRejectedError(said, code="Other")),
    ("PermissionDenied", CredentialsRefusedError),
    ("AuthenticationError", CredentialsRefusedError),
    ("DDoSProtection", lambda said: RateLimitedError(said, retry_after_s=RETRY_S)),
)
"""ccxt's classes, the narrower first, for exchanges whose codes are not in a table of ours; the answer was readable JSON."""


def _by_name(names: frozenset[str], said: str) -> BrokerError:
    for name, error in BY_NAME:
        if name in names:
            return error(said)
    return OutcomeUnknownError(said)


def _clean(text: str) -> str:
    """Return one line without control characters, not too long."""
    return " ".join("".join(char if char.isprintable() else " " for char in text[: 4 * MOST_WORDS]).split())[:MOST_WORDS]
