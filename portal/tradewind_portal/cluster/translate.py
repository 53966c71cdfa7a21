"""What the API server says no with, as problems that name the field.

The API server, its quota and its policies are the ones who decide; here their words are only put where a person looks.
"""

import re
from typing import Any

from tradewind_kube.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    KubeError,
    NotFoundError,
    QuotaExceededError,
    UnavailableError,
)
from tradewind_portal.problems import FieldError, Problem, not_found, pointer

QUOTA = re.compile(
    r"requested: (?P<what>[^=]+)=(?P<asked>[^,]+), used: [^=]+=(?P<used>[^,]+), limited: [^=]+=(?P<limit>[^,\s]+)"
)
DENIED = re.compile(r"denied request: (?P<said>.*)$", re.DOTALL)
UNKNOWN_FIELD = re.compile(r"(?:unknown field \"|\.)(?P<path>spec[\w.\[\]]*)")
PATH_IN_TEXT = re.compile(r"\b(?P<path>spec(?:\.\w+|\[\d+\])+)")
PATH_PART = re.compile(r"\[([^\]]*)\]|([^.\[\]]+)")
LEAD = re.compile(
    r"^(?:Invalid value|Unsupported value|Forbidden): (?:(?:\"(?:[^\"\\]|\\.)*\"|-?[\d.]+|true|false|null|\{.*?\}|\[.*?\]): )?"
)


def problem_from(error: KubeError, what: str) -> Problem:
    """Return `error`, met while doing something with `what` (such as: bot sma-1), as a problem."""
    match error:
        case UnavailableError():
            retry = {"Retry-After": str(max(1, round(error.retry_after_s)))}
            return Problem(503, "ClusterUnavailable", "the cluster's API server does not answer; try again", headers=retry)
        case NotFoundError():
            return not_found(what)
        case ConflictError():
            return _conflict(error, what)
        case QuotaExceededError():
            return _quota(error, what)
        case ForbiddenError():
            return _denied(error, 403, what)
        case InvalidError():
            return _denied(error, 422, what) if DENIED.search(str(error)) else _invalid(error, what)
        case _:
            return Problem(502, "ClusterRefused", f"the cluster did not take {what}: {_short(str(error))}")


def path_to_pointer(path: str) -> str:
    """Return a field path of Kubernetes as a JSON Pointer.

    >>> path_to_pointer("spec.symbols[0]"), path_to_pointer(".spec.parameters[fast.period]")
    ('/spec/symbols/0', '/spec/parameters/fast.period')
    """
    return pointer([bracketed or plain for bracketed, plain in PATH_PART.findall(path)])


def _quota(error: KubeError, what: str) -> Problem:
    found = QUOTA.search(str(error))
    if found is None:
        return Problem(403, "QuotaExceeded", f"the tenant's quota does not allow {what}: {_short(str(error))}")
    thing = found["what"].removeprefix("count/").removesuffix(".tradewind.dev")
    detail = f"the tenant's plan allows {found['limit']} {thing}, {found['used']} exist: delete one or take a larger plan"
    return Problem(403, "QuotaExceeded", detail, more={"limit": found["limit"], "used": found["used"], "resource": thing})


def _denied(error: KubeError, status: int, what: str) -> Problem:
    text = str(error)
    said = DENIED.search(text)
    if said is None:
        return Problem(502, "ClusterRefused", f"the portal has no right to this in the cluster ({what})")
    message = said["said"].strip()
    where = PATH_IN_TEXT.search(message)
    errors = [FieldError(path_to_pointer(where["path"]), "PolicyDenied", message)] if where else []
    return Problem(status, "PolicyDenied", message, errors=errors)


def _conflict(error: KubeError, what: str) -> Problem:
    causes = [cause for cause in error.details.get("causes", []) if cause.get("field")]
    errors = [_field_error(cause) for cause in causes]
    if errors:
        return Problem(409, "OwnedByOther", f"another manager set fields of {what}: {errors[0].detail}", errors=errors)
    return Problem(409, "Conflict", f"{what} was changed at the same moment; read it again")


def _invalid(error: KubeError, what: str) -> Problem:
    errors = [_field_error(cause) for cause in error.details.get("causes", []) if cause.get("field")]
    if not errors and (unknown := UNKNOWN_FIELD.search(str(error))):
        path = unknown["path"]
        errors = [FieldError(path_to_pointer(path), "UnknownField", f"there is no field {path}")]
    detail = "; ".join(item.detail for item in errors[:3]) or _short(str(error))
    return Problem(422, "Invalid", f"{what}: {detail}", errors=errors)


def _field_error(cause: dict[str, Any]) -> FieldError:
    message = LEAD.sub("", str(cause.get("message", "")))
    return FieldError(path_to_pointer(cause["field"]), str(cause.get("reason", "Invalid")), message)


def _short(text: str) -> str:
    return " ".join(text.split())[:300]
