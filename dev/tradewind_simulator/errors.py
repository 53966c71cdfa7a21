"""Errors in the exchange's own form, worded as its documentation has them."""

import re

SYMBOL = "^[A-Z0-9-_.]{1,20}$"
_SYMBOL = re.compile(r"^[A-Z0-9_.-]{1,20}$")


class DialectError(Exception):
    """An error that the client is answered: HTTP status, code, message, and headers such as Retry-After."""

    def __init__(
        self,
        code: int,
        message: str,
        status: int = 400,
        headers: dict[str, str] | None = None,
        data: dict[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.status, self.headers, self.data = code, message, status, headers or {}, data

    def body(self) -> dict[str, object]:
        """Return the JSON of the answer."""
        found: dict[str, object] = {"code": self.code, "msg": self.message}
        return found if self.data is None else {**found, "data": self.data}


def missing(name: str) -> DialectError:
    """Return the error for a parameter that must be there."""
    return DialectError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def illegal(name: str, legal: str) -> DialectError:
    """Return the error for a parameter with other characters than `legal`, a regular expression."""
    return DialectError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def no_symbol(name: str) -> DialectError:
    """Return the error for a symbol that is not there, or that cannot be one."""
    return DialectError(-1121, "Invalid symbol.") if _SYMBOL.match(name) else illegal("symbol", SYMBOL)


def unread(read: int, sent: int) -> DialectError:
    """Return the error for parameters that a request does not have."""
    return DialectError(-1104, f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'.")


def failed(filter_type: str) -> DialectError:
    """Return the error for an order that a filter does not let through."""
    return DialectError(-1013, f"Filter failure: {filter_type}")


def rejected(message: str) -> DialectError:
    """Return the error for an order that matching did not take."""
    return DialectError(-2010, message)
