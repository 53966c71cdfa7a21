"""What the API server can say no with.

KubeError
    Unavailable       try again later: no answer, 429, 5xx
    NotFound          there is no such object
    Conflict          somebody else changed or owns it; read again
    Expired           410: the version asked for is too old; list again
    Refused           will never be accepted as it is
        Forbidden     no right to
        QuotaExceeded the tenant's quota is used up
        Invalid       a rule or the schema says no
"""

from typing import Any


class KubeError(Exception):
    """The API server did not do what was asked. `status` is its code, 0 where it did not answer."""

    def __init__(self, message: str, *, status: int = 0, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.details = details or {}


class UnavailableError(KubeError):
    """Try again later. `retry_after_s` is the server's wish."""

    def __init__(self, message: str, *, status: int = 0, retry_after_s: float = 1.0) -> None:
        super().__init__(message, status=status)
        self.retry_after_s = retry_after_s


class NotFoundError(KubeError):
    """There is no such object."""


class ConflictError(KubeError):
    """Somebody else changed it meanwhile, or owns a field."""


class ExpiredError(KubeError):
    """The resource version is too old: list again."""


class RefusedError(KubeError):
    """The request is wrong and will stay so."""


class ForbiddenError(RefusedError):
    """The identity has no right to do this, or a policy says no."""


class QuotaExceededError(ForbiddenError):
    """The namespace's quota is used up."""


class InvalidError(RefusedError):
    """Schema or rules say no. `details["causes"]` names the fields."""


def error_from(status: int, body: dict[str, Any], *, retry_after: str | None = None) -> KubeError:
    """Return the error for an answer of the API server, a `Status` object where it sent one."""
    message = str(body.get("message") or f"the API server answered {status}")
    details = body.get("details") or {}
    if status == 500 and "field not declared in schema" in message:
        return InvalidError(message, status=status, details=details)  # server-side apply says 500 for an unknown field
    if status == 403 and "status unknown for quota" in message:
        return UnavailableError(message, status=status)  # a quota made a moment ago
    if status == 429 or status >= 500:
        return UnavailableError(
            message, status=status, retry_after_s=float(retry_after or details.get("retryAfterSeconds") or 1)
        )
    if status == 403:
        kind: type[KubeError] = QuotaExceededError if "exceeded quota" in message else ForbiddenError
    else:
        kind = {404: NotFoundError, 409: ConflictError, 410: ExpiredError, 400: InvalidError, 422: InvalidError}.get(
            status, RefusedError
        )
    return kind(message, status=status, details=details)
