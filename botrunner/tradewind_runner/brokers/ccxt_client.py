"""One exchange of ccxt for signed requests: what it answered is kept beside what ccxt made of it.

ccxt keeps the last answer's headers in one place for all requests that are under way; here each request has its own. Times of
requests come from the exchange's clock, not the wall's; answers that are too long are cut off; ccxt's limiter and retries are
off. Numbers stay the text that they came as.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any, NoReturn, TypeVar

import aiohttp

from tradewind_api.runner import ExchangeConfig, ExchangeCredential
from tradewind_runner import health
from tradewind_runner.brokers.classify import Answer, classify
from tradewind_runner.brokers.errors import BrokerError, ClockSkewError, RateLimitedError
from tradewind_runner.brokers.limiter import Limiter
from tradewind_runner.brokers.lines import Lines, Reply
from tradewind_runner.brokers.outline import Asked, Outline
from tradewind_runner.brokers.port import Leave, at_once, receive_window_ms
from tradewind_runner.exchange_clock import ExchangeClock
from tradewind_runner.lean_ccxt import exchange_class, without_session

TIMEOUT_MS = 10_000
LATEST_MS = 4_102_444_800_000  # the year 2100
OWN_ERRORS = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)  # what ccxt trips over in odd answers
Result = TypeVar("Result")
_answers: ContextVar[list[Answer]] = ContextVar("answers")
_leave: ContextVar[Leave] = ContextVar("leave", default=at_once)
_bearing: ContextVar[str] = ContextVar("bearing", default="")
_instead: ContextVar[Callable[[Asked], Any] | None] = ContextVar("instead", default=None)


class _NotSentError(BaseException):
    """A request that was only to be seen. Nothing on its way takes it for a failure that can be borne."""

    def __init__(self, asked: Asked) -> None:
        super().__init__("not to be sent")
        self.asked = asked


class FailedError(Exception):
    """A request that ended with an exception of ccxt. `meaning` is what that means; `answer` is None where none came."""

    def __init__(self, cause: BaseException, answer: Answer | None) -> None:
        super().__init__(type(cause).__name__)
        self.cause, self.answer = cause, answer
        self.meaning: BrokerError = classify(cause, answer)


class CcxtClient:
    """`api` is the ccxt exchange; its requests go through `call`."""

    def __init__(self, config: ExchangeConfig, credential: ExchangeCredential, clock: ExchangeClock, limiter: Limiter) -> None:
        self._clock, self._limiter = clock, limiter
        self._lines = Lines()
        self.api = _kind(exchange_class(config.ccxt_id), clock, self._lines)(_settings(config, credential))

    async def close(self) -> None:
        """Close the connections."""
        await self.api.close()
        await self._lines.close()

    async def call(
        self,
        method: Callable[..., Awaitable[Result]],
        *arguments: Any,
        urgent: bool = False,
        leave: Leave = at_once,
        bearing: str = "",
    ) -> Result:
        """Return what a method of `api` returns. `leave` is awaited last before a request is sent, each time one is.

        What is no question goes out only with `bearing` in it: an order under another id could not be found again.

        Raises:
            FailedError: It did not work; the meaning is inside.
            RateLimitedError: The limiter let nothing out.
        """
        from ccxt.base.errors import BaseError  # noqa: PLC0415 - only after the lean import

        await self._limiter.turn(urgent=urgent)
        box: list[Answer] = []
        token, gate, name = _answers.set(box), _leave.set(leave), _bearing.set(bearing)
        try:
            return await method(*arguments)
        except (BaseError, aiohttp.ClientError, OSError, *OWN_ERRORS) as exc:
            failed = FailedError(exc, box[-1] if box else None)
            if isinstance(failed.meaning, RateLimitedError):
                self._limiter.be_quiet(failed.meaning.retry_after_s)
            elif isinstance(failed.meaning, ClockSkewError):
                health.CLOCK_REFUSALS.inc()
            raise failed from exc
        finally:
            _answers.reset(token)
            _leave.reset(gate)
            _bearing.reset(name)
            if box:
                self._limiter.told(box[-1].headers)

    async def asked_for(self, *order: Any) -> Asked | None:
        """Return the first request that ccxt would send for an order, which is not sent; None where it would send none."""
        from ccxt.base.errors import BaseError  # noqa: PLC0415 - only after the lean import

        def see(asked: Asked) -> NoReturn:
            raise _NotSentError(asked)

        token = _instead.set(see)
        try:
            await self.api.create_order(*order)
        except _NotSentError as seen:
            return seen.asked
        except (BaseError, *OWN_ERRORS):
            return None
        finally:
            _instead.reset(token)
        return None

    async def by_outline(self, outline: Outline, values: Mapping[str, str], *order: Any) -> Any:
        """Send an order by its outline; return what ccxt makes of the answer, for which it goes its usual way once more."""
        from ccxt.base import errors  # noqa: PLC0415 - only after the lean import

        api, sent = self.api, outline.asked._replace(parameters=outline.filled(values))
        signed = api.sign(sent.path, sent.api, sent.method, sent.parameters)
        answer = await api.fetch(signed["url"], signed["method"], signed["headers"], signed["body"])

        def told(asked: Asked) -> Any:
            if asked != sent:
                raise errors.ExchangeError("ccxt would have sent another order than its outline is")
            _instead.set(None)  # whatever ccxt asks besides goes its own way
            return answer

        token = _instead.set(told)
        try:
            return await api.create_order(*order)
        except (errors.BaseError, *OWN_ERRORS) as exc:  # whatever it says of the order, the exchange has answered it
            raise errors.ExchangeError("the answer cannot be read") from exc
        finally:
            _instead.reset(token)

    async def sync_clock(self) -> None:
        """Ask the exchange for its time. Raises as `call` does."""
        asked = self._clock.reading()
        answer = await self.call(self.api.fetch_time, urgent=True)
        if not isinstance(answer, int) or not 0 < answer < LATEST_MS:
            raise FailedError(ValueError("no time"), None)
        self._clock.sync(float(answer), asked=asked, answered=self._clock.reading())


async def _ask(lines: Lines, method: str, url: str, headers: Mapping[str, str], body: str | None, seconds: float) -> Reply:
    """Return the answer to a request; what keeps it from coming is said in ccxt's words."""
    from ccxt.base import errors  # noqa: PLC0415 - only after the lean import

    try:
        return await lines.ask(method, url, headers, body, leave=_leave.get(), seconds=seconds)
    except TimeoutError as exc:
        raise errors.RequestTimeout(method) from exc
    except aiohttp.ClientConnectionError as exc:
        raise errors.ExchangeNotAvailable(method) from exc
    except aiohttp.ClientError as exc:
        raise errors.ExchangeError(method) from exc


def _kind(base: Any, clock: ExchangeClock, lines: Lines) -> Any:
    """Return the exchange's class with our clock and our lines, and with each answer kept for whoever asked."""
    from ccxt.base import errors  # noqa: PLC0415 - only after the lean import

    class Client(base):  # type: ignore[misc]  # ccxt has no types
        number = str  # ccxt loses trades when it is Decimal

        def milliseconds(self) -> int:
            return int(clock.now_ms()) if clock.synced else int(super().milliseconds())

        async def request(
            self, path: str, api: Any = "public", method: str = "GET", params: Any = None, config: Any = None
        ) -> Any:
            """Sign and send; or do with what would be signed what is wanted instead."""
            instead = _instead.get()
            if instead is not None:
                return instead(Asked(path, api, method, params or {}))
            return await super().request(path, api, method, params or {}, config or {})

        async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: str | None = None) -> Any:
            """Send what is signed; the last word whether it may leave is asked for when it has its line."""
            if _instead.get() is not None:
                raise errors.NotSupported("nothing may be sent while it is only looked at what would be")
            if method != "GET" and _bearing.get() not in f"{url} {body}":
                raise errors.NotSupported("ccxt leaves out our order's id with this exchange")
            sent = self.prepare_request_headers(headers)
            status, reason, told, text = await _ask(lines, method, url, sent, body, self.timeout / 1000)
            text = self.on_rest_response(status, reason, url, method, told, text, sent, body)
            found = self.parse_json(text)
            self.handle_errors(status, reason, url, method, told, text, found, sent, body)
            self.handle_http_status_code(status, reason, url, method, text)
            return text if found is None else found

        def handle_errors(self, status: int, reason: str, url: str, method: str, headers: Any, body: Any, *rest: Any) -> Any:
            box = _answers.get(None)
            if box is not None:
                box.append(Answer(status, {str(name).lower(): str(value) for name, value in headers.items()}, str(body or "")))
            return super().handle_errors(status, reason, url, method, headers, body, *rest)

    return Client


def _settings(config: ExchangeConfig, credential: ExchangeCredential) -> Mapping[str, Any]:
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
        **without_session(),
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
