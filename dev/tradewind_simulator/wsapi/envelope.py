"""Requests taken apart and answers put together.

Source: the exchange's public documentation of its WebSocket API (request format, response format, request security).
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from tradewind_simulator.errors import DialectError

ID = re.compile(r"^[a-zA-Z0-9\-_]{1,36}$")


class Asked(NamedTuple):
    """A request; `params` are as REST has them, as texts."""

    number: int | str | None
    method: str
    params: dict[str, str]
    tell_limits: bool


class BadRequestError(DialectError):
    """What is no request; `number` is its id where that can be read."""

    def __init__(self, code: int, message: str, number: int | str | None = None) -> None:
        super().__init__(code, message)
        self.number = number


def read_request(text: str | bytes) -> Asked:
    """Return a request. Raises BadRequestError."""
    try:
        found = orjson.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise BadRequestError(-1135, "Invalid JSON Request")
    number = found.get("id")
    if type(number) is not int:
        number = request_number(found)
    method, params = found.get("method"), found.get("params") or {}
    if not isinstance(method, str) or not method:
        raise BadRequestError(-1102, "Mandatory parameter 'method' was not sent, was empty/null, or malformed.", number)
    if not isinstance(params, dict):
        raise BadRequestError(-1135, "Invalid JSON Request: 'params' must be an object.", number)
    tell_limits = params.get("returnRateLimits", True) is not False
    for name, value in params.items():
        if type(value) is not str:
            params[name] = str(value) if type(value) is int else _text(name, value, number)
    return Asked(number, method, params, tell_limits)


def request_number(found: dict[str, Any]) -> int | str | None:
    """Return the id of a request, None where it has none. Raises BadRequestError for what is no id."""
    number = found.get("id")
    whole = isinstance(number, int) and not isinstance(number, bool)
    if number is None or whole or (isinstance(number, str) and ID.match(number)):
        return number
    raise BadRequestError(-1100, f"Illegal characters found in parameter 'id'; legal range is '{ID.pattern}'.")


def signed_payload(params: Mapping[str, str]) -> str:
    """Return what the client has signed: all parameters but the signature, sorted by name."""
    return "&".join([f"{name}={params[name]}" for name in sorted(params) if name != "signature"])


def answer(number: int | str | None, result: Any, limits: list[dict[str, Any]] | None) -> bytes:
    """Return a good answer."""
    found = {"id": number, "status": 200, "result": result}
    if limits is not None:
        found["rateLimits"] = limits
    return orjson.dumps(found)


def failure(number: int | str | None, exc: DialectError, limits: list[dict[str, Any]] | None) -> bytes:
    """Return a bad one."""
    found = {"id": number, "status": exc.status, "error": exc.body()}
    return orjson.dumps(found if limits is None else {**found, "rateLimits": limits})


def _text(name: str, value: object, number: int | str | None) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case list():
            return orjson.dumps(value).decode()
        case _:
            raise BadRequestError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.", number)
