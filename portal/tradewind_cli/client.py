"""Requests to the portal's API, from the standard library alone. Refusals become errors that say what to change."""

import json
import urllib.error
import urllib.parse
import urllib.request
import uuid
from typing import Any

from tradewind_cli.profile import Profile

TIMEOUT_S = 60.0


class ApiError(Exception):
    """The portal refused, or did not answer. `status` is 0 where it did not."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class Client:
    """One profile's way to the portal."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile

    def call(
        self, method: str, path: str, body: Any = None, *, query: dict[str, str] | None = None, raw: bytes | None = None
    ) -> Any:
        """Return the decoded answer of one request below /api/v1. Raises ApiError."""
        headers = {"Authorization": f"Bearer {self._profile.token}"} if self._profile.token else {}
        if self._profile.tenant:
            headers["Tradewind-Tenant"] = self._profile.tenant
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid.uuid4())
        if method in {"PUT", "PATCH", "DELETE"}:
            headers["If-Match"] = "*"  # a person at a terminal means the bot as it is
        headers["Content-Type"] = "application/octet-stream" if raw is not None else "application/json"
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        where = f"/api/v1{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        return _send(urllib.request.Request(self._profile.url.rstrip("/") + where, data, headers, method=method))  # noqa: S310 - the person's own portal

    def all_items(self, path: str) -> list[dict[str, Any]]:
        """Return the items of all pages of a list."""
        items: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self.call("GET", path, query={"limit": "200"} | ({"cursor": cursor} if cursor else {}))
            items.extend(page["items"])
            cursor = page.get("next") or ""
            if not cursor:
                return items


def make_token(url: str, user: str, password: str, name: str, *, scopes: list[str] | None = None) -> tuple[str, dict[str, Any]]:
    """Log in and make a personal access token; return it and who we are. Raises ApiError."""
    base = url.rstrip("/") + "/api/v1"
    login = json.dumps({"user": user, "password": password}).encode()
    request = urllib.request.Request(f"{base}/auth/login", login, {"Content-Type": "application/json"})  # noqa: S310
    response = _open(request)
    cookies = [text.split(";", 1)[0] for text in response.headers.get_all("Set-Cookie") or []]
    session = json.loads(response.read())
    access = next((cookie for cookie in cookies if cookie.startswith("__Host-")), "")
    wanted = json.dumps({"name": name, **({"scopes": scopes} if scopes else {})}).encode()
    headers = {"Content-Type": "application/json", "Cookie": access, "Tradewind-Request": "1"}
    made = _send(urllib.request.Request(f"{base}/tokens", wanted, headers))  # noqa: S310
    return made["token"], session


def _send(request: urllib.request.Request) -> Any:
    with _open(request) as response:
        content = response.read()
    return json.loads(content) if content else None


def _open(request: urllib.request.Request) -> Any:
    try:
        return urllib.request.urlopen(request, timeout=TIMEOUT_S)  # noqa: S310 - the person's own portal
    except urllib.error.HTTPError as exc:
        raise _refusal(exc) from None
    except (urllib.error.URLError, TimeoutError, OSError) as exc:
        reason = getattr(exc, "reason", exc)
        raise ApiError(
            0, "Unreachable", f"no answer from {request.host}: {reason}; is the portal up? (TRADEWIND_CLI_URL)"
        ) from None


def _refusal(answer: urllib.error.HTTPError) -> ApiError:
    try:
        problem = json.loads(answer.read())
    except ValueError:
        return ApiError(answer.code, "", f"the portal answered {answer.code} {answer.reason}")
    lines = [f"{problem.get('title') or answer.reason}: {problem.get('detail', '')}".rstrip(": ")]
    lines += [f"  {fault.get('pointer', '')}: {fault.get('detail', '')}" for fault in problem.get("errors") or []]
    if answer.code == 401:
        lines.append("  log in with: tw login")
    return ApiError(answer.code, str(problem.get("code", "")), "\n".join(lines))
