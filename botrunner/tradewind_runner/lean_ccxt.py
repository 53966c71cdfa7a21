"""One exchange of ccxt without the hundred others: half the memory, a third of the time.

`import ccxt.async_support` imports every exchange, `import ccxt.pro` does so again. Bare package modules put in their place let
one exchange be imported alone; its base classes are imported by it as usual, without `requests`, which only their synchronous
half needs. Depends on ccxt's layout, so a test pins it.
"""

import importlib
import importlib.util
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import certifi
from aiohttp.connector import Connection

MOST_BYTES = 16_000_000  # all markets of the largest exchanges at once are less


class UnknownExchangeError(Exception):
    """ccxt has no exchange of this id, or none that streams."""


@cache
def secure_context() -> ssl.SSLContext:
    """Return the one TLS context of the process: reading the authorities costs 30 ms, and each ccxt object would do it.

    They are those that ccxt brings along, for an image may have none.
    """
    return ssl.create_default_context(cafile=certifi.where())


class _Capped(aiohttp.ClientResponse):
    """An answer that is read up to a bound."""

    most_bytes = MOST_BYTES

    async def read(self) -> bytes:
        """Return the body. Raises ClientPayloadError if it is longer than any answer may be."""
        if self._body is None:
            parts: list[bytes] = []
            size = 0
            async for part in self.content.iter_chunked(65_536):
                size += len(part)
                if size > self.most_bytes:
                    self.close()
                    raise aiohttp.ClientPayloadError(f"the answer is longer than {self.most_bytes} bytes")
                parts.append(part)
            self._body = b"".join(parts)
        return await super().read()


class RedirectedError(aiohttp.ClientError):
    """An exchange's answer to something signed sends it elsewhere, and that is no answer."""


class _CappedForAccount(_Capped):
    """An answer about one account, which is never that long, and which sends nobody elsewhere.

    aiohttp would follow it, with the key in the header, and with an order in the body after 307 and 308: a second order, to
    whoever is named there.
    """

    most_bytes = MOST_BYTES // 2

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        """Take the answer's head. Raises RedirectedError."""
        await super().start(connection)
        if 300 <= self.status < 400:
            raise RedirectedError(f"{self.status}: the answer is said to be elsewhere")
        return self


def new_session(*, of_account: bool = False) -> aiohttp.ClientSession:
    """Return a session for one ccxt object, which does not close it."""
    bounded = _CappedForAccount if of_account else _Capped
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=secure_context()), response_class=bounded)


def connected_by(session: aiohttp.ClientSession) -> dict[str, Any]:
    """Return the settings that have a ccxt object use a session of ours.

    Without its own TLS context, which it would make and not use, and without its pause of 0.25 s at the end, in which it lets
    a session of its own close.
    """
    return {"session": session, "ssl_context": secure_context(), "timeout_on_exit": 0}


def without_session() -> dict[str, Any]:
    """Return the settings that have a ccxt object neither use nor make a session: another sends its requests."""
    return {"session": None, "ssl_context": secure_context(), "timeout_on_exit": 0}


def exchange_class(ccxt_id: str) -> Any:
    """Return the asynchronous class of an exchange. Raises UnknownExchangeError."""
    _lean()
    return getattr(_module("async_support", ccxt_id), ccxt_id)


def streaming_class(ccxt_id: str) -> Any:
    """Return the class that has the exchange's WebSocket beside its REST. Raises UnknownExchangeError."""
    _lean()
    # The streaming class asks the package for the class that it is made from.
    package = importlib.import_module("ccxt.async_support")
    setattr(package, ccxt_id, exchange_class(ccxt_id))
    return getattr(_module("pro", ccxt_id), ccxt_id)


def _module(package: str, ccxt_id: str) -> ModuleType:
    try:
        return importlib.import_module(f"ccxt.{package}.{ccxt_id}")
    except ModuleNotFoundError as exc:
        raise UnknownExchangeError(f"ccxt has no exchange {ccxt_id!r}") from exc


def _lean() -> None:
    spec = importlib.util.find_spec("ccxt") if "ccxt" not in sys.modules else None
    if spec is None or spec.origin is None:
        return
    folder = Path(spec.origin).parent
    package = _bare("ccxt", folder)
    package.async_support = _bare("ccxt.async_support", folder / "async_support")  # type: ignore[attr-defined]
    package.pro = _bare("ccxt.pro", folder / "pro")  # type: ignore[attr-defined]
    with _without_requests():
        errors, exchange = (importlib.import_module(f"ccxt.base.{name}") for name in ("errors", "exchange"))
    for name in errors.__all__:
        setattr(package, name, getattr(errors, name))
    # Its socket client asks the package itself for the base class.
    package.Exchange = exchange.Exchange  # type: ignore[attr-defined]


@contextmanager
def _without_requests() -> Iterator[None]:
    """Have names in the place of `requests` that nobody will call: 50 ms and 6 MiB."""
    names = ("requests", "requests.utils", "requests.exceptions")
    if "requests" in sys.modules:
        yield
        return
    requests, utils, exceptions = (ModuleType(name) for name in names)
    vars(requests)["Session"] = object
    vars(utils)["default_user_agent"] = lambda: "tradewind"
    for kind in ("HTTPError", "Timeout", "TooManyRedirects", "RequestException", "ConnectionError"):
        vars(exceptions)[kind] = type(kind, (OSError,), {})
    sys.modules.update(zip(names, (requests, utils, exceptions), strict=True))
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]


def _bare(name: str, folder: Path) -> ModuleType:
    module = ModuleType(name)
    module.__path__ = [str(folder)]
    sys.modules[name] = module
    return module
