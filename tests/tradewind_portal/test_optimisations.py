"""What optimisations have scored: kept as it came, once, for the pods of that backtest alone, and not for ever."""

from typing import Any

import pytest
from portal_double import Running

from tradewind_portal.cluster.port import Kind
from tradewind_portal.optimisations import queries, service

pytestmark = pytest.mark.slow

MARK, OTHER = "a" * 64, "b" * 64


def run_backtest(portal: Running, name: str, tenant: str = "acme") -> dict[str, str]:
    """Make a backtest and return the headers of its pod."""
    namespace = f"tw-{tenant}-test"
    uid = portal.cluster.put(Kind.BACKTEST, {"metadata": {"name": name}, "spec": {}}, namespace)["metadata"]["uid"]
    labels = {"tradewind.dev/tenant": tenant, "tradewind.dev/backtest": name, "tradewind.dev/backtest-uid": uid}
    return portal.cluster.run_pod(namespace, f"{name}-pod", labels)


async def keep(portal: Running, pod: dict[str, str], shard: int, block: bytes, **query: Any) -> int:
    answer = await portal.internal.post(
        f"/runner/v1/shards/{shard}", content=block, params={"fingerprint": MARK, **query}, headers=pod
    )
    return answer.status_code


async def blocks(portal: Running, pod: dict[str, str], shard: int, mark: str = MARK) -> bytes:
    return (await portal.internal.get(f"/runner/v1/shards/{shard}", params={"fingerprint": mark}, headers=pod)).content


async def states(portal: Running, pod: dict[str, str]) -> list[dict[str, Any]]:
    return (await portal.internal.get("/runner/v1/shards", headers=pod)).json()["items"]


async def test_blocks_come_back_as_they_went(portal: Running, alice: dict[str, str]):
    """Any bytes, in order, once each; of one fingerprint and shard."""
    pod = run_backtest(portal, "one")
    for block in (b"\x00\xff first", b"second", b"second"):
        assert 204 == await keep(portal, pod, 3, block)
    assert 204 == await keep(portal, pod, 3, b"of other candles", fingerprint=OTHER)
    assert b"\x00\xff first" in await blocks(portal, pod, 3)
    assert 14 == len(await blocks(portal, pod, 3))
    assert (b"of other candles", b"") == (await blocks(portal, pod, 3, OTHER), await blocks(portal, pod, 2))


async def test_a_shard_says_when_it_is_done(portal: Running, alice: dict[str, str]):
    """With its last block, or with none."""
    pod = run_backtest(portal, "one")
    await keep(portal, pod, 0, b"12345")
    await keep(portal, pod, 1, b"", done=True)
    assert [(0, 5, False), (1, 0, True)] == [(s["shard"], s["bytes"], s["done"]) for s in await states(portal, pod)]
    await keep(portal, pod, 0, b"678", done=True)
    assert [True, True] == [state["done"] for state in await states(portal, pod)]


async def test_pods_of_other_backtests_see_nothing(portal: Running, alice: dict[str, str], bob: dict[str, str]):
    """Neither of the same tenant nor of another one; a person gets nowhere."""
    await keep(portal, run_backtest(portal, "one"), 0, b"secret", done=True)
    for pod in (run_backtest(portal, "two"), run_backtest(portal, "one", "umbrella")):
        assert ([], b"") == (await states(portal, pod), await blocks(portal, pod, 0))
    assert 401 == (await portal.internal.get("/runner/v1/shards", headers=alice)).status_code


@pytest.mark.parametrize(("shard", "mark"), [(64, MARK), (-1, MARK), (0, "x"), (0, MARK.upper())])
async def test_what_cannot_be_is_refused(portal: Running, alice: dict[str, str], shard: int, mark: str):
    """A number or a fingerprint that no pod of ours would send."""
    assert 422 == await keep(portal, run_backtest(portal, "one"), shard, b"x", fingerprint=mark)


async def test_one_optimisation_cannot_fill_the_disk(portal: Running, alice: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    """Beyond the cap a block is refused, and the others stay."""
    monkeypatch.setattr(service, "MOST_BYTES", 10)
    pod = run_backtest(portal, "one")
    assert [204, 413, 204] == [await keep(portal, pod, 0, block) for block in (b"1234567", b"abcd", b"abc")]
    assert 10 == len(await blocks(portal, pod, 0))


async def test_what_nobody_needs_any_more_goes(portal: Running, alice: dict[str, str]):
    """Two hours after the report, or a week after it was stored."""
    pods = {name: run_backtest(portal, name) for name in ("reported", "old", "fresh")}
    for pod in pods.values():
        await keep(portal, pod, 0, b"x")
    store, cluster = portal.services.store, portal.cluster
    uids = {name: cluster.cached(Kind.BACKTEST, name, "tw-acme-test")["metadata"]["uid"] for name in pods}  # type: ignore[index]
    await store.write(
        lambda cursor: cursor.execute("INSERT INTO results VALUES (?, 't', 'n', 'd', 's', '{}', 5)", [uids["reported"]])
    )
    await store.write(
        lambda cursor: cursor.execute("UPDATE optimisation_blocks SET stored_ms = 5 WHERE backtest_uid = ?", [uids["old"]])
    )
    await store.write(lambda cursor: queries.forget(cursor, reported_before_ms=6, stored_before_ms=6))
    assert {"reported": b"", "old": b"", "fresh": b"x"} == {name: await blocks(portal, pod, 0) for name, pod in pods.items()}


async def test_progress_of_shards_adds_up(portal: Running, alice: dict[str, str]):
    """Points of all, in the words of the one that told last."""
    pod = run_backtest(portal, "one")
    for shard, done in ((0, 10), (1, 5), (0, 20)):
        body = {"done": done, "total": 100, "message": f"shard {shard}", "shard": shard}
        await portal.internal.post("/runner/v1/progress", json=body, headers=pod)
    told = (await portal.public.get("/api/v1/backtests/one", headers=alice)).json()["progress"]
    assert (25, 200, "shard 0") == (told["done"], told["total"], told["message"])


async def test_blocks_are_read_in_their_turn(portal: Running, alice: dict[str, str]):
    """What is deleted before it was not read: a shard may have more than DuckDB can hold, and it ran out of memory."""
    pod = run_backtest(portal, "one")
    for block in (b"first", b"second", b"third"):
        await keep(portal, pod, 0, block)
    uid = portal.cluster.cached(Kind.BACKTEST, "one", "tw-acme-test")["metadata"]["uid"]  # type: ignore[index]
    found = await portal.services.optimisations.blocks(uid, 0, MARK)
    assert await anext(found) in {b"first", b"second", b"third"}
    await portal.services.store.write(lambda cursor: cursor.execute("DELETE FROM optimisation_blocks"))
    assert [b"", b""] == [block async for block in found]


async def test_a_shard_of_more_than_the_store_holds_comes_back(portal: Running, alice: dict[str, str]):
    """160 MiB in blocks of four, under DuckDB's 256 MiB: read at once they were refused as out of memory."""
    pod = run_backtest(portal, "one")
    for number in range(40):
        assert 204 == await keep(portal, pod, 0, bytes([number]) * (4 << 20))
    found = await blocks(portal, pod, 0)
    assert (160 << 20, list(range(40))) == (len(found), sorted(found[:: 4 << 20]))
