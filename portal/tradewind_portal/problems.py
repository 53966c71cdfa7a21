"""Errors as people and programs read them: RFC 9457 problem+json, everywhere.

`code` is stable and machine-readable; `errors` point into the request by JSON Pointer (RFC 6901), so that a form can place
each message. Details never repeat what was sent: a body may hold a secret.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from tradewind_api.document.errors import MOST_ERRORS
from tradewind_portal.store import StoreBusyError, StoreTimeoutError

MEDIA_TYPE = "application/problem+json"
CODES = {400: "BadRequest", 401: "Unauthenticated", 403: "Forbidden", 404: "NotFound", 405: "MethodNotAllowed", 413: "TooLarge"}


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of the request; `pointer` such as /spec/symbols/0, or ?name for a query parameter."""

    pointer: str
    code: str
    detail: str


class Problem(Exception):  # noqa: N818 - RFC 9457 calls it so
    """An answer other than success. Raise it anywhere below a route."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.more = dict(more or {})


def not_found(what: str) -> Problem:
    """Return the one answer for what is not there and for what the asker may not know of."""
    return Problem(404, "NotFound", f"there is no {what}")


def answer(problem: Problem, request_id: str) -> Response:
    """Return `problem` as a response."""
    body = {
        "type": f"urn:tradewind:problem:{problem.code}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "instance": f"urn:tradewind:request:{request_id}",
        "code": problem.code,
        **({"errors": [asdict(error) for error in problem.errors]} if problem.errors else {}),
        **problem.more,
    }
    return Response(orjson.dumps(body), problem.status, problem.headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make `app` answer every error that reaches it as problem+json. Uncaught ones are the edge's (edge.py)."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(StoreBusyError, _busy)
    app.add_exception_handler(StoreTimeoutError, _slow)
    app.add_exception_handler(Exception, _broken)


def _id(request: Request) -> str:
    return str(getattr(request.state, "request_id", "-"))


def _problem(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, Problem)
    request.state.problem = exc.code
    return answer(exc, _id(request))


def _invalid(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, RequestValidationError)
    found = exc.errors()
    detail = "the request is not valid; see errors" + (
        f", the first {MOST_ERRORS} of {len(found)}" * (len(found) > MOST_ERRORS)
    )
    return _problem(request, Problem(422, "Invalid", detail, errors=[field_error(error) for error in found[:MOST_ERRORS]]))


def _http(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    code = CODES.get(exc.status_code, HTTPStatus(exc.status_code).phrase.replace(" ", ""))
    return _problem(request, Problem(exc.status_code, code, _sentence(request, exc), headers=exc.headers))


def _sentence(request: Request, exc: HTTPException) -> str:
    match exc.status_code:
        case 404:
            return f"there is nothing at {request.url.path:.200}"
        case 405:
            return f"{request.method} is not allowed at {request.url.path:.200}"
        case 413:
            return "the body is larger than this operation accepts"
        case _:
            return str(exc.detail)


def _busy(request: Request, _exc: Exception) -> Response:
    problem = Problem(503, "Busy", "too many writes wait; nothing was done", headers={"Retry-After": "1"})
    return _problem(request, problem)


def _slow(request: Request, exc: Exception) -> Response:
    return _problem(request, Problem(503, "TooSlow", f"{exc}; ask for less", headers={"Retry-After": "5"}))


def _broken(request: Request, _exc: Exception) -> Response:
    return _problem(request, internal_error())


def internal_error() -> Problem:
    """Return the answer to what should not have happened; the cause is in the log only."""
    return Problem(500, "Internal", "something broke here; the log has it under the request id")


def field_error(error: Mapping[str, Any]) -> FieldError:
    """Return one of pydantic's errors as ours."""
    place, *path = error["loc"] or ("body",)
    if place in {"query", "header", "path", "cookie"}:
        return FieldError(f"?{'.'.join(map(str, path))}", str(error["type"]), f"{place} parameter: {error['msg']}")
    parts = path if place == "body" else [place, *path]
    return FieldError(pointer(parts), str(error["type"]), _message(error))


def _message(error: Mapping[str, Any]) -> str:
    """Return pydantic's message; it counts the characters of a secret as items."""
    said = str(error["msg"])
    return said.replace(" items ", " characters ") if isinstance(error.get("input"), str) else said


def pointer(parts: Sequence[object]) -> str:
    """Return the JSON Pointer of `parts`.

    >>> pointer(["spec", "symbols", 0, "a/b"])
    '/spec/symbols/0/a~1b'
    """
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
