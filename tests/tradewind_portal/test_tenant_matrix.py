"""Every operation of both applications against every kind of asker, made from the OpenAPI: a new route without a row fails."""

import json
from typing import Any

import pytest
import pytest_asyncio
from portal_double import Running

from tradewind_api.document.resolve import template
from tradewind_portal.application import internal_app, public_app
from tradewind_portal.auth.queries import insert_membership
from tradewind_portal.auth.subject import Membership
from tradewind_portal.cluster.port import Kind
from tradewind_portal.keys.envelope import Envelopes, Place
from tradewind_portal.keys.queries import ExchangeKey
from tradewind_portal.keys.queries import insert as insert_key
from tradewind_portal.kill.queries import KillSwitch, request_close
from tradewind_portal.kill.queries import put as engage
from tradewind_portal.store import Cursor

pytestmark = pytest.mark.slow

ASKERS = ("anonymous", "stranger", "viewer", "trader", "owner", "auditor", "admin", "runner", "expired")
LOOK = {"viewer": 200, "trader": 200, "owner": 200, "auditor": 200, "admin": 200}
TRADE = {"viewer": 403, "trader": 200, "owner": 200, "auditor": 403, "admin": 403}
OWN = {"viewer": 403, "trader": 403, "owner": 200, "auditor": 200, "admin": 200}
OWNER = {**OWN, "auditor": 403, "admin": 403}
EVERYBODY = {"stranger": 200, "viewer": 200, "trader": 200, "owner": 200, "auditor": 200, "admin": 200}
OPEN = {"anonymous": 200, **EVERYBODY, "runner": 200, "expired": 200}
KILL = {**TRADE, "admin": 200}
PLATFORM = {"stranger": 403, "viewer": 403, "trader": 403, "owner": 403, "auditor": 200, "admin": 200}
PLATFORM_WRITE = {**PLATFORM, "auditor": 403}

# What each may do with things of tenant acme. Not named: anonymous, runner and expired get 401, a stranger 404.
EXPECTED: dict[str, dict[str, int]] = {
    "login": {**dict.fromkeys(ASKERS, 401)},
    "refresh": EVERYBODY,
    "change_password": {**dict.fromkeys(EVERYBODY, 401)},
    "logout": EVERYBODY,
    "list_members": OWN,
    "add_member": OWNER,
    "remove_member": {**OWNER, "owner": 404},
    "get_session": EVERYBODY,
    "create_token": EVERYBODY,
    "list_tokens": EVERYBODY,
    "delete_token": {**dict.fromkeys(EVERYBODY, 404)},
    "create_tenant": PLATFORM_WRITE,
    "list_tenants": PLATFORM,
    "list_platform_audit": PLATFORM,
    "list_audit": OWN,
    "create_bot": TRADE,
    "list_bots": LOOK,
    "get_bot": LOOK,
    "replace_bot": TRADE,
    "patch_bot": TRADE,
    "delete_bot": TRADE,
    "list_events": LOOK,
    "list_fills": LOOK,
    "list_decisions": LOOK,
    "get_bot_equity": LOOK,
    "create_exchange_key": TRADE,
    "list_exchange_keys": LOOK,
    "get_exchange_key": LOOK,
    "rotate_exchange_key": TRADE,
    "verify_exchange_key": TRADE,
    "delete_exchange_key": TRADE,
    "revoke_exchange_keys": PLATFORM_WRITE,
    "rewrap_exchange_keys": PLATFORM_WRITE,
    "kill_bot": KILL,
    "release_bot": KILL,
    "kill_account": KILL,
    "release_account": KILL,
    "kill_tenant": KILL,
    "release_tenant": KILL,
    "list_kill_switches": LOOK,
    "kill_platform": PLATFORM_WRITE,
    "release_platform": PLATFORM_WRITE,
    "list_platform_kill_switches": PLATFORM,
    "close_positions": KILL,
    "get_close_positions": LOOK,
    "create_backtest": TRADE,
    "list_backtests": LOOK,
    "get_backtest": LOOK,
    "delete_backtest": TRADE,
    "get_report": LOOK,
    "list_trades": LOOK,
    "get_backtest_equity": LOOK,
    "create_strategy": TRADE,
    "list_strategies": LOOK,
    "get_strategy": LOOK,
    "replace_strategy": TRADE,
    "delete_strategy": TRADE,
    "validate_strategy": LOOK,
    "import_candles": TRADE,
    "list_candles": LOOK,
    "get_candles": LOOK,
    "livez": OPEN,
    "readyz": OPEN,
    "healthz": OPEN,
    "version": OPEN,
}
SECRETS = {"apiKey": "key-0123456789", "secret": "secret-0123456789"}
DOCUMENT = template("rsi").to_json()
CANDLES = "ts,open,high,low,close,volume\n1735689600000,1,1,1,1,1\n1735689660000,1,1,1,1,1\n"


def operations() -> list[tuple[str, str, str]]:
    paths = public_app(None).openapi()["paths"]
    return [
        (operation["operationId"], method, path) for path, methods in paths.items() for method, operation in methods.items()
    ]


def test_every_operation_has_a_row():
    """Whoever adds a route says here who may use it."""
    assert set(EXPECTED) == {name for name, _, _ in operations()}


def test_no_two_operations_share_a_name():
    """The name is what clients and audit rows call it."""
    names = [name for name, _, _ in operations()]
    assert sorted(set(names)) == sorted(names)


@pytest_asyncio.fixture
async def askers(
    portal: Running, admin: dict[str, str], alice: dict[str, str], bob: dict[str, str]
) -> dict[str, dict[str, str]]:
    """Headers of each asker; alice owns acme, bob is the stranger."""
    acme = portal.cluster.cached(Kind.TENANT, "acme")
    assert acme is not None

    async def add(name: str, platform: str | None, role: str | None) -> dict[str, str]:
        hashed = await portal.services.auth.passwords.hash("some-long-password")

        def store(cursor: Cursor) -> None:
            cursor.execute("INSERT INTO users VALUES (?, ?, ?, ?, 1, 0)", [name, name, hashed, platform])
            if role:
                insert_membership(cursor, name, Membership(acme["metadata"]["uid"], "acme", role), 0)  # type: ignore[arg-type]

        await portal.services.store.write(store)
        return await portal.log_in(name, "some-long-password")

    named = {"Tradewind-Tenant": "acme"}
    pod = portal.cluster.run_pod("tw-acme-test", "p", {})
    expired = await portal.log_in("acme-owner")
    await portal.public.post("/api/v1/auth/logout", headers=expired)
    found = {
        "anonymous": {},
        "stranger": bob,
        "viewer": await add("vera", None, "viewer"),
        "trader": await add("tom", None, "trader"),
        "owner": alice,
        "auditor": await add("audrey", "auditor", None),
        "admin": admin,
        "runner": pod,
        "expired": expired,
    }
    return {name: {**headers, **named} for name, headers in found.items()}


async def test_who_may_do_what_with_things_of_another_tenant(
    portal: Running,
    alice: dict[str, str],
    askers: dict[str, dict[str, str]],
    bot_spec: dict[str, object],
    backtest_spec: dict[str, object],
):
    """One table for all operations and askers; a stranger cannot tell acme's things from nothing."""
    imported = await portal.public.put(
        "/api/v1/candles?exchange=simulated&symbol=BTC/USDT", content=CANDLES, headers={**alice, "Content-Type": "text/csv"}
    )
    digest = imported.json()["dataDigest"]
    wrong: list[str] = []
    for name, method, path in operations():
        for asker in ASKERS:
            await prepare(portal, alice, bot_spec, backtest_spec)
            await portal.services.store.write(lambda cursor, name=name: stock(cursor, portal, name))
            body = body_for(name, asker, bot_spec, backtest_spec)
            target = path.format(name="mine", digest=digest, token_id="0" * 16, user="nobody")
            answer = await portal.public.request(
                method.upper(), target, headers={**askers[asker], "If-Match": "*", **body.pop("headers", {})}, **body
            )
            default = {"anonymous": 401, "runner": 401, "expired": 401, "stranger": 404}.get(asker, 0)
            expected = EXPECTED[name].get(asker, default)
            got = 200 if answer.status_code in {201, 202, 204} else answer.status_code
            if got != expected:
                wrong.append(f"{asker} {method} {path}: {expected} was expected, got {answer.status_code} {answer.text[:200]}")
            if name == "logout":
                askers[asker] = (
                    askers[asker] if answer.status_code != 204 else {**await again(portal, asker), "Tradewind-Tenant": "acme"}
                )
    assert [] == wrong


async def again(portal: Running, asker: str) -> dict[str, str]:
    names = {
        "stranger": "umbrella-owner",
        "viewer": "vera",
        "trader": "tom",
        "owner": "acme-owner",
        "auditor": "audrey",
        "admin": "admin",
    }
    password = "some-long-password" if asker in {"viewer", "trader", "auditor"} else "correct-horse-battery"
    return await portal.log_in(names[asker], password)


async def prepare(portal: Running, alice: dict[str, str], bot_spec: dict[str, Any], backtest_spec: dict[str, Any]) -> None:
    """Make sure that acme has a bot and a backtest with a report, both called mine, and nothing called new."""
    cluster = portal.cluster
    for kind in (Kind.TRADING_BOT, Kind.BACKTEST, Kind.STRATEGY):
        await cluster.delete(kind, "new", namespace="tw-acme-test")
    await cluster.delete(Kind.TENANT, "new")
    if cluster.cached(Kind.TRADING_BOT, "mine", "tw-acme-test") is None:
        cluster.put(Kind.TRADING_BOT, {"metadata": {"name": "mine"}, "spec": bot_spec}, "tw-acme-test")
    if cluster.cached(Kind.STRATEGY, "mine", "tw-acme-test") is None:
        cluster.put(Kind.STRATEGY, {"metadata": {"name": "mine"}, "spec": {"document": DOCUMENT}}, "tw-acme-test")
    if cluster.cached(Kind.BACKTEST, "mine", "tw-acme-test") is None:
        item = cluster.put(Kind.BACKTEST, {"metadata": {"name": "mine"}, "spec": backtest_spec}, "tw-acme-test")
        uid, tenant = item["metadata"]["uid"], cluster.cached(Kind.TENANT, "acme")
        assert tenant is not None
        await portal.services.store.write(
            lambda cursor: cursor.execute(
                "INSERT INTO results VALUES (?, ?, 'mine', 'd', 's', '{}', 0)", [uid, tenant["metadata"]["uid"]]
            )
        )


def stock(cursor: Cursor, portal: Running, operation: str) -> None:
    """Give acme an exchange key called mine, all kill switches, and a bot that was asked to close.

    A key whose own switch is on is not deleted.
    """
    tenant, bot = (
        item["metadata"]["uid"]
        for item in (
            portal.cluster.cached(Kind.TENANT, "acme"),
            portal.cluster.cached(Kind.TRADING_BOT, "mine", "tw-acme-test"),
        )
        if item is not None
    )
    for table in ("exchange_keys", "kill_switches", "close_requests"):
        cursor.execute(f"DELETE FROM {table}")
    place = Place(tenant, "k1", 1)
    sealed = Envelopes(portal.services.settings.kek_file).seal(json.dumps({**SECRETS, "password": None}).encode(), place)
    insert_key(cursor, ExchangeKey("k1", tenant, "mine", "simulated", 1, "f", "", (), sealed, 0, "x", 0))
    account = "another" if operation == "delete_exchange_key" else "k1"
    for scope, target in (("bot", bot), ("account", account), ("tenant", tenant), ("platform", "platform")):
        owner = None if scope == "platform" else tenant
        engage(cursor, KillSwitch(scope, target, owner, "mine", "", False, "x", 0))
    request_close(cursor, bot, "x", 0)


def body_for(name: str, asker: str, bot_spec: dict[str, object], backtest_spec: dict[str, object]) -> dict[str, Any]:
    """Return what an operation needs to succeed."""
    content = {"params": {"exchange": "simulated", "symbol": "BTC/USDT"}, "headers": {"Content-Type": "text/csv"}}
    bodies: dict[str, dict[str, Any]] = {
        "login": {"json": {"user": "admin", "password": "wrong"}},
        "change_password": {"json": {"current": "wrong", "new": "another-password"}},
        "add_member": {"json": {"user": f"added-by-{asker}", "role": "viewer"}},
        "create_token": {"json": {"name": "x"}},
        "create_tenant": {"json": {"name": "new", "plan": "free", "owner": {"user": f"new-{asker}"}}},
        "create_bot": {"json": {"metadata": {"name": "new"}, "spec": bot_spec}},
        "replace_bot": {"json": {"metadata": {"name": "mine"}, "spec": bot_spec}},
        "patch_bot": {"json": {"spec": {"runPolicy": "Paused"}}},
        "create_exchange_key": {
            "json": {"name": f"new-{asker}", "exchange": "simulated", **SECRETS, "apiKey": f"key-of-{asker}"}
        },
        "rotate_exchange_key": {"json": SECRETS},
        "revoke_exchange_keys": {"json": {"tenant": "umbrella", "reason": "x"}},
        **{key: {"json": {"reason": "x"}} for key in ("kill_bot", "kill_account", "kill_tenant", "kill_platform")},
        "create_backtest": {"json": {"metadata": {"name": "new"}, "spec": backtest_spec}},
        "create_strategy": {"json": {"metadata": {"name": "new"}, "spec": {"document": DOCUMENT}}},
        "replace_strategy": {"json": {"metadata": {"name": "mine"}, "spec": {"document": DOCUMENT}}},
        "validate_strategy": {"json": {"document": DOCUMENT}},
        "import_candles": {"content": CANDLES, **content},
    }
    return bodies.get(name, {})


async def test_people_get_nowhere_on_the_port_of_pods(portal: Running, askers: dict[str, dict[str, str]]):
    """No cookie and no token of a person opens the runner side."""
    paths = {path: methods for path, methods in internal_app(None).openapi()["paths"].items() if path.startswith("/runner/")}
    assert 8 == len(paths)
    for path, methods in paths.items():
        for method in methods:
            for asker in ("anonymous", "owner", "admin"):
                answer = await portal.internal.request(method.upper(), path.format(shard=0), headers=askers[asker], json={})
                assert 401 == answer.status_code, (path, asker, answer.text)


async def test_a_stranger_cannot_tell_what_exists(portal: Running, bob: dict[str, str], alice: dict[str, str]):
    """A tenant that is there and one that is not: the same answer to the byte, but for the request id."""
    answers = []
    for tenant in ("acme", "nowhere"):
        answer = await portal.public.get("/api/v1/bots", headers={**bob, "Tradewind-Tenant": tenant})
        body = answer.json()
        answers.append((answer.status_code, {key: value for key, value in body.items() if key != "instance"}))
    assert answers[0] == answers[1]
    assert 404 == answers[0][0]


async def test_a_new_tenant_with_an_old_name_sees_nothing_of_it(portal: Running, admin: dict[str, str], alice: dict[str, str]):
    """Data belongs to the tenant's uid, not to its name."""
    headers = {**alice, "Content-Type": "text/csv"}
    await portal.public.put("/api/v1/candles?exchange=simulated&symbol=BTC/USDT", content=CANDLES, headers=headers)
    await portal.cluster.delete(Kind.TENANT, "acme")
    owner = {"user": "second-owner", "password": "correct-horse-battery"}
    made = await portal.public.post(
        "/api/v1/admin/tenants", json={"name": "acme", "plan": "free", "owner": owner}, headers=admin
    )
    assert 201 == made.status_code
    new_owner = await portal.log_in("second-owner")
    assert [] == (await portal.public.get("/api/v1/candles", headers=new_owner)).json()["items"]
    assert 404 == (await portal.public.get("/api/v1/candles", headers=alice)).status_code
