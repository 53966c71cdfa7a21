"""The runner side: epochs fence, events are stored once and in order, a pod speaks for its own resource only."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2
import orjson
import pytest
import pytest_asyncio
from portal_double import Running

from tradewind_api.ledger import Closed, Contract, Decision, Equity, Filled, Halted, Intended, Started, event
from tradewind_portal.cluster.port import Kind, PodIdentity
from tradewind_portal.ledger import identity

pytestmark = pytest.mark.slow

NAMESPACE = "tw-acme-test"
HELLO = {"generation": 1, "strategyDigest": "s", "runnerVersion": "0"}


@dataclass
class Bot:
    """A bot with a pod, and what its runner would do."""

    portal: Running
    uid: str
    headers: dict[str, str]

    async def post(self, path: str, body: Any) -> httpx2.Response:
        return await self.portal.internal.post(f"/runner/v1/{path}", json=body, headers=self.headers)

    async def start(self) -> dict[str, Any]:
        answer = await self.post("start", HELLO)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def tell(self, epoch: int, first: int, *data: Contract) -> httpx2.Response:
        events = [
            event(self.uid, epoch, seq=seq, at_ms=1000 + seq, data=item).model_dump(mode="json")  # type: ignore[arg-type]
            for seq, item in enumerate(data, start=first)
        ]
        return await self.post("events", {"epoch": epoch, "events": events})


def run_bot(portal: Running, name: str, tenant: str = "acme") -> Bot:
    namespace = f"tw-{tenant}-test"
    item = portal.cluster.put(Kind.TRADING_BOT, {"metadata": {"name": name}, "spec": {"exchange": "simulated"}}, namespace)
    uid = item["metadata"]["uid"]
    labels = {"tradewind.dev/tenant": tenant, "tradewind.dev/bot": name, "tradewind.dev/bot-uid": uid}
    return Bot(portal, uid, portal.cluster.run_pod(namespace, f"{name}-0", labels))


@pytest_asyncio.fixture
async def bot(portal: Running, alice: dict[str, str]) -> Bot:
    return run_bot(portal, "one")


def started() -> Started:
    return Started(generation=1, strategy_digest="s", runner_version="0", mode="Paper", currency="USDT", capital="1000")


def mark(equity: int) -> Equity:
    return Equity(equity=str(equity), cash="0", prices={})


def bought(number: int) -> Filled:
    return Filled(
        client_order_id=f"o{number}",
        trade_id=f"t{number}",
        symbol="BTC/USDT",
        side="buy",
        amount="1",
        price="100",
        fee="0.1",
        fee_currency="USDT",
    )


def problem(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_each_start_gives_the_next_epoch_and_the_state_so_far(bot: Bot):
    """What the first pod told, the second is given."""
    assert 1 == (await bot.start())["epoch"]
    order = Intended(client_order_id="o1", symbol="BTC/USDT", side="buy", amount="1", candle_open_ms=0, reason="entry")
    await bot.tell(1, 1, started(), order, bought(1), Closed(client_order_id="o1", outcome="Filled"))
    second = await bot.start()
    assert 2 == second["epoch"]
    held = second["state"]["positions"]["BTC/USDT"]
    assert ("899.9", "1", "100.1") == (second["state"]["cash"], held["amount"], held["cost"])
    assert {} == second["state"]["openIntents"]


async def test_simultaneous_starts_never_get_the_same_epoch(bot: Bot):
    """Twenty pods at once: twenty epochs."""
    answers = await asyncio.gather(*[bot.start() for _ in range(20)])
    assert list(range(1, 21)) == sorted(answer["epoch"] for answer in answers)


async def test_a_resend_changes_nothing(bot: Bot, alice: dict[str, str]):
    """The same batch, and one that overlaps: acknowledged, stored once, folded once."""
    await bot.start()
    assert 2 == (await bot.tell(1, 1, started(), bought(1))).json()["acknowledgedSeq"]
    assert 2 == (await bot.tell(1, 1, started(), bought(1))).json()["acknowledgedSeq"]
    assert 3 == (await bot.tell(1, 2, bought(1), bought(2))).json()["acknowledgedSeq"]
    shown = (await bot.portal.public.get("/api/v1/bots/one", headers=alice)).json()
    assert ("799.8", 3) == (shown["ledger"]["cash"], shown["ledger"]["seq"])
    events = (await bot.portal.public.get("/api/v1/bots/one/events", headers=alice)).json()["items"]
    assert [3, 2, 1] == [item["seq"] for item in events]


async def test_a_gap_is_refused_and_the_next_number_told(bot: Bot):
    """Nothing of the batch is stored."""
    await bot.start()
    await bot.tell(1, 1, started())
    answer = await bot.tell(1, 3, bought(1))
    assert (409, "SequenceGap") == problem(answer)
    assert 2 == answer.json()["expectedSeq"]
    assert 2 == (await bot.tell(1, 2, bought(1))).json()["acknowledgedSeq"]


async def test_an_older_epoch_is_fenced(bot: Bot):
    """Events and heartbeats of the pod before are refused for good."""
    await bot.start()
    await bot.start()
    assert (409, "Fenced") == problem(await bot.tell(1, 1, started()))
    beat = {"epoch": 1, "trading": True, "unacknowledgedEvents": 0}
    assert (409, "Fenced") == problem(await bot.post("lease", beat))
    assert 200 == (await bot.tell(2, 1, started())).status_code


async def test_an_epoch_that_was_never_given_is_refused(bot: Bot):
    """After a restore of the database a pod may be ahead of it: it must start again."""
    assert (409, "EpochUnknown") == problem(await bot.tell(7, 1, started()))


async def test_a_batch_out_of_order_is_refused_with_places(bot: Bot):
    """Numbers inside a batch have no holes, and all are of its epoch."""
    await bot.start()
    good = event(bot.uid, 1, seq=1, at_ms=1, data=started()).model_dump(mode="json")
    bad = {**good, "seq": 3, "epoch": 2}
    answer = await bot.post("events", {"epoch": 1, "events": [good, bad]})
    assert (422, "Invalid") == problem(answer)
    assert {"/events/1/epoch", "/events/1/seq"} == {error["pointer"] for error in answer.json()["errors"]}


async def test_an_event_that_does_not_fit_its_type_is_refused_with_its_place(bot: Bot):
    """A price that is a number instead of a decimal string."""
    await bot.start()
    item = event(bot.uid, 1, seq=1, at_ms=1, data=bought(1)).model_dump(mode="json")
    item["data"]["price"] = 100.5
    answer = await bot.post("events", {"epoch": 1, "events": [item]})
    assert (422, "/events/0/data/price") == (answer.status_code, answer.json()["errors"][0]["pointer"])


async def test_a_pod_cannot_speak_for_another_bot(bot: Bot):
    """Its own token with another bot's uid."""
    other = run_bot(bot.portal, "two")
    await other.start()
    await bot.start()
    forged = Bot(bot.portal, other.uid, bot.headers)
    assert (403, "NotYours") == problem(await forged.tell(1, 1, started()))


async def test_only_a_pod_of_ours_gets_in(bot: Bot, portal: Running):
    """No token, a made-up one, a pod without our labels, of another namespace, deleted, or with a stolen uid."""
    labels = portal.cluster.pods[NAMESPACE, "one-0"]["metadata"]["labels"]
    strangers = {
        "made up": {"Authorization": "Bearer x"},
        "no labels": portal.cluster.run_pod(NAMESPACE, "plain", {}),
        "other namespace": portal.cluster.run_pod("default", "copy", labels),
        "unknown uid": portal.cluster.run_pod(NAMESPACE, "liar", {**labels, "tradewind.dev/bot-uid": "uid-0"}),
        "other tenant": portal.cluster.run_pod(NAMESPACE, "guest", {**labels, "tradewind.dev/tenant": "umbrella"}),
    }
    gone = portal.cluster.run_pod(NAMESPACE, "gone", labels)
    del portal.cluster.pods[NAMESPACE, "gone"]
    portal.cluster.tokens["old"] = PodIdentity(NAMESPACE, "runner", "one-0", "pod-before")
    strangers |= {"gone": gone, "replaced": {"Authorization": "Bearer old"}}
    codes = {}
    for name, headers in strangers.items():
        codes[name] = (await portal.internal.post("/runner/v1/start", json=HELLO, headers=headers)).status_code
    assert {**dict.fromkeys(strangers, 403), "made up": 401} == codes
    assert 401 == (await portal.internal.post("/runner/v1/start", json=HELLO)).status_code


async def test_a_pod_cannot_take_the_name_of_another_tenant(portal: Running, alice: dict[str, str], bob: dict[str, str]):
    """A bot of umbrella whose pod is labelled as acme's: the namespace tells whose it is."""
    theirs = run_bot(portal, "spy", "umbrella")
    portal.cluster.pods["tw-umbrella-test", "spy-0"]["metadata"]["labels"]["tradewind.dev/tenant"] = "acme"
    assert (403, "NotOurs") == problem(await theirs.post("start", HELLO))


async def test_a_token_is_believed_for_a_minute_only(bot: Bot, monkeypatch: pytest.MonkeyPatch):
    """Then it is reviewed again: a deleted pod's token ends."""
    await bot.start()
    bot.portal.cluster.tokens.clear()
    beat = {"epoch": 1, "trading": True, "unacknowledgedEvents": 0}
    assert 200 == (await bot.post("lease", beat)).status_code
    later = identity.monotonic() + identity.KEEP_S + 1
    monkeypatch.setattr(identity, "monotonic", lambda: later)
    assert 401 == (await bot.post("lease", beat)).status_code


async def test_a_bot_whose_resource_is_gone_may_still_report(bot: Bot):
    """Its pod ends after it, and its last words count."""
    await bot.start()
    await bot.portal.cluster.delete(Kind.TRADING_BOT, "one", namespace=NAMESPACE)
    bot.portal.services.identities._known.clear()
    assert 200 == (await bot.tell(1, 1, started(), Halted(reason="Deleted", message=""))).status_code


async def test_a_backtests_pod_cannot_act_as_a_bot(bot: Bot, portal: Running, backtest_spec: dict[str, object]):
    """And the other way round."""
    item = portal.cluster.put(Kind.BACKTEST, {"metadata": {"name": "bt"}, "spec": backtest_spec}, NAMESPACE)
    labels = {
        "tradewind.dev/tenant": "acme",
        "tradewind.dev/backtest": "bt",
        "tradewind.dev/backtest-uid": item["metadata"]["uid"],
    }
    worker = Bot(portal, item["metadata"]["uid"], portal.cluster.run_pod(NAMESPACE, "bt-1", labels))
    assert (403, "WrongKind") == problem(await worker.post("start", HELLO))
    assert (403, "WrongKind") == problem(await bot.post("results", {"reportDigest": "d", "report": {}}))


async def test_a_backtest_has_one_report(portal: Running, alice: dict[str, str], backtest_spec: dict[str, object]):
    """The same again is fine, another is refused, and it outlives its resource."""
    item = portal.cluster.put(Kind.BACKTEST, {"metadata": {"name": "bt"}, "spec": backtest_spec}, NAMESPACE)
    labels = {
        "tradewind.dev/tenant": "acme",
        "tradewind.dev/backtest": "bt",
        "tradewind.dev/backtest-uid": item["metadata"]["uid"],
    }
    worker = Bot(portal, item["metadata"]["uid"], portal.cluster.run_pod(NAMESPACE, "bt-1", labels))
    none_yet = await portal.public.get("/api/v1/backtests/bt/report", headers=alice)
    assert (404, "NoReport") == problem(none_yet)
    upload = {"reportDigest": "d", "report": {"sharpe": 1.5, "tradeList": [], "equityCurve": []}}
    first, second = await worker.post("results", upload), await worker.post("results", upload)
    assert first.json() == second.json()
    assert (409, "OtherResult") == problem(await worker.post("results", {**upload, "reportDigest": "e"}))
    await portal.cluster.delete(Kind.BACKTEST, "bt", namespace=NAMESPACE)
    assert upload["report"] == (await portal.public.get("/api/v1/backtests/bt/report", headers=alice)).json()


async def test_pages_of_events_have_no_overlap_and_no_hole(bot: Bot, alice: dict[str, str]):
    """Two epochs, five events each, three a page: newest first, each once."""
    for epoch in (1, 2):
        await bot.start()
        await bot.tell(epoch, 1, started(), *[mark(index) for index in range(4)])
    seen, cursor, pages = [], "", 0
    while True:
        page = (await bot.portal.public.get(f"/api/v1/bots/one/events?limit=3{cursor}", headers=alice)).json()
        seen += [(item["epoch"], item["seq"]) for item in page["items"]]
        pages += 1
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert [(epoch, seq) for epoch in (2, 1) for seq in (5, 4, 3, 2, 1)] == seen
    assert 4 == pages


@pytest.mark.parametrize("cursor", ["x", "!!!", "LTE", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5Cjk5OTk5OTk5OTk5OTk5OTk5OTk", "4pyTCjE"])
async def test_a_cursor_that_is_not_ours_is_refused(bot: Bot, alice: dict[str, str], cursor: str):
    """422, not 500."""
    answer = await bot.portal.public.get(f"/api/v1/bots/one/events?cursor={cursor}", headers=alice)
    assert (422, "?cursor") == (answer.status_code, answer.json()["errors"][0]["pointer"])


async def test_decisions_keep_what_each_node_said(bot: Bot, alice: dict[str, str]):
    """Numbers, answers and nothing."""
    await bot.start()
    nodes = {"fast": 1.5, "cross": True, "slow": None}
    await bot.tell(1, 1, started(), Decision(symbol="BTC/USDT", candle_open_ms=60_000, action="Enter", nodes=nodes))
    (item,) = (await bot.portal.public.get("/api/v1/bots/one/decisions", headers=alice)).json()["items"]
    assert (nodes, "Enter", 60_000) == (item["nodes"], item["action"], item["candleOpenMs"])


async def test_the_equity_curve_is_thinned_to_the_last_point_of_each_stretch(bot: Bot, alice: dict[str, str]):
    """A hundred points asked for as ten: ten, the last one among them."""
    await bot.start()
    await bot.tell(1, 1, started(), *[mark(index) for index in range(100)])
    items = (await bot.portal.public.get("/api/v1/bots/one/equity?points=10", headers=alice)).json()["items"]
    assert ["9", "19", "29", "39", "49", "59", "69", "79", "89", "99"] == [item["equity"] for item in items]


async def test_a_state_of_another_version_is_folded_anew(bot: Bot):
    """The kept state is a copy; the events are the truth."""
    await bot.start()
    await bot.tell(1, 1, started(), bought(1))
    sql = 'UPDATE bot_ledgers SET state = \'{"cash": "1", "fieldOfTheFuture": 1}\''
    await bot.portal.services.store.write(lambda cursor: cursor.execute(sql) and None)
    assert "899.9" == (await bot.start())["state"]["cash"]


async def change_kept(bot: Bot, change: Callable[[dict[str, Any]], object]) -> None:
    """Let the kept state be as another version would have written it."""
    store = bot.portal.services.store
    state = orjson.loads(await store.read(lambda cursor: cursor.execute("SELECT state FROM bot_ledgers").fetchone()[0]))
    change(state)
    text = orjson.dumps(state).decode()
    await store.write(lambda cursor: cursor.execute("UPDATE bot_ledgers SET state = ?", [text]) and None)


async def test_a_state_of_an_older_version_is_folded_anew(bot: Bot):
    """It lacks a field, here of what is held, whose default would be wrong: what was to be sold would be forgotten."""
    leave = Decision(symbol="BTC/USDT", candle_open_ms=60_000, action="Exit")
    await bot.start()
    await bot.tell(1, 1, started(), bought(1), leave)
    for forget in (lambda state: state.pop("leaving"), lambda state: state["positions"]["BTC/USDT"].pop("candles")):
        await change_kept(bot, forget)
        state = (await bot.start())["state"]
        assert ({"BTC/USDT": "Exit"}, 1) == (state["leaving"], state["positions"]["BTC/USDT"]["candles"])


async def test_a_state_of_a_newer_version_is_used_as_far_as_it_is_understood(bot: Bot):
    """After a step back: it was folded from events that this version may not know."""
    await bot.start()
    await bot.tell(1, 1, started(), bought(1))
    await change_kept(bot, lambda state: state.update(cash="1", fieldOfTheFuture=1))
    assert "1" == (await bot.start())["state"]["cash"]
