"""Logging in, staying so, and being thrown out."""

import asyncio
import time
from pathlib import Path

import httpx2
import pytest
from portal_double import ADMIN_PASSWORD, Running

from tradewind_portal.audit.trail import Trail
from tradewind_portal.auth.access_token import AccessTokens
from tradewind_portal.auth.passwords import Passwords
from tradewind_portal.auth.service import Auth
from tradewind_portal.cluster.port import Kind
from tradewind_portal.problems import Problem
from tradewind_portal.store import Store

pytestmark = pytest.mark.slow


def cookies(answer: httpx2.Response) -> dict[str, str]:
    return dict(header.partition(";")[0].split("=", 1) for header in answer.headers.get_list("set-cookie"))


async def test_cookies_are_out_of_reach_of_scripts_and_other_sites(portal: Running):
    """HttpOnly, Secure, SameSite=Strict, bound to the host by the __Host- prefix."""
    answer = await portal.public.post("/api/v1/auth/login", json={"user": "admin", "password": ADMIN_PASSWORD})
    access, refresh = answer.headers.get_list("set-cookie")
    assert access.startswith("__Host-tradewind=")
    assert refresh.startswith("__Secure-tradewind-refresh=")
    for header in (access, refresh):
        assert {"HttpOnly", "Secure", "SameSite=strict"} <= {part.strip() for part in header.split(";")}
    assert "Path=/;" in access
    assert "Path=/api/v1/auth;" in refresh


@pytest.mark.parametrize(
    ("user", "password"), [("admin", "wrong"), ("nobody", ADMIN_PASSWORD), ("admin", ADMIN_PASSWORD + " ")]
)
async def test_a_refusal_does_not_say_what_was_wrong(portal: Running, user: str, password: str):
    """Unknown user and wrong password read the same."""
    answer = await portal.public.post("/api/v1/auth/login", json={"user": user, "password": password})
    assert (401, "LoginFailed", "user or password is wrong") == (
        answer.status_code,
        answer.json()["code"],
        answer.json()["detail"],
    )


async def test_a_session_says_who_it_is(portal: Running, alice: dict[str, str]):
    """Name, role and tenants; nothing else."""
    answer = await portal.public.get("/api/v1/auth/session", headers=alice)
    assert {
        "user": "acme-owner",
        "platformRole": None,
        "tenants": [{"name": "acme", "role": "owner"}],
        "via": "session",
        "scopes": ["admin", "read", "trade"],
    } == answer.json()


async def test_logout_ends_the_session_at_once(portal: Running, alice: dict[str, str]):
    """The same, still unexpired, token is refused by the next request."""
    assert 204 == (await portal.public.post("/api/v1/auth/logout", headers=alice)).status_code
    assert 401 == (await portal.public.get("/api/v1/auth/session", headers=alice)).status_code


async def test_a_refresh_token_works_once_and_its_second_use_ends_the_family(portal: Running, monkeypatch: pytest.MonkeyPatch):
    """Two holders of one token: both are out."""
    login = await portal.public.post("/api/v1/auth/login", json={"user": "admin", "password": ADMIN_PASSWORD})
    first = cookies(login)["__Secure-tradewind-refresh"]

    async def refresh(ticket: str) -> httpx2.Response:
        return await portal.public.post("/api/v1/auth/refresh", headers={"Cookie": f"__Secure-tradewind-refresh={ticket}"})

    second = cookies(await refresh(first))["__Secure-tradewind-refresh"]
    assert 200 == (await refresh(first)).status_code, "an answer may be lost: the one before works for ten seconds"
    monkeypatch.setattr("tradewind_portal.auth.service.GRACE_MS", -1)
    third = cookies(await refresh(second))
    assert {} == third, "the repeated first made `second` the one before, which is too old now"
    access = cookies(login)["__Host-tradewind"]
    assert (
        401 == (await portal.public.get("/api/v1/auth/session", headers={"Cookie": f"__Host-tradewind={access}"})).status_code
    )


async def test_two_credentials_in_one_request_are_refused(portal: Running, alice: dict[str, str]):
    """Which one counts must not be a matter of taste."""
    token = await portal.token(alice)
    answer = await portal.public.get("/api/v1/bots", headers={**alice, **token})
    assert (400, "TwoCredentials") == (answer.status_code, answer.json()["code"])


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Tradewind-Request": ""}, None),
        ({"Sec-Fetch-Site": "cross-site"}, "CrossSite"),
        ({"Sec-Fetch-Site": "same-site"}, "CrossSite"),
        ({"Origin": "https://evil.example"}, "CrossSite"),
        ({"Sec-Fetch-Site": "same-origin"}, None),
    ],
)
async def test_another_site_cannot_change_anything_with_our_cookie(
    portal: Running, alice: dict[str, str], headers: dict[str, str], code: str | None
):
    """Cookies travel by themselves, so a change needs proof that the page is ours."""
    answer = await portal.public.post("/api/v1/tokens", json={"name": "x"}, headers={**alice, **headers})
    assert (code or 201) == (answer.json().get("code") if code else answer.status_code)


async def test_a_change_by_cookie_needs_the_guard_header(portal: Running, alice: dict[str, str]):
    """A form of another site cannot send it."""
    answer = await portal.public.post("/api/v1/tokens", json={"name": "x"}, headers={"Cookie": alice["Cookie"]})
    assert (403, "GuardMissing") == (answer.status_code, answer.json()["code"])


async def test_logins_of_one_address_are_limited_before_a_password_is_looked_at(portal: Running):
    """The third of three with a limit of two is refused, also with the right password."""
    await within_one_minute()
    object.__setattr__(portal.services.settings, "login_attempts_per_minute", 2)
    for _ in range(2):
        await portal.public.post("/api/v1/auth/login", json={"user": "admin", "password": "wrong"})
    answer = await portal.public.post("/api/v1/auth/login", json={"user": "admin", "password": ADMIN_PASSWORD})
    assert (429, "TooManyRequests") == (answer.status_code, answer.json()["code"])
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert '"login";q=2;w=60' == answer.headers["RateLimit-Policy"]


async def within_one_minute() -> None:
    """Wait for the clock's next minute where this one is nearly over.

    The limits count by the clock's minutes, and what stays of the last one's is rounded down: where a minute ends
    between two requests of a test, one more is let through.
    """
    left = 60 - time.time() % 60
    if left < 10:
        await asyncio.sleep(left)


async def test_requests_are_limited_by_plan(portal: Running, alice: dict[str, str]):
    """The plan's number is in the headers, and the one above it is refused."""
    await within_one_minute()
    plan = portal.cluster.cached(Kind.PLAN, "pro")
    assert plan is not None
    plan["spec"]["limits"]["requestsPerMinute"] = 3
    token = await portal.token(alice)
    answers = [await portal.public.get("/api/v1/tokens", headers=token) for _ in range(4)]
    assert [200, 200, 429, 429] == [answer.status_code for answer in answers]
    assert ['"plan";q=3;w=60'] * 4 == [answer.headers["RateLimit-Policy"] for answer in answers]


async def test_the_first_administrator_is_made_once(portal: Running):
    """A second start with another password changes nothing."""
    assert await portal.services.auth.ensure_admin("admin", "another-password") is None
    assert await portal.log_in()


async def test_an_administrator_without_a_given_password_gets_one(tmp_path: Path):
    """Run by hand, the password is made, long, and works."""
    store = Store(tmp_path)
    store.start()
    passwords = Passwords(memory_mib=8)
    auth = Auth(store, passwords, AccessTokens({}))
    made = await auth.ensure_admin("admin", None)
    assert made is not None
    assert 27 == len(made)
    assert "admin" == (await auth.login("admin", made, Trail())).subject.name
    passwords.close()
    await store.close()


async def test_passwords_are_hashed_as_decided():
    """argon2id, t=3, 64 MiB, p=1; a hash made with less is made anew at the next login."""
    strong, weak = Passwords(), Passwords(memory_mib=8)
    stored = await strong.hash("correct-horse")
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert await strong.verify(stored, "correct-horse")
    assert not await strong.verify(stored, "correct-hors")
    assert not await strong.verify(None, "correct-horse")
    assert (False, True) == (strong.stale(stored), strong.stale(await weak.hash("x")))
    strong.close()
    weak.close()


async def test_a_flood_of_logins_is_turned_away(monkeypatch: pytest.MonkeyPatch):
    """At most sixteen wait, each needs 64 MiB: the rest gets 503 at once."""
    passwords = Passwords(memory_mib=8)
    results = await asyncio.gather(*[passwords.hash("x") for _ in range(40)], return_exceptions=True)
    assert (16, 24) == (
        sum(isinstance(result, str) for result in results),
        sum(isinstance(result, Problem) for result in results),
    )
    passwords.close()


async def test_another_password_ends_every_session(portal: Running, alice: dict[str, str]):
    """The old one and its sessions are over, the new one works; a token cannot change it."""
    other, token = await portal.log_in("acme-owner"), await portal.token(alice)
    body = {"current": ADMIN_PASSWORD, "new": "a-longer-password"}
    refused = await portal.public.post("/api/v1/auth/password", json=body, headers=token)
    assert (403, "SessionRequired") == (refused.status_code, refused.json()["code"])
    assert 204 == (await portal.public.post("/api/v1/auth/password", json=body, headers=alice)).status_code
    for headers in (alice, other):
        assert 401 == (await portal.public.get("/api/v1/auth/session", headers=headers)).status_code
    assert (
        200
        == (await portal.public.get("/api/v1/auth/session", headers=await portal.log_in("acme-owner", body["new"]))).status_code
    )
    old = await portal.public.post("/api/v1/auth/login", json={"user": "acme-owner", "password": ADMIN_PASSWORD})
    assert 401 == old.status_code


async def test_owners_let_people_in_and_out(portal: Running, alice: dict[str, str], bot_spec: dict[str, object]):
    """A viewer looks, becomes a trader and trades, is taken out and finds nothing; the last owner stays."""
    made = await portal.public.post("/api/v1/members", json={"user": "vera", "role": "viewer"}, headers=alice)
    vera = await portal.log_in("vera", made.json()["password"])
    body = {"metadata": {"name": "x"}, "spec": bot_spec}
    assert 200 == (await portal.public.get("/api/v1/bots", headers=vera)).status_code
    assert 403 == (await portal.public.post("/api/v1/bots", json=body, headers=vera)).status_code
    assert (
        201 == (await portal.public.post("/api/v1/members", json={"user": "vera", "role": "trader"}, headers=alice)).status_code
    )
    assert 201 == (await portal.public.post("/api/v1/bots", json=body, headers=vera)).status_code
    listed = (await portal.public.get("/api/v1/members", headers=alice)).json()["items"]
    assert [{"user": "acme-owner", "role": "owner"}, {"user": "vera", "role": "trader"}] == listed
    assert 204 == (await portal.public.delete("/api/v1/members/vera", headers=alice)).status_code
    assert (403, "NoTenant") == (
        (gone := await portal.public.get("/api/v1/bots", headers=vera)).status_code,
        gone.json()["code"],
    )
    last = await portal.public.delete("/api/v1/members/acme-owner", headers=alice)
    assert (409, "LastOwner") == (last.status_code, last.json()["code"])
