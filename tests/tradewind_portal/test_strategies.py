"""Strategies over HTTP: every fault of a document in one answer, and nothing taken from under a bot."""

import hashlib
import json
from functools import reduce
from typing import Any

import pytest
from portal_double import Running

from tradewind_api.document.resolve import template
from tradewind_portal.cluster.port import Kind

pytestmark = pytest.mark.slow

RSI, SMA = template("rsi").to_json(), template("sma-crossover").to_json()
PATH = "/api/v1/strategies"


def body(document: Any, name: str = "mine") -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"document": document}}


def spoiled() -> dict[str, Any]:
    raw = template("rsi").to_json()
    raw["nodes"][0]["op"] = "rssi"
    raw["nodes"][1]["params"] = {"value": "thirty"}
    return raw


async def test_a_strategy_is_made_changed_and_deleted(portal: Running, alice: dict[str, str]):
    """The document that is sent is the document that is kept."""
    made = await portal.public.post(PATH, json=body(RSI), headers=alice)
    assert (201, f"{PATH}/mine") == (made.status_code, made.headers["Location"])
    changed = await portal.public.put(f"{PATH}/mine", json=body(SMA), headers={**alice, "If-Match": made.headers["ETag"]})
    assert SMA == changed.json()["spec"]["document"]
    stale = await portal.public.put(f"{PATH}/mine", json=body(RSI), headers={**alice, "If-Match": made.headers["ETag"]})
    assert 412 == stale.status_code
    assert ["mine"] == [item["metadata"]["name"] for item in (await portal.public.get(PATH, headers=alice)).json()["items"]]
    gone = await portal.public.delete(f"{PATH}/mine", headers={**alice, "If-Match": changed.headers["ETag"]})
    assert (204, 404) == (gone.status_code, (await portal.public.get(f"{PATH}/mine", headers=alice)).status_code)


async def test_a_name_is_taken_once(portal: Running, alice: dict[str, str]):
    """The second one does not overwrite the first."""
    await portal.public.post(PATH, json=body(RSI), headers=alice)
    again = await portal.public.post(PATH, json=body(SMA), headers=alice)
    assert (409, "AlreadyExists") == (again.status_code, again.json()["code"])


@pytest.mark.parametrize("method", ["post", "put"])
async def test_all_faults_come_with_their_places(portal: Running, alice: dict[str, str], method: str):
    """A fault of shape is told at once with the pointer to it."""
    await portal.public.post(PATH, json=body(RSI), headers=alice)
    path = PATH if method == "post" else f"{PATH}/mine"
    answer = await portal.public.request(method, path, json=body(spoiled()), headers={**alice, "If-Match": "*"})
    assert 422 == answer.status_code
    assert {"/spec/document/nodes/0/op", "/spec/document/nodes/1/params/value"} == {
        error["pointer"] for error in answer.json()["errors"]
    }


@pytest.mark.parametrize("levels", [20, 200, 900])
async def test_lists_inside_each_other_are_a_fault_like_others(portal: Running, alice: dict[str, str], levels: int):
    """The answer names the node, and the audit log has a row that can be read."""
    document = {**RSI, "nodes": [reduce(lambda inner, _: [inner], range(levels), "x")]}
    answer = await portal.public.post(PATH, json=body(document), headers=alice)
    assert (422, "/spec/document/nodes/0") == (answer.status_code, answer.json()["errors"][0]["pointer"])
    row = (await portal.public.get("/api/v1/audit", headers=alice)).json()["items"][0]
    assert ("strategy/mine", "Invalid") == (row["target"], row["outcome"])
    assert ("sha256" in row["diff"]) == (levels > 20)


async def test_of_a_refused_document_the_audit_log_keeps_the_beginning_and_a_digest(portal: Running, alice: dict[str, str]):
    """Rows stay for ever; with the digest whoever has the file can show that it was this one."""
    document = {**RSI, "secret": "hush", "x": "y" * 50_000}
    answer = await portal.public.post(PATH, json=body(document), headers=alice)
    assert 422 == answer.status_code
    diff = (await portal.public.get("/api/v1/audit", headers=alice)).json()["items"][0]["diff"]
    text = json.dumps({"spec": {"document": document}}, sort_keys=True, separators=(",", ":"))
    assert (hashlib.sha256(text.encode()).hexdigest(), len(text)) == (diff["sha256"], diff["characters"])
    assert diff["start"].startswith('{"spec":{"document":{"entry":{"size":{"percentOfEquity":100},"when":"oversold"},')
    assert (400, False) == (len(diff["start"]), "hush" in str(diff))


async def test_of_what_was_done_the_audit_log_keeps_all(portal: Running, alice: dict[str, str]):
    """A document that was taken stands in its row whole."""
    await portal.public.post(PATH, json=body(RSI), headers=alice)
    row = (await portal.public.get("/api/v1/audit", headers=alice)).json()["items"][0]
    assert ("Succeeded", {"spec": {"document": RSI}}) == (row["outcome"], row["diff"])


@pytest.mark.parametrize("path", ["/api/v1/strategies", "/api/v1/strategies/validate", "/api/v1/bots", "/api/v1/backtests"])
async def test_a_key_that_stands_twice_is_refused(portal: Running, alice: dict[str, str], path: str):
    """JSON takes the last; nobody knows which one was meant."""
    content = '{"spec": {"document": {"protect": {"stopLossPercent": 2, "stopLossPercent": 20}}}}'
    answer = await portal.public.post(path, content=content, headers={**alice, "Content-Type": "application/json"})
    assert (400, True) == (answer.status_code, "the key 'stopLossPercent' stands twice" in answer.json()["detail"])


async def test_a_look_at_a_document(portal: Running, alice: dict[str, str]):
    """Valid: digest, sentence, history. Invalid: faults. Nothing is stored."""
    good = (await portal.public.post(f"{PATH}/validate", json={"document": RSI}, headers=alice)).json()
    assert (True, {"1h": 351}) == (good["valid"], good["lookback"])
    assert good["sentence"].startswith("On closed 1h candles: buy 100 % of equity when RSI(14) is below 30")
    for nonsense in (None, 3, "text", [], {}):
        bad = (await portal.public.post(f"{PATH}/validate", json={"document": nonsense}, headers=alice)).json()
        assert (False, "") == (bad["valid"], bad["digest"])
        assert bad["errors"]
    assert [] == (await portal.public.get(PATH, headers=alice)).json()["items"]


async def test_a_strategy_that_bots_use_stays(portal: Running, alice: dict[str, str], bot_spec: dict[str, Any]):
    """The answer names the bots."""
    await portal.public.post(PATH, json=body(RSI), headers=alice)
    spec = {**bot_spec, "strategy": {"ref": {"name": "mine"}}}
    await portal.public.post("/api/v1/bots", json={"metadata": {"name": "user"}, "spec": spec}, headers=alice)
    answer = await portal.public.delete(f"{PATH}/mine", headers={**alice, "If-Match": "*"})
    assert (409, "InUse") == (answer.status_code, answer.json()["code"])
    assert "strategy mine is used by user" in answer.json()["detail"]
    assert portal.cluster.cached(Kind.STRATEGY, "mine", "tw-acme-test") is not None


@pytest.mark.parametrize("path", ["/validate", ""])
@pytest.mark.parametrize("text", ['"\\ud800"', '"\\u0000"', '"\\uffff"', "NaN", "-Infinity", "1e999", "9" * 4000])
async def test_what_is_hardly_json_is_a_fault_like_others(portal: Running, alice: dict[str, str], path: str, text: str):
    """Half a surrogate, a null, no number, far too large a one: as a name, a reference, a parameter, a field."""
    name = text if text.startswith('"') else '"x"'
    node = f'{{"id": {text}, "op": {text}, "in": [{text}], "params": {{"period": {text}}}}}'
    document = f'{{"timeframe": "1h", "nodes": [{node}], {name}: 1}}'
    content = f'{{"document": {document}}}' if path else f'{{"metadata": {{"name": "x"}}, "spec": {{"document": {document}}}}}'
    answer = await portal.public.post(PATH + path, content=content, headers={**alice, "Content-Type": "application/json"})
    assert answer.status_code in ({200} if path else {422}), answer.text
    assert answer.json()["errors"]
