"""Bots and backtests over the API: what is checked, who overwrites whom, what is repeated safely."""

from typing import Any

import httpx2
import pytest
from portal_double import Running

from tradewind_portal.bots.service import applied_fields, merged, patched
from tradewind_portal.cluster.port import Kind

pytestmark = pytest.mark.slow

BOTS, BACKTESTS = "/api/v1/bots", "/api/v1/backtests"
DOCUMENT = {
    "timeframe": "1m",
    "nodes": [
        {"id": "fast", "op": "sma", "in": ["close"], "params": {"period": 10}},
        {"id": "up", "op": "above", "in": ["fast"], "params": {"value": 100}},
    ],
    "entry": {"when": "up", "size": {"percentOfEquity": 50}},
    "exit": {"when": "up"},
}


async def create(portal: Running, headers: dict[str, str], spec: Any, name: str = "sma", **more: str) -> httpx2.Response:
    return await portal.public.post(BOTS, json={"metadata": {"name": name}, "spec": spec}, headers={**headers, **more})


def places(answer: httpx2.Response) -> list[str]:
    assert answer.status_code == 422, answer.text
    return [error["pointer"] for error in answer.json()["errors"]]


async def test_a_name_is_taken_once(portal: Running, alice: dict[str, str], bob: dict[str, str], bot_spec: dict[str, Any]):
    """409 for the same tenant; another tenant has names of its own."""
    assert 201 == (await create(portal, alice, bot_spec)).status_code
    again = await create(portal, alice, bot_spec)
    assert (409, "AlreadyExists") == (again.status_code, again.json()["code"])
    assert 201 == (await create(portal, bob, bot_spec)).status_code


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"exchange": "nowhere"}, "/spec/exchange"),
        ({"exchange": 5}, "/spec/exchange"),
        ({"symbols": []}, "/spec/symbols"),
        ({"symbols": ["btc"]}, "/spec/symbols/0"),
        ({"capital": {"currency": "USDT", "amount": 1000}}, "/spec/capital/amount"),
        ({"strategy": {"template": "sma-crosover"}}, "/spec/strategy/template"),
        ({"parameters": {"fast.perod": 3}}, "/spec/parameters/fast.perod"),
        ({"unknown": 1}, "/spec/unknown"),
        ({"strategy": {"document": {**DOCUMENT, "entry": {"when": "nothing"}}}}, "/spec/strategy/document/entry/when"),
        (
            {"strategy": {"document": {**DOCUMENT, "nodes": [DOCUMENT["nodes"][0], {**DOCUMENT["nodes"][1], "op": "abov"}]}}},
            "/spec/strategy/document/nodes/1/op",
        ),
        (
            {
                "strategy": {
                    "document": {**DOCUMENT, "nodes": [{**DOCUMENT["nodes"][0], "params": {"period": 0}}, DOCUMENT["nodes"][1]]}
                }
            },
            "/spec/strategy/document/nodes/0/params/period",
        ),
    ],
)
async def test_a_bad_spec_is_pointed_at(
    portal: Running, alice: dict[str, str], bot_spec: dict[str, Any], change: dict[str, Any], pointer: str
):
    """Field and fix, before anything reaches the cluster."""
    answer = await create(portal, alice, {**bot_spec, **change})
    assert pointer in places(answer)
    assert [] == portal.cluster.cached_all(Kind.TRADING_BOT)


async def test_an_unknown_exchange_names_those_there_are(portal: Running, alice: dict[str, str], bot_spec: dict[str, Any]):
    """Also for backtests."""
    answer = await create(portal, alice, {**bot_spec, "exchange": "nowhere"})
    assert "there are simulated" in answer.json()["detail"]


async def test_changes_need_the_etag_that_was_read(portal: Running, alice: dict[str, str], bot_spec: dict[str, Any]):
    """428 without, 412 when stale, and status writes do not make it stale."""
    etag = (await create(portal, alice, bot_spec)).headers["ETag"]
    body = {"spec": {"runPolicy": "Paused"}}
    assert 428 == (await portal.public.patch(f"{BOTS}/sma", json=body, headers=alice)).status_code
    item = portal.cluster.cached(Kind.TRADING_BOT, "sma", "tw-acme-test")
    assert item is not None
    item["status"] = {"summary": "Trading"}
    first = await portal.public.patch(f"{BOTS}/sma", json=body, headers={**alice, "If-Match": etag})
    assert (200, "Paused", '"2"') == (first.status_code, first.json()["spec"]["runPolicy"], first.headers["ETag"])
    stale = await portal.public.delete(f"{BOTS}/sma", headers={**alice, "If-Match": etag})
    assert (412, "Changed", '"2"') == (stale.status_code, stale.json()["code"], stale.headers["ETag"])
    assert 204 == (await portal.public.delete(f"{BOTS}/sma", headers={**alice, "If-Match": '"2"'})).status_code


async def test_a_bot_cannot_be_renamed(portal: Running, alice: dict[str, str], bot_spec: dict[str, Any]):
    """The name in body and path must agree."""
    await create(portal, alice, bot_spec)
    body = {"metadata": {"name": "other"}, "spec": bot_spec}
    answer = await portal.public.put(f"{BOTS}/sma", json=body, headers={**alice, "If-Match": "*"})
    assert ["/metadata/name"] == places(answer)


async def test_a_patch_is_checked_as_a_whole(portal: Running, alice: dict[str, str], bot_spec: dict[str, Any]):
    """A patch that makes the strategy's parameters wrong is refused."""
    await create(portal, alice, bot_spec)
    body = {"spec": {"parameters": {"nothing.period": 1}}}
    answer = await portal.public.patch(f"{BOTS}/sma", json=body, headers={**alice, "If-Match": "*"})
    assert ["/spec/parameters/nothing.period"] == places(answer)


async def test_a_repeated_post_with_a_key_gets_the_first_answer(
    portal: Running, alice: dict[str, str], bot_spec: dict[str, Any]
):
    """Made once; the same key with another body is an error; keys are each user's own."""
    first = await create(portal, alice, bot_spec, **{"Idempotency-Key": "key-00000001"})
    second = await create(portal, alice, bot_spec, **{"Idempotency-Key": "key-00000001"})
    assert (201, 201, "true") == (first.status_code, second.status_code, second.headers["Idempotency-Replayed"])
    assert first.json() == second.json()
    assert first.headers["ETag"] == second.headers["ETag"]
    other = await create(portal, alice, bot_spec, "other", **{"Idempotency-Key": "key-00000001"})
    assert (422, "KeyReused") == (other.status_code, other.json()["code"])


async def test_a_failed_post_may_be_repeated_with_its_key(portal: Running, alice: dict[str, str], bot_spec: dict[str, Any]):
    """Nothing was made, so nothing is replayed."""
    key = {"Idempotency-Key": "key-00000002"}
    assert 422 == (await create(portal, alice, {**bot_spec, "exchange": "nowhere"}, **key)).status_code
    assert 201 == (await create(portal, alice, bot_spec, **key)).status_code


async def test_a_list_is_paged_by_name(portal: Running, alice: dict[str, str], bot_spec: dict[str, Any]):
    """Five bots, two a page."""
    for name in "cabed":
        await create(portal, alice, bot_spec, name)
    seen, cursor = [], None
    while True:
        query = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        page = (await portal.public.get(BOTS, params=query, headers=alice)).json()
        seen.append([item["metadata"]["name"] for item in page["items"]])
        if (cursor := page["next"]) is None:
            break
    assert [["a", "b"], ["c", "d"], ["e"]] == seen


async def test_only_what_was_written_is_applied(portal: Running, alice: dict[str, str], bot_spec: dict[str, Any]):
    """Defaults stay the API server's, so that they can change with the platform."""
    await create(portal, alice, bot_spec)
    item = portal.cluster.cached(Kind.TRADING_BOT, "sma", "tw-acme-test")
    assert item is not None
    assert bot_spec == item["spec"]


async def test_a_tenant_without_a_namespace_says_so(portal: Running, alice: dict[str, str], bot_spec: dict[str, Any]):
    """The operator has not come to it yet: try again."""
    tenant = portal.cluster.cached(Kind.TENANT, "acme")
    assert tenant is not None
    tenant["status"] = {}
    answer = await create(portal, alice, bot_spec)
    assert (409, "TenantNotReady", "2") == (answer.status_code, answer.json()["code"], answer.headers["Retry-After"])


async def test_a_backtest_of_an_unknown_exchange_is_refused(
    portal: Running, alice: dict[str, str], backtest_spec: dict[str, Any]
):
    """Pointed at inside the dataset."""
    backtest_spec["dataset"]["exchange"] = "nowhere"
    answer = await portal.public.post(BACKTESTS, json={"metadata": {"name": "x"}, "spec": backtest_spec}, headers=alice)
    assert ["/spec/dataset/exchange"] == places(answer)


def test_a_merge_patch_follows_rfc_7396():
    """The examples of the RFC's appendix that fit here."""
    assert {"a": "c"} == merged({"a": "b"}, {"a": "c"})
    assert {"b": "c"} == merged({"a": "b", "b": "c"}, {"a": None})
    assert {"a": "c"} == merged({"a": ["b"]}, {"a": "c"})
    assert {"a": {"b": "d"}} == merged({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}})
    assert {"a": [1]} == merged({"a": [{"b": "c"}]}, {"a": [1]})
    assert {"a": {"bb": {}}} == merged({}, {"a": {"bb": {"ccc": None}}})


def test_a_patch_leaves_alone_what_another_manager_owns():
    """The portal applied `mode`; kubectl set `risk`; a patch of `runPolicy` sends mode and runPolicy only."""
    managers = [
        {"manager": "tradewind-portal", "operation": "Apply", "fieldsV1": {"f:spec": {"f:mode": {}}}},
        {"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:spec": {"f:risk": {}}}},
        {"manager": "tradewind-portal", "operation": "Apply", "subresource": "status", "fieldsV1": {"f:spec": {"f:x": {}}}},
    ]
    item = {"metadata": {"managedFields": managers}, "spec": {"mode": "Paper", "risk": {}, "runPolicy": "Running"}}
    assert {"mode"} == applied_fields(item)
    assert {"mode": "Paper", "runPolicy": "Paused"} == patched(item, {"runPolicy": "Paused"})
