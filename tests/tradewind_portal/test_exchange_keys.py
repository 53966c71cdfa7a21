"""Exchange keys: checked, sealed, never read back, in use not deleted, destroyed all at once."""

import base64
import json
from typing import Any

import pytest
from portal_double import Running

from tradewind_portal.cluster.port import Kind

pytestmark = pytest.mark.slow

KEY = {"apiKey": "AKIA-0123456789-0123456789", "secret": "secret-canary-1111"}
MAIN = {"name": "main", "exchange": "simulated", **KEY}
OTHER = {"apiKey": "AKIA-9876543210-9876543210", "secret": "secret-canary-2222"}


async def add(portal: Running, headers: dict[str, str], **changes: Any) -> dict[str, Any]:
    answer = await portal.public.post("/api/v1/exchange-keys", json={**MAIN, **changes}, headers=headers)
    assert 201 == answer.status_code, answer.text
    return answer.json()


def live_bot(portal: Running, name: str, bot_spec: dict[str, Any], **changes: Any) -> dict[str, Any]:
    spec = {**bot_spec, "mode": "Live", "credentials": "main", **changes}
    return portal.cluster.put(Kind.TRADING_BOT, {"metadata": {"name": name}, "spec": spec}, "tw-acme-test")


async def test_a_key_is_kept_and_never_shown(portal: Running, alice: dict[str, str]):
    """Made, listed and shown: name, hint and version, no part of the secret; what is stored opens for the platform only."""
    made = await add(portal, alice)
    assert ("main", "simulated", 1, "6789", []) == tuple(made[k] for k in ("name", "exchange", "version", "hint", "usedBy"))
    for path in ("/api/v1/exchange-keys", "/api/v1/exchange-keys/main"):
        shown = await portal.public.get(path, headers=alice)
        assert 200 == shown.status_code
        assert KEY["secret"] not in shown.text
        assert KEY["apiKey"] not in shown.text


VERDICTS = [
    ({"canTrade": True, "canWithdraw": True}, 422, "KeyCanWithdraw"),
    ({"canTrade": True}, 422, "KeyCanWithdraw"),
    ({"canTrade": False, "canWithdraw": False}, 422, "KeyCannotTrade"),
    ({"error": "Invalid"}, 422, "KeyInvalid"),
    ({"error": "NotCheckable"}, 422, "KeyNotCheckable"),
    ({"error": "Unavailable"}, 503, "ExchangeUnavailable"),
    ({"error": "Unreadable"}, 502, "ExchangeUnreadable"),
    ({}, 422, "KeyCanWithdraw"),
]


async def test_a_key_that_is_not_proved_harmless_is_not_kept(portal: Running, alice: dict[str, str]):
    """Neither made nor rotated to; what the exchange does not deny counts as granted."""
    await add(portal, alice, name="good", **OTHER)
    for answer, status, code in VERDICTS:
        portal.verifier.answer = answer
        made = await portal.public.post("/api/v1/exchange-keys", json=MAIN, headers=alice)
        rotated = await portal.public.put("/api/v1/exchange-keys/good", json=KEY, headers=alice)
        assert [(status, code)] * 2 == [(refused.status_code, refused.json()["code"]) for refused in (made, rotated)], answer
    kept = (await portal.public.get("/api/v1/exchange-keys", headers=alice)).json()["items"]
    assert [("good", 1)] == [(key["name"], key["version"]) for key in kept]


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"apiKey": "with a space in it"}, "/apiKey"),
    ({"secret": "line-break-pasted\n"}, "/secret"),
    ({"secret": "short"}, "/secret"),
    ({"secret": 12345678}, "/secret"),
    ({"apiKey": "x" * 513}, "/apiKey"),
    ({"name": "Main"}, "/name"),
    ({"exchange": "elsewhere"}, "/exchange"),
    ({"exchange": "http://169.254.169.254"}, "/exchange"),
    ({"endpoint": "http://169.254.169.254"}, "/endpoint"),
]


async def test_bad_input_is_named_and_not_repeated(portal: Running, alice: dict[str, str]):
    """The field is pointed to; no secret is in an answer. An exchange is a name of the platform's list, never an address."""
    for body, pointer in FAULTS:
        refused = await portal.public.post("/api/v1/exchange-keys", json={**MAIN, **body}, headers=alice)
        assert 422 == refused.status_code, refused.text
        assert pointer in [error["pointer"] for error in refused.json()["errors"]], body
        assert "pasted" not in refused.text.replace("was a space or a line break pasted along?", "")
        assert KEY["secret"] not in refused.text


async def test_a_key_that_is_too_short_is_told_in_characters(portal: Running, alice: dict[str, str]):
    """Six where eight are the least."""
    refused = await portal.public.post("/api/v1/exchange-keys", json={**MAIN, "apiKey": "my-key"}, headers=alice)
    assert "at least 8 characters after validation, not 6" in refused.json()["errors"][0]["detail"]


async def test_a_private_key_as_pem_is_a_secret_too(portal: Running, alice: dict[str, str]):
    """Exchanges with Ed25519 and RSA keys give them so."""
    await add(portal, alice, secret="-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIE\n-----END PRIVATE KEY-----\n")


async def test_one_key_has_one_name(portal: Running, alice: dict[str, str], bob: dict[str, str]):
    """In a tenant; another tenant cannot learn that it is known."""
    await add(portal, alice)
    taken = await portal.public.post("/api/v1/exchange-keys", json={**MAIN, **OTHER}, headers=alice)
    assert (409, "AlreadyExists") == (taken.status_code, taken.json()["code"])
    known = await portal.public.post("/api/v1/exchange-keys", json={**MAIN, "name": "again"}, headers=alice)
    assert (409, "KeyKnown") == (known.status_code, known.json()["code"])
    await add(portal, bob)


async def test_a_key_in_use_stays(portal: Running, alice: dict[str, str], bot_spec: dict[str, Any]):
    """While a live bot names it; afterwards it goes."""
    await add(portal, alice)
    live_bot(portal, "one", bot_spec)
    refused = await portal.public.delete("/api/v1/exchange-keys/main", headers=alice)
    assert (409, "KeyInUse", ["one"]) == (refused.status_code, refused.json()["code"], refused.json()["usedBy"])
    await portal.cluster.delete(Kind.TRADING_BOT, "one", namespace="tw-acme-test")
    assert 204 == (await portal.public.delete("/api/v1/exchange-keys/main", headers=alice)).status_code
    assert 404 == (await portal.public.get("/api/v1/exchange-keys/main", headers=alice)).status_code


async def test_a_killed_key_cannot_be_deleted_and_added_again(portal: Running, alice: dict[str, str]):
    """Its switch would be lost with it."""
    await add(portal, alice)
    await portal.public.put("/api/v1/exchange-keys/main/kill-switch", json={"reason": "leak"}, headers=alice)
    refused = await portal.public.delete("/api/v1/exchange-keys/main", headers=alice)
    assert (409, "KillSwitchOn") == (refused.status_code, refused.json()["code"])


async def test_a_live_bot_is_made_only_with_a_key_that_is_there(
    portal: Running, alice: dict[str, str], bot_spec: dict[str, Any]
):
    """The portal says so at once, and says how to add it."""
    spec = {**bot_spec, "mode": "Live", "credentials": "main"}
    body = {"metadata": {"name": "one"}, "spec": spec}
    refused = await portal.public.post("/api/v1/bots", json=body, headers=alice)
    assert (422, "/spec/credentials") == (refused.status_code, refused.json()["errors"][0]["pointer"])
    assert "tw keys add main" in refused.json()["detail"]
    await add(portal, alice)
    assert 201 == (await portal.public.post("/api/v1/bots", json=body, headers=alice)).status_code


async def test_the_outer_key_is_replaced_in_one_call(portal: Running, alice: dict[str, str], admin: dict[str, str]):
    """New key in front, rewrap, old one away: every exchange key still opens. A second rewrap has nothing to do."""
    await add(portal, alice)
    file = portal.folder.with_name("kek.json")
    file.write_text(json.dumps({"k2": base64.b64encode(b"2" * 32).decode(), **json.loads(file.read_text())}))
    done = [(await portal.public.post("/api/v1/admin/exchange-keys/rewrap", headers=admin)).json()["changed"] for _ in range(2)]
    assert [1, 0] == done
    file.write_text(json.dumps({"k2": base64.b64encode(b"2" * 32).decode()}))
    tenant = portal.cluster.cached(Kind.TENANT, "acme")["metadata"]["uid"]
    keys = portal.services.keys
    _, credential = await portal.services.store.read(lambda cursor: keys.credential(cursor, tenant, "main", "simulated"))
    assert KEY["secret"] == credential.secret.get_secret_value()


async def test_a_lost_outer_key_is_said_and_nothing_is_changed(portal: Running, alice: dict[str, str], admin: dict[str, str]):
    """503 with the name of what is missing; put back, all is as before."""
    await add(portal, alice)
    file = portal.folder.with_name("kek.json")
    before = file.read_text()
    file.write_text(json.dumps({"k2": base64.b64encode(b"2" * 32).decode()}))
    lost = await portal.public.post("/api/v1/admin/exchange-keys/rewrap", headers=admin)
    assert (503, "CredentialsUnreadable") == (lost.status_code, lost.json()["code"])
    assert "'k1'" in lost.json()["detail"]
    file.unlink()
    refused = await portal.public.post("/api/v1/exchange-keys", json={**MAIN, "name": "b", **OTHER}, headers=alice)
    assert (503, "KeysNotConfigured") == (refused.status_code, refused.json()["code"])
    file.write_text(before)
    assert 0 == (await portal.public.post("/api/v1/admin/exchange-keys/rewrap", headers=admin)).json()["changed"]


async def test_an_administrator_destroys_all_secrets_in_one_call(
    portal: Running, alice: dict[str, str], bob: dict[str, str], admin: dict[str, str]
):
    """Of one tenant, then of all; the rows stay and say so, the ciphertext is gone; rotating brings a key back."""
    await add(portal, alice)
    await add(portal, bob)
    revoke = "/api/v1/admin/exchange-keys/revoke"
    body = {"tenant": "acme", "reason": "leak"}
    assert 1 == (await portal.public.post(revoke, json=body, headers=admin)).json()["changed"]
    assert 1 == (await portal.public.post(revoke, json={"reason": "leak"}, headers=admin)).json()["changed"]
    assert 404 == (await portal.public.post(revoke, json={**body, "tenant": "none"}, headers=admin)).status_code
    rows = await portal.services.store.read(
        lambda cursor: cursor.execute("SELECT wrapped_key, content, revoked_ms IS NOT NULL FROM exchange_keys").fetchall()
    )
    assert [(None, None, True)] * 2 == rows
    again = await portal.public.put("/api/v1/exchange-keys/main", json=OTHER, headers=alice)
    assert (200, 2, None) == (again.status_code, again.json()["version"], again.json()["revokedMs"])


async def test_a_key_is_asked_about_again(portal: Running, alice: dict[str, str]):
    """What the exchange says now stands at the key; one that can withdraw by now is named, and stays for its owner to mend."""
    await add(portal, alice)
    before = (await portal.public.get("/api/v1/exchange-keys/main", headers=alice)).json()
    portal.verifier.answer = {"canTrade": True, "canWithdraw": False, "warnings": ["the key may borrow"]}
    asked = await portal.public.post("/api/v1/exchange-keys/main/verify", headers=alice)
    assert (200, ["the key may borrow"]) == (asked.status_code, asked.json()["warnings"])
    assert asked.json()["checkedMs"] >= before["checkedMs"]
    portal.verifier.answer = {"canTrade": True, "canWithdraw": True, "warnings": []}
    refused = await portal.public.post("/api/v1/exchange-keys/main/verify", headers=alice)
    assert (422, "KeyCanWithdraw") == (refused.status_code, refused.json()["code"])
    assert asked.json() == (await portal.public.get("/api/v1/exchange-keys/main", headers=alice)).json()
    rows = (await portal.public.get("/api/v1/audit", headers=alice)).json()["items"]
    done = [(row["action"], row["outcome"]) for row in rows if "verify" in row["action"]]
    assert {("keys.verify", "Succeeded")} < set(done)
    assert "KeyCanWithdraw" in {outcome for _, outcome in done}
