"""Personal access tokens: bounded, shown once, ended at once."""

import pytest
from portal_double import Running

from tradewind_portal.tokens import service

pytestmark = pytest.mark.slow


async def test_a_token_is_shown_once_and_never_stored(portal: Running, alice: dict[str, str]):
    """Neither the list nor the database file has it."""
    token = await portal.token(alice)
    secret = token["Authorization"].rpartition("_")[2]
    listed = await portal.public.get("/api/v1/tokens", headers=alice)
    assert 1 == len(listed.json()["items"])
    assert secret not in listed.text
    stored = b"".join(file.read_bytes() for file in portal.services.store.folder.glob("*.wal"))
    assert stored
    assert secret.encode() not in stored


async def test_a_token_that_reads_cannot_trade(portal: Running, alice: dict[str, str], bot_spec: dict[str, object]):
    """The scope bounds the owner's role."""
    token = await portal.token(alice, scopes=["read"])
    assert 200 == (await portal.public.get("/api/v1/bots", headers=token)).status_code
    answer = await portal.public.post("/api/v1/bots", json={"metadata": {"name": "x"}, "spec": bot_spec}, headers=token)
    assert (403, "ScopeMissing") == (answer.status_code, answer.json()["code"])


async def test_a_token_cannot_make_a_stronger_or_longer_one(portal: Running, alice: dict[str, str]):
    """What a stolen token may do ends with it."""
    weak = await portal.token(alice, scopes=["read"], expiresInDays=1)
    stronger = await portal.public.post("/api/v1/tokens", json={"name": "x", "scopes": ["trade"]}, headers=weak)
    assert (403, "/scopes") == (stronger.status_code, stronger.json()["errors"][0]["pointer"])
    longer = await portal.public.post(
        "/api/v1/tokens", json={"name": "x", "scopes": ["read"], "expiresInDays": 366}, headers=weak
    )
    mine = {item["id"]: item for item in (await portal.public.get("/api/v1/tokens", headers=alice)).json()["items"]}
    weak_id = weak["Authorization"].split("_")[2]
    assert mine[weak_id]["expiresMs"] == longer.json()["expiresMs"]


async def test_a_revoked_token_is_refused_by_the_next_request(portal: Running, alice: dict[str, str]):
    """Deleting takes effect at once, and only its owner can."""
    token = await portal.token(alice)
    token_id = token["Authorization"].split("_")[2]
    assert 204 == (await portal.public.delete(f"/api/v1/tokens/{token_id}", headers=alice)).status_code
    assert 401 == (await portal.public.get("/api/v1/bots", headers=token)).status_code
    assert 404 == (await portal.public.delete(f"/api/v1/tokens/{token_id}", headers=alice)).status_code


async def test_an_expired_token_is_refused(portal: Running, alice: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    """Two days later a token of one day says that it has expired."""
    token = await portal.token(alice, expiresInDays=1)
    later = service.now_ms() + 2 * service.DAY_MS
    monkeypatch.setattr(service, "now_ms", lambda: later)
    answer = await portal.public.get("/api/v1/bots", headers=token)
    assert 401 == answer.status_code
    assert "expired" in answer.json()["detail"]


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "tw_pat_",
        "tw_pat_0000000000000000_" + "A" * 43,
        "tw_pat_' OR 1=1 --_" + "A" * 43,
        "Bearer",
        "\u00e9".encode().decode("latin-1"),
    ],
)
async def test_what_is_no_token_is_refused(portal: Running, text: str):
    """Any text in the header gives 401."""
    answer = await portal.public.get("/api/v1/bots", headers={"Authorization": f"Bearer {text}".encode("latin-1")})  # type: ignore[dict-item]
    assert 401 == answer.status_code


async def test_the_last_use_is_shown(portal: Running, alice: dict[str, str]):
    """So that a person finds the tokens that nobody uses."""
    token = await portal.token(alice)
    before = (await portal.public.get("/api/v1/tokens", headers=alice)).json()["items"][0]
    await portal.public.get("/api/v1/bots", headers=token)
    after = (await portal.public.get("/api/v1/tokens", headers=alice)).json()["items"][0]
    assert before["lastUsedMs"] is None
    assert after["lastUsedMs"] >= after["createdMs"]
