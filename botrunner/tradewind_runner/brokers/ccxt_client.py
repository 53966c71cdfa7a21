"""One exchange of ccxt for signed requests: what it answered is kept beside what ccxt made of it.

ccxt keeps the last answer's headers in one place for all requests that are under way; here each request has its own. Times of
requests come from the exchange's clock, not the wall's; answers that are too long are cut off; ccxt's limiter and retries are
off. Numbers stay the text that they came as.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any, TypeVar

import aiohttp

from tradewind_api.runner import ExchangeConfig, ExchangeCredential
from tradewind_runner import health
from tradewind_runner.brokers.classify import Answer, classify
from tradewind_runner.brokers.errors import BrokerError, ClockSkewError, RateLimitedError
from tradewind_runner.brokers.limiter import Limiter
from tradewind_runner.brokers.port import Leave, at_once, receive_window_ms
from tradewind_runner.exchange_clock import ExchangeClock
from tradewind_runner.lean_ccxt import connected_by, exchange_class, new_session

TIMEOUT_MS = 10_000
LATEST_MS = 4_102_444_800_000  # the year 2100
Result = TypeVar("Result")
_answers: ContextVar[list[Answer]] = ContextVar("answers")
_leave: ContextVar[Leave] = ContextVar("leave", default=at_once)


class FailedError(Exception):
    """A request that ended with an exception of ccxt. `meaning` is what that means; `answer` is None where none came."""

    def __init__(self, cause: BaseException, answer: Answer | None) -> None:
        super().__init__(type(cause).__name__)
        self.cause, self.answer = cause, answer
        self.meaning: BrokerError = classify(cause, answer)


class _GatedRequest(aiohttp.ClientRequest):
    """Asks whether it may leave when it is built and signed and has its connection, which may have taken long to open."""

    async def send(self, conn: Any) -> aiohttp.ClientResponse:
        """Write it to its connection, if it may leave still."""
        await _leave.get()()
        return await super().send(conn)


class CcxtClient:
    """`api` is the ccxt exchange; its requests go through `call`."""

    def __init__(self, config: ExchangeConfig, credential: ExchangeCredential, clock: ExchangeClock, limiter: Limiter) -> None:
        self._clock, self._limiter = clock, limiter
        self._session = new_session(of_account=True, request_class=_GatedRequest)
        self.api = _kind(exchange_class(config.ccxt_id), clock)(_settings(config, credential, self._session))

    async def close(self) -> None:
        """Close the connections."""
        await self.api.close()
        await self._session.close()

    async def call(
        self, method: Callable[..., Awaitable[Result]], *arguments: Any, urgent: bool = False, leave: Leave = at_once
    ) -> Result:
        """Return what a method of `api` returns. `leave` is awaited last before a request is sent, each time one is.

        Raises:
            FailedError: It did not work; the meaning is inside.
            RateLimitedError: The limiter let nothing out.
        """
        from ccxt.base.errors import BaseError  # noqa: PLC0415 - only after the lean import

        await self._limiter.turn(urgent=urgent)
        box: list[Answer] = []
        token, gate = _answers.set(box), _leave.set(leave)
        try:
            return await method(*arguments)
        except (
            BaseError,
            aiohttp.ClientError,
            OSError,
            ValueError,
            TypeError,
            LookupError,
            AttributeError,
            ArithmeticError,
        ) as exc:
            failed = FailedError(exc, box[-1] if box else None)
            if isinstance(failed.meaning, RateLimitedError):
                self._limiter.be_quiet(failed.meaning.retry_after_s)
            elif isinstance(failed.meaning, ClockSkewError):
                health.CLOCK_REFUSALS.inc()
            raise failed from exc
        finally:
            _answers.reset(token)
            _leave.reset(gate)
            if box:
                self._limiter.told(box[-1].headers)

    async def sync_clock(self) -> None:
        """Ask the exchange for its time. Raises as `call` does."""
        asked = self._clock.reading()
        answer = await self.call(self.api.fetch_time, urgent=True)
        if not isinstance(answer, int) or not 0 < answer < LATEST_MS:
            raise FailedError(ValueError("no time"), None)
        self._clock.sync(float(answer), asked=asked, answered=self._clock.reading())


def _kind(base: Any, clock: ExchangeClock) -> Any:
    """Return the exchange's class with our clock, and with each answer kept for whoever asked."""

    class Client(base):  # type: ignore[misc]  # ccxt has no types
        number = str  # ccxt loses trades when it is Decimal

        def milliseconds(self) -> int:
            return int(clock.now_ms()) if clock.synced else int(super().milliseconds())

        def handle_errors(self, status: int, reason: str, url: str, method: str, headers: Any, body: Any, *rest: Any) -> Any:
            box = _answers.get(None)
            if box is not None:
                box.append(Answer(status, {str(name).lower(): str(value) for name, value in headers.items()}, str(body or "")))
            return super().handle_errors(status, reason, url, method, headers, body, *rest)

    return Client


def _settings(config: ExchangeConfig, credential: ExchangeCredential, session: aiohttp.ClientSession) -> Mapping[str, Any]:
    window = receive_window_ms(config.clock_speed)
    options: dict[str, Any] = {
        "fetchMarkets": {"types": ["spot"]},
        "fetchCurrencies": False,
        "fetchMargins": False,
        "adjustForTimeDifference": False,
        "maxRetriesOnFailure": 0,
        "recvWindow": window,
        "warnOnFetchOpenOrdersWithoutSymbol": False,
    }
    settings: dict[str, Any] = {
        "options": options,
        "timeout": TIMEOUT_MS,
        "enableRateLimit": False,
        **connected_by(session),
        "apiKey": credential.api_key.get_secret_value(),
        "secret": credential.secret.get_secret_value(),
    }
    if credential.password is not None:
        settings["password"] = credential.password.get_secret_value()
    if config.endpoint is not None:
        api = f"{config.endpoint.rest.rstrip('/')}/api/v3"
        sapi = f"{config.endpoint.rest.rstrip('/')}/sapi/v1"
        settings["urls"] = {"api": {"public": api, "private": api, "v1": api, "sapi": sapi}}
    return settings
