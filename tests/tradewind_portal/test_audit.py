"""The audit log: every change once, in a chain that shows any tampering, without secrets."""

from typing import Any

import pytest
from portal_double import ADMIN_PASSWORD, Running

from tradewind_api.resources import FORCE_DELETE_ANNOTATION
from tradewind_portal.audit.observer import ClusterAudit, last_manager
from tradewind_portal.audit.queries import append, first_break
from tradewind_portal.audit.trail import AuditEntry
from tradewind_portal.cluster.live import OWNS_SPEC
from tradewind_portal.cluster.port import Kind
from tradewind_portal.store import Cursor, all_rows

pytestmark = pytest.mark.slow


async def rows(portal: Running) -> list[dict[str, Any]]:
    return await portal.services.store.read(lambda cursor: all_rows(cursor, "SELECT * FROM audit ORDER BY seq"))


async def test_each_change_leaves_one_row(portal: Running, alice: dict[str, str], bot_spec: dict[str, Any]):
    """Made, changed, refused and deleted: who, what, how it ended; reading leaves none."""
    before = len(await rows(portal))
    body = {"metadata": {"name": "sma"}, "spec": bot_spec}
    await portal.public.post("/api/v1/bots", json=body, headers=alice)
    await portal.public.get("/api/v1/bots/sma", headers=alice)
    await portal.public.patch("/api/v1/bots/sma", json={"spec": {"runPolicy": "Paused"}}, headers={**alice, "If-Match": "*"})
    await portal.public.post("/api/v1/bots", json=body, headers=alice)
    await portal.public.delete("/api/v1/bots/sma", headers={**alice, "If-Match": "*"})
    found = (await rows(portal))[before:]
    assert [
        ("acme-owner", "create_bot", "bot/sma", "Succeeded"),
        ("acme-owner", "patch_bot", "bot/sma", "Succeeded"),
        ("acme-owner", "create_bot", "bot/sma", "AlreadyExists"),
        ("acme-owner", "delete_bot", "bot/sma", "Succeeded"),
    ] == [(row["actor"], row["action"], row["target"], row["outcome"]) for row in found]
    assert '{"spec":{"runPolicy":"Paused"}}' == found[1]["diff"]
    assert {"127.0.0.1"} == {row["ip"] for row in found}


async def test_logins_are_told_of_also_the_refused(portal: Running):
    """With the name that was tried, never with the password."""
    await portal.public.post("/api/v1/auth/login", json={"user": "mallory", "password": "guess-1234"})
    await portal.log_in()
    found = await rows(portal)
    assert [("mallory", "login", "LoginFailed"), ("admin", "auth.login", "Succeeded")] == [
        (row["actor"], row["action"], row["outcome"]) for row in found
    ]
    assert "guess-1234" not in str(found)


async def test_owners_see_their_tenant_administrators_everything(
    portal: Running, admin: dict[str, str], alice: dict[str, str], bob: dict[str, str]
):
    """Rows of another tenant are not in the page."""
    mine = (await portal.public.get("/api/v1/audit", headers=alice)).json()["items"]
    assert {"acme"} == {row["target"].removeprefix("tenant/") for row in mine}
    everything = (await portal.public.get("/api/v1/admin/audit?limit=200", headers=admin)).json()["items"]
    assert {"tenant/acme", "tenant/umbrella"} <= {row["target"] for row in everything}
    assert len(everything) == len(await rows(portal))


async def test_no_secret_reaches_log_or_audit(
    portal: Running, admin: dict[str, str], alice: dict[str, str], caplog: pytest.LogCaptureFixture
):
    """Passwords and tokens that went through are found in neither."""
    caplog.set_level("INFO")
    owner = {"user": "new-owner", "password": "canary-password-1"}
    await portal.public.post("/api/v1/admin/tenants", json={"name": "new", "plan": "free", "owner": owner}, headers=admin)
    token = await portal.token(alice)
    await portal.public.get("/api/v1/bots", headers=token)
    await portal.public.get(
        "/api/v1/bots?canary-query", headers={"Authorization": "Bearer tw_pat_0123456789abcdef_" + "c" * 43}
    )
    ours = [record.__dict__ for record in caplog.records if record.name.startswith("tradewind")]
    kept = str(await rows(portal)) + str(ours)
    assert len(ours) > 3
    for canary in ("canary-password-1", ADMIN_PASSWORD, token["Authorization"][7:], "c" * 43, "canary-query"):
        assert canary not in kept


async def test_any_tampering_breaks_the_chain(portal: Running, alice: dict[str, str]):
    """Each column of each row changed, a row deleted, two swapped: found at that row every time."""
    store = portal.services.store

    def entry(number: int) -> AuditEntry:
        return AuditEntry(number, "a", "user", None, "x", f"t{number}", "Succeeded", "r", "ip", {"n": number})

    await store.write(lambda cursor: [append(cursor, entry(number)) for number in range(8)] and None)
    assert await store.read(first_break) is None
    total = len(await rows(portal))
    changes = [
        *[
            (f"UPDATE audit SET {column} = 'forged' WHERE seq = {total - 3}", total - 3)
            for column in (
                "actor",
                "action",
                "target",
                "outcome",
                "request_id",
                "ip",
                "diff",
                "tenant_uid",
                "previous_hash",
                "hash",
            )
        ],
        (f"UPDATE audit SET at_ms = at_ms + 1 WHERE seq = {total - 3}", total - 3),
        (f"DELETE FROM audit WHERE seq = {total - 3}", total - 3),
        ("DELETE FROM audit WHERE seq = 1", 1),
    ]

    def tamper(cursor: Cursor, sql: str) -> int | None:
        cursor.execute("CREATE TEMP TABLE kept AS SELECT * FROM audit")
        cursor.execute(sql)
        found = first_break(cursor)
        cursor.execute("DELETE FROM audit")
        cursor.execute("INSERT INTO audit SELECT * FROM kept")
        cursor.execute("DROP TABLE kept")
        raise LookupError(found)  # takes everything back

    for sql, expected in changes:
        with pytest.raises(LookupError) as caught:
            await store.write(lambda cursor, sql=sql: tamper(cursor, sql))  # type: ignore[misc]
        assert expected == caught.value.args[0], sql


async def test_changes_by_kubectl_are_told_with_their_manager(portal: Running, alice: dict[str, str], bot_spec: dict[str, Any]):
    """Made, changed and deleted elsewhere; our own writes and the operator's status are not told again."""
    audit = ClusterAudit(portal.services.store, portal.cluster)
    namespace, key = "tw-acme-test", ("tw-acme-test", "sma")

    def seen(manager: str, generation: int) -> dict[str, Any]:
        managed = [
            {"manager": "tradewind-operator", "operation": "Apply", "subresource": "status", "time": "2030-01-01T00:00:00Z"},
            {"manager": manager, "operation": "Update", "time": "2025-01-01T00:00:00Z"},
        ]
        metadata = {"uid": "u1", "name": "sma", "namespace": namespace, "generation": generation, "managedFields": managed}
        return {"metadata": metadata, "spec": bot_spec}

    before = len(await rows(portal))
    for item in (
        seen("kubectl-client-side-apply", 1),
        seen("tradewind-portal", 2),
        seen("tradewind-portal", 2),
        seen("argocd", 3),
        None,
    ):
        await audit._handle(Kind.TRADING_BOT, key, item)
    acme = portal.cluster.cached(Kind.TENANT, "acme")
    assert acme is not None
    assert [
        ("kubectl-client-side-apply", "TradingBot.created", acme["metadata"]["uid"]),
        ("argocd", "TradingBot.changed", acme["metadata"]["uid"]),
        ("unknown", "TradingBot.deleted", acme["metadata"]["uid"]),
    ] == [(row["actor"], row["action"], row["tenant_uid"]) for row in (await rows(portal))[before:]]


def test_the_last_manager_is_the_newest_one_that_wrote_the_spec():
    """Status writers do not count."""
    assert "unknown" == last_manager({"metadata": {}})


async def test_what_the_platform_writes_beside_the_spec_hides_nobody(
    portal: Running, alice: dict[str, str], bot_spec: dict[str, Any]
):
    """A finalizer or a notice written after kubectl's change does not make the operator or the portal its author."""
    managed = [
        {"manager": "kubectl-edit", "operation": "Update", "time": "2030-01-01T00:00:00Z", OWNS_SPEC: True},
        {"manager": "tradewind-operator", "operation": "Update", "time": "2030-01-01T00:00:01Z", OWNS_SPEC: False},
        {"manager": "tradewind-portal", "operation": "Update", "time": "2030-01-01T00:00:02Z", OWNS_SPEC: False},
    ]
    assert "kubectl-edit" == last_manager({"metadata": {"managedFields": managed}, "spec": bot_spec})


async def test_a_forced_end_of_a_live_bot_is_told_once_with_its_reason(
    portal: Running, alice: dict[str, str], bot_spec: dict[str, Any]
):
    """Deleting itself is told when the bot is gone."""
    audit, key = ClusterAudit(portal.services.store, portal.cluster), ("tw-acme-test", "sma")
    metadata = {"uid": "u1", "name": "sma", "namespace": "tw-acme-test", "generation": 1}
    going = {**metadata, "generation": 2, "deletionTimestamp": "2030-01-01T00:00:00Z"}
    forced = {**going, "annotations": {FORCE_DELETE_ANNOTATION: "exchange closed for good"}}
    before = len(await rows(portal))
    for found in (metadata, going, forced, forced):
        await audit._handle(Kind.TRADING_BOT, key, {"metadata": found, "spec": bot_spec})
    await audit._handle(Kind.TRADING_BOT, key, None)
    told = (await rows(portal))[before:]
    assert ["TradingBot.created", "TradingBot.force-deleted", "TradingBot.deleted"] == [row["action"] for row in told]
    assert '{"reason":"exchange closed for good"}' == told[1]["diff"]
