"""Every error is problem+json with code, request id and a place."""

from typing import Any

import pytest
from portal_double import Running

pytestmark = pytest.mark.slow


async def problem(portal: Running, method: str, path: str, **more: Any) -> dict[str, Any]:
    answer = await portal.public.request(method, path, **more)
    assert "application/problem+json" == answer.headers["content-type"], answer.text
    body: dict[str, Any] = answer.json()
    assert answer.status_code == body["status"]
    assert f"urn:tradewind:request:{answer.headers['x-request-id']}" == body["instance"]
    assert {"type", "title", "status", "detail", "instance", "code"} <= set(body)
    return body


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "NotFound"),
        ("GET", "/api/v1/nothing", 404, "NotFound"),
        ("PATCH", "/api/v1/auth/login", 405, "MethodNotAllowed"),
        ("GET", "/api/v1/bots", 401, "Unauthenticated"),
        ("GET", "/api/v1/bots/", 401, "Unauthenticated"),
        ("GET", "/%C3%A9%00", 404, "NotFound"),
    ],
)
async def test_plain_errors(portal: Running, method: str, path: str, status: int, code: str):
    """Also the framework's own errors."""
    body = await problem(portal, method, path, follow_redirects=True)
    assert (status, code) == (body["status"], body["code"])


@pytest.mark.parametrize(("length", "status"), [(65_536, 422), (65_537, 413)])
async def test_a_body_that_is_too_large(portal: Running, length: int, status: int):
    """413 before it is parsed: eight times the longest strategy is the most that a person sends."""
    body = await problem(
        portal, "POST", "/api/v1/auth/login", content=b"x" * length, headers={"Content-Type": "application/json"}
    )
    assert (status, "TooLarge" if status == 413 else "Invalid") == (body["status"], body["code"])


async def test_of_many_faults_of_a_request_the_first_are_told(portal: Running):
    """And how many there are."""
    body = await problem(portal, "POST", "/api/v1/auth/login", json={f"x{number}": 1 for number in range(1000)})
    assert (64, True) == (len(body["errors"]), body["detail"].endswith("the first 64 of 1002"))


@pytest.mark.parametrize(
    ("content", "pointer"),
    [
        (b"{", ""),
        (b"{}", "/user"),
        (b'{"user": 1, "password": "x"}', "/user"),
        (b'{"user": "a", "password": "x", "extra": 1}', "/extra"),
        (b"[]", ""),
    ],
)
async def test_a_body_that_is_wrong_is_pointed_at(portal: Running, content: bytes, pointer: str):
    """422 with a JSON Pointer."""
    body = await problem(portal, "POST", "/api/v1/auth/login", content=content, headers={"Content-Type": "application/json"})
    assert 422 == body["status"]
    assert pointer in {error["pointer"].removesuffix("/1") for error in body["errors"]}


async def test_an_error_never_repeats_a_password(portal: Running):
    """The value that was wrong stays out of the answer."""
    answer = await portal.public.post("/api/v1/auth/login", json={"user": "a", "password": ["hunter2-secret"]})
    assert 422 == answer.status_code
    assert "hunter2" not in answer.text


async def test_what_breaks_inside_is_a_500_without_details(portal: Running, monkeypatch: pytest.MonkeyPatch):
    """The cause is in the log, under the request id."""

    async def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(type(portal.services.auth), "login", broken)
    body = await problem(portal, "POST", "/api/v1/auth/login", json={"user": "a", "password": "b"})
    assert (500, "Internal") == (body["status"], body["code"])
    assert "secret detail" not in str(body)


async def test_a_callers_request_id_is_kept_if_it_is_one(portal: Running):
    """Letters, digits and dashes; nothing that could forge a log line."""
    good = await portal.public.get("/livez", headers={"X-Request-Id": "abc-12345"})
    assert "abc-12345" == good.headers["X-Request-Id"]
    bad = await portal.public.get("/livez", headers={"X-Request-Id": "a b;<script>"})
    assert 32 == len(bad.headers["X-Request-Id"])


async def test_answers_are_neither_cached_nor_framed(portal: Running):
    """Headers that keep browsers from doing the wrong thing."""
    answer = await portal.public.get("/version")
    assert ("no-store", "nosniff") == (answer.headers["Cache-Control"], answer.headers["X-Content-Type-Options"])
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


async def test_probes(portal: Running):
    """Live, ready with every check named, and the old name."""
    assert "ok\n" == (await portal.public.get("/livez")).text
    assert "ok\n" == (await portal.public.get("/readyz")).text
    verbose = (await portal.public.get("/healthz?verbose")).text
    assert "[+]store-writer" in verbose
    assert "[+]watch-tradingbots" in verbose
    assert 200 == (await portal.internal.get("/readyz")).status_code


async def test_not_ready_once_the_writer_has_stopped(portal: Running, monkeypatch: pytest.MonkeyPatch):
    """503, and the reason without being asked."""
    monkeypatch.setattr(type(portal.services.store), "well", property(lambda _self: False))
    answer = await portal.public.get("/readyz")
    assert (503, True) == (answer.status_code, "[-]store-writer has stopped" in answer.text)
