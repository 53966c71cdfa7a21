"""What a broker may raise. Each class answers the one question that counts after an order: did it reach the book?

    BrokerError
    ├── ExchangeUnavailableError     no: nothing happened, ask again later
    │   ├── RateLimitedError         no: wait `retry_after_s`
    │   ├── ClockSkewError           no: our time is not the exchange's; the broker has asked for it anew
    │   └── MaintenanceError         no: the exchange is closed for now
    ├── OutcomeUnknownError          perhaps: look it up before anything else
    ├── OrderRejectedError           no, and the same order never will
    ├── CredentialsRefusedError      no: the key is wrong, revoked or may not do this; a person must act
    └── ForbiddenError               no: this address or country is not served (403, 451); a person must act

For a question (look-up, balances, lists) `OutcomeUnknownError` means that the answer could not be understood, and nothing more.
No message carries a key, a signature or a whole answer.
"""

from typing import Literal

RejectCode = Literal["InsufficientFunds", "Filter", "MarketClosed", "Duplicate", "Other"]


class BrokerError(Exception):
    """An exchange did not do what was asked."""


class ExchangeUnavailableError(BrokerError):
    """The exchange did not take the request. Retry with backoff; no order of it exists."""


class RateLimitedError(ExchangeUnavailableError):
    """Too many requests. Nothing may be asked for `retry_after_s` seconds."""

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ClockSkewError(ExchangeUnavailableError):
    """The request bore a time that the exchange does not accept. The broker has synchronised since; try once more."""


class MaintenanceError(ExchangeUnavailableError):
    """The exchange is under maintenance."""


class OutcomeUnknownError(BrokerError):
    """The answer was lost or makes no sense: the request may have been carried out. Look it up."""


class OrderRejectedError(BrokerError):
    """The exchange refused this order in its own words; sending it again would change nothing.

    `Duplicate` is special: an order with the same client order id is there, and it is to be looked up.
    """

    def __init__(self, message: str, *, code: RejectCode) -> None:
        super().__init__(message)
        self.code: RejectCode = code


class CredentialsRefusedError(BrokerError):
    """The exchange does not accept the key, or not for this. Halt: only its owner can help."""


class ForbiddenError(BrokerError):
    """The exchange serves neither this address nor this country. Halt: asking again makes it worse."""


def refusal(exc: BrokerError) -> str:
    """Return what only the bot's owner can change, under a word for its kind; an empty string for what may pass."""
    final = isinstance(exc, CredentialsRefusedError | ForbiddenError)
    return f"{type(exc).__name__.removesuffix('Error')}: {exc}" if final else ""
