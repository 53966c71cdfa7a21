"""Live bots at the portal: a key for one pod, one bot for a key and a symbol, switches that stop, and people told why."""

import itertools
import json
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from portal_double import Running

from tradewind_api.ledger import Halted, Started, Stopped, event
from tradewind_api.resources import NOTICE_ANNOTATION
from tradewind_portal.cluster.port import Kind
from tradewind_portal.leases import service
from tradewind_portal.store import StoreTimeoutError

pytestmark = pytest.mark.slow

KEY = {"name": "main", "exchange": "simulated", "apiKey": "AKIA-0123456789-0123456789", "secret": "secret-canary-1111"}
OTHER = {"name": "other", "exchange": "simulated", "apiKey": "AKIA-9876543210-9876543210", "secret": "secret-canary-2222"}
HELLO = {"generation": 1, "strategyDigest": "s", "runnerVersion": "0"}


class LiveBot:
    """A live bot of acme with a pod."""

    pods = itertools.count()

    def __init__(self, portal: Running, name: str, bot_spec: dict[str, Any], tenant: str = "acme", **changes: Any) -> None:
        self.portal, self.name, self.namespace, self.tenant = portal, name, f"tw-{tenant}-test", tenant
        spec = {**bot_spec, "mode": "Live", "credentials": "main", **changes}
        item = portal.cluster.put(Kind.TRADING_BOT, {"metadata": {"name": name}, "spec": spec}, self.namespace)
        self.uid = item["metadata"]["uid"]
        self.headers = self.pod()
        self.epoch = 0

    def pod(self, tenant: str | None = None, **labels: str) -> dict[str, str]:
        """Make a pod of this bot, return the headers of its token."""
        its = {
            "tradewind.dev/tenant": tenant or self.tenant,
            "tradewind.dev/bot": self.name,
            "tradewind.dev/bot-uid": self.uid,
        }
        return self.portal.cluster.run_pod(self.namespace, f"{self.name}-{next(self.pods)}", {**its, **labels})

    async def post(self, path: str, body: Any) -> httpx2.Response:
        return await self.portal.internal.post(f"/runner/v1/{path}", json=body, headers=self.headers)

    async def start(self) -> dict[str, Any]:
        answer = await self.post("start", HELLO)
        assert answer.status_code == 200, answer.text
        self.epoch = answer.json()["epoch"]
        return answer.json()

    async def beat(self, **more: Any) -> dict[str, Any]:
        body = {"epoch": self.epoch, "trading": True, "unacknowledgedEvents": 0, **more}
        answer = await self.post("lease", body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def tell(self, first: int, *data: Any) -> dict[str, Any]:
        events = [
            event(self.uid, self.epoch, seq=seq, at_ms=1000 + seq, data=item).model_dump(mode="json")
            for seq, item in enumerate(data, start=first)
        ]
        answer = await self.post("events", {"epoch": self.epoch, "events": events})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def notice(self) -> dict[str, str] | None:
        await self.portal.services.leases.notices.settle()
        item = self.portal.cluster.cached(Kind.TRADING_BOT, self.name, self.namespace)
        text = item["metadata"].get("annotations", {}).get(NOTICE_ANNOTATION)
        return json.loads(text) if text else None


@pytest_asyncio.fixture
async def bot(portal: Running, alice: dict[str, str], bot_spec: dict[str, Any]) -> LiveBot:
    """A live bot whose key is there."""
    for key in (KEY, OTHER):
        assert 201 == (await portal.public.post("/api/v1/exchange-keys", json=key, headers=alice)).status_code
    return LiveBot(portal, "one", bot_spec)


async def test_the_pod_of_a_live_bot_gets_its_key(portal: Running, bot: LiveBot, alice: dict[str, str]):
    """Once a start, in clear, written to the audit log without it."""
    started = await bot.start()
    wanted = (KEY["apiKey"], KEY["secret"], None, 1)
    assert wanted == tuple(started["credential"][name] for name in ("apiKey", "secret", "password", "version"))
    assert (1, 900, []) == (started["epoch"], started["leaseSeconds"], started["kill"])
    rows = (await portal.public.get("/api/v1/audit", headers=alice)).json()["items"]
    assert ("keys.handed", "exchange-key/main", "tw-acme-test/one", "Succeeded") == tuple(
        rows[0][name] for name in ("action", "target", "actor", "outcome")
    )


async def test_a_rotated_key_comes_with_the_next_start(portal: Running, bot: LiveBot, alice: dict[str, str]):
    """Version 2 and its secret."""
    await bot.start()
    fresh = {"apiKey": "AKIA-fresh-0123456789-0", "secret": "secret-canary-3333"}
    assert 200 == (await portal.public.put("/api/v1/exchange-keys/main", json=fresh, headers=alice)).status_code
    credential = (await bot.start())["credential"]
    assert (2, fresh["secret"]) == (credential["version"], credential["secret"])


async def test_nobody_else_gets_a_key(portal: Running, bot: LiveBot, bob: dict[str, str], bot_spec: dict[str, Any]):
    """Not a paper bot, not a back-test, not another tenant's bot that names it, not a pod under false labels."""
    paper = LiveBot(portal, "paper", bot_spec, mode="Paper")
    assert (await paper.start())["credential"] is None
    theirs = LiveBot(portal, "theirs", bot_spec, tenant="umbrella")
    refused = await theirs.post("start", HELLO)
    assert (409, "CredentialsMissing") == (refused.status_code, refused.json()["code"])
    stolen = portal.cluster.run_pod(
        "tw-umbrella-test",
        "thief",
        {"tradewind.dev/tenant": "umbrella", "tradewind.dev/bot": "one", "tradewind.dev/bot-uid": bot.uid},
    )
    answers = [await portal.internal.post("/runner/v1/start", json=HELLO, headers=stolen)]
    stolen = portal.cluster.run_pod(
        "tw-umbrella-test",
        "thief2",
        {"tradewind.dev/tenant": "acme", "tradewind.dev/bot": "one", "tradewind.dev/bot-uid": bot.uid},
    )
    answers.append(await portal.internal.post("/runner/v1/start", json=HELLO, headers=stolen))
    assert [403, 403] == [answer.status_code for answer in answers]
    for answer in [refused, *answers]:
        assert "canary" not in answer.text


async def test_a_token_whose_pod_has_just_gone_starts_nothing(portal: Running, bot: LiveBot):
    """A start asks the API server, whatever was believed a moment ago."""
    await bot.start()
    portal.cluster.tokens.clear()
    assert 200 == (await bot.post("lease", {"epoch": 1, "trading": True, "unacknowledgedEvents": 0})).status_code
    assert 401 == (await bot.post("start", HELLO)).status_code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"credentials": "none"}, "CredentialsMissing"),
        ({"credentials": None}, "CredentialsMissing"),
        ({"exchange": "elsewhere"}, "CredentialsMismatch"),
    ],
)
async def test_a_start_without_the_right_key_says_why(
    portal: Running, bot: LiveBot, alice: dict[str, str], bot_spec: dict[str, Any], changes: dict[str, Any], code: str
):
    """In the answer, at the resource, in the API, once in the audit log; and no epoch is begun."""
    other = LiveBot(portal, "bad", bot_spec, **changes)
    for _ in range(3):
        refused = await other.post("start", HELLO)
        assert (409, code) == (refused.status_code, refused.json()["code"])
    assert code == (await other.notice())["reason"]
    shown = (await portal.public.get("/api/v1/bots/bad", headers=alice)).json()
    assert (code, None) == (shown["notice"]["reason"], shown["ledger"])
    rows = (await portal.public.get("/api/v1/audit", headers=alice)).json()["items"]
    assert [code] == [row["outcome"] for row in rows if row["action"] == "keys.handed"]


async def test_one_bot_for_a_key_and_a_symbol(portal: Running, bot: LiveBot, alice: dict[str, str], bot_spec: dict[str, Any]):
    """The second is refused by name of the first, with what to do; another symbol or another key is free."""
    await bot.start()
    second = LiveBot(portal, "two", bot_spec)
    refused = await second.post("start", HELLO)
    assert (409, "SymbolTaken") == (refused.status_code, refused.json()["code"])
    assert "bot one trades BTC/USDT" in refused.json()["detail"]
    assert "SymbolTaken" == (await second.notice())["reason"]
    assert 1 == (await LiveBot(portal, "three", bot_spec, symbols=["ETH/USDT"]).start())["epoch"]
    assert 1 == (await LiveBot(portal, "four", bot_spec, credentials="other").start())["epoch"]
    lease = (await portal.public.get("/api/v1/bots/one", headers=alice)).json()["lease"]
    assert 1 == lease["epoch"]
    assert 1 == (await bot.start())["epoch"] - 1  # the bot itself may start again


async def test_the_reaper_of_a_deleted_bot_gets_the_key_whoever_has_the_symbol(
    portal: Running, bot: LiveBot, bot_spec: dict[str, Any]
):
    """It only cancels that bot's own orders; and it takes no symbol from anybody."""
    await bot.start()
    leaving = LiveBot(portal, "two", bot_spec)
    portal.cluster.cached(Kind.TRADING_BOT, "two", bot.namespace)["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    leaving.headers = leaving.pod(**{"app.kubernetes.io/component": "reaper"})
    assert KEY["secret"] == (await leaving.start())["credential"]["secret"]
    assert 900 == (await bot.beat())["leaseSeconds"]


async def test_a_bot_that_stopped_gives_its_symbols_back(portal: Running, bot: LiveBot, bot_spec: dict[str, Any]):
    """At once, not after a quarter of an hour; but not when an older pod says so."""
    second = LiveBot(portal, "two", bot_spec)
    await bot.start()
    begun = Started(generation=1, strategy_digest="s", runner_version="0", mode="Live", currency="USDT", capital="1000")
    await bot.tell(1, begun)
    assert 409 == (await second.post("start", HELLO)).status_code
    await bot.tell(2, Stopped(reason="Asked"))
    assert 0 == (await bot.beat())["leaseSeconds"]
    await second.start()
    assert 900 == (await second.beat())["leaseSeconds"]


async def test_who_comes_back_after_his_lease_only_reduces(
    portal: Running, bot: LiveBot, bot_spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    """Nothing was heard for 900 s and a margin, another bot took the symbol: the first keeps no lease and is told why."""
    clock = [1_000_000]
    monkeypatch.setattr(service, "now_ms", lambda: clock[0])
    await bot.start()
    second = LiveBot(portal, "two", bot_spec)
    clock[0] += 929_000
    assert 409 == (await second.post("start", HELLO)).status_code
    clock[0] += 2_000
    await second.start()
    assert 0 == (await bot.beat())["leaseSeconds"]
    assert "bot two trades BTC/USDT" in (await bot.notice())["message"]
    assert 900 == (await second.beat())["leaseSeconds"]
    await second.tell(
        1, Started(generation=1, strategy_digest="s", runner_version="0", mode="Live", currency="USDT", capital="1")
    )
    await second.tell(2, Stopped(reason="Asked"))
    assert 900 == (await bot.beat())["leaseSeconds"]
    assert await bot.notice() is None


async def test_a_lease_is_for_what_the_pod_trades_not_for_what_its_resource_names_now(
    portal: Running, bot: LiveBot, bot_spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    """After a silence and an edit the pod goes on with its old symbols: these are renewed, and stay nobody else's."""
    clock = [1_000_000]
    monkeypatch.setattr(service, "now_ms", lambda: clock[0])
    await bot.start()
    clock[0] += 931_000
    await LiveBot(portal, "other", bot_spec, symbols=["SOL/USDT"]).start()
    spec = {**bot_spec, "mode": "Live", "credentials": "main", "symbols": ["ETH/USDT"]}
    portal.cluster.put(Kind.TRADING_BOT, {"metadata": {"name": "one"}, "spec": spec}, bot.namespace)
    assert 900 == (await bot.beat())["leaseSeconds"]
    assert 409 == (await LiveBot(portal, "two", bot_spec).post("start", HELLO)).status_code


async def test_a_lease_without_contact_runs_out_in_what_events_answer(
    portal: Running, bot: LiveBot, monkeypatch: pytest.MonkeyPatch
):
    """Events renew it too."""
    clock = [1_000_000]
    monkeypatch.setattr(service, "now_ms", lambda: clock[0])
    await bot.start()
    clock[0] += 5_000
    begun = Started(generation=1, strategy_digest="s", runner_version="0", mode="Live", currency="USDT", capital="1000")
    assert 895 == (await bot.tell(1, begun))["leaseSeconds"]
    clock[0] += 5_001
    assert 900 == (await bot.tell(1, begun))["leaseSeconds"]


async def test_switches_of_all_scopes_reach_a_bot(
    portal: Running, bot: LiveBot, alice: dict[str, str], admin: dict[str, str], bot_spec: dict[str, Any]
):
    """In start, events and heartbeat alike; each release takes its own scope away and no other."""
    paper = LiveBot(portal, "paper", bot_spec, mode="Paper")
    await paper.start()
    places = {
        "bot": ("/api/v1/bots/one/kill-switch", alice),
        "account": ("/api/v1/exchange-keys/main/kill-switch", alice),
        "tenant": ("/api/v1/kill-switch", alice),
        "platform": ("/api/v1/admin/kill-switch", admin),
    }
    await bot.start()
    begun = Started(generation=1, strategy_digest="s", runner_version="0", mode="Live", currency="USDT", capital="1000")
    await bot.tell(1, begun)
    for path, who in places.values():
        assert 200 == (await portal.public.put(path, json={"reason": "drill"}, headers=who)).status_code
    assert list(places) == (await bot.beat())["kill"] == (await bot.tell(1, begun))["kill"]
    assert ["tenant", "platform"] == (await paper.beat())["kill"]
    assert "the platform is on, set by admin: drill" in (await bot.notice())["message"]
    assert list(places) == (await bot.start())["kill"]
    shown = (await portal.public.get("/api/v1/bots/one", headers=alice)).json()
    assert (list(places), "KillSwitch") == (shown["kill"], shown["notice"]["reason"])
    left = list(places)
    for scope, (path, who) in places.items():
        assert 204 == (await portal.public.delete(path, headers=who)).status_code
        left.remove(scope)
        assert left == (await bot.beat())["kill"]
    assert await bot.notice() is None
    assert 404 == (await portal.public.delete(places["bot"][0], headers=alice)).status_code


async def test_a_switch_outlives_the_process(portal: Running, bot: LiveBot, alice: dict[str, str]):
    """Durable: who reads the store anew finds it on."""
    await portal.public.put("/api/v1/bots/one/kill-switch", json={}, headers=alice)
    fresh = service.KillSwitches(portal.services.store)
    assert ["bot"] == await fresh.for_bot(bot.uid, "t", None)


async def test_switches_that_cannot_be_read_count_as_on(portal: Running, bot: LiveBot, monkeypatch: pytest.MonkeyPatch):
    """All four scopes, until they can be read."""
    kill = service.KillSwitches(portal.services.store)

    async def slow(_: Any) -> None:
        raise StoreTimeoutError("slow")

    with monkeypatch.context() as patch:
        patch.setattr(portal.services.store, "read", slow)
        assert ["bot", "account", "tenant", "platform"] == await kill.for_bot("b", "t", "k")
    assert [] == await kill.for_bot("b", "t", "k")


async def test_a_switch_of_a_newer_version_stops_everybody(portal: Running):
    """A scope that this version does not know may be any."""
    row = ["galaxy", "x", None, "x", "", True, "admin", 0]
    insert = "INSERT INTO kill_switches VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    await portal.services.store.write(lambda cursor: cursor.execute(insert, row))
    assert ["bot", "account", "tenant", "platform"] == await portal.services.kill.for_bot("b", "t", "k")


async def test_only_an_administrator_releases_what_one_has_set(
    portal: Running, bot: LiveBot, alice: dict[str, str], admin: dict[str, str]
):
    """Also after the tenant has set it again."""
    path, named = "/api/v1/kill-switch", {**admin, "Tradewind-Tenant": "acme"}
    assert 200 == (await portal.public.put(path, json={"reason": "abuse"}, headers=named)).status_code
    assert 200 == (await portal.public.put(path, json={"reason": "mine"}, headers=alice)).status_code
    refused = await portal.public.delete(path, headers=alice)
    assert (403, "PlatformSwitch") == (refused.status_code, refused.json()["code"])
    assert 204 == (await portal.public.delete(path, headers=named)).status_code


async def test_a_revoked_key_kills_its_account(portal: Running, bot: LiveBot, alice: dict[str, str], admin: dict[str, str]):
    """Running bots with the next heartbeat, starting ones at once."""
    await bot.start()
    body = {"tenant": "acme", "reason": "leak"}
    assert 200 == (await portal.public.post("/api/v1/admin/exchange-keys/revoke", json=body, headers=admin)).status_code
    assert ["account"] == (await bot.beat())["kill"]
    assert "CredentialsRevoked" == (await bot.notice())["reason"]
    refused = await bot.post("start", HELLO)
    assert (409, "CredentialsRevoked") == (refused.status_code, refused.json()["code"])


def closing(answer: dict[str, Any]) -> tuple[bool, int]:
    return answer["closeNow"], answer["closeNumber"]


async def test_closing_is_asked_until_it_is_done_and_once(portal: Running, bot: LiveBot, alice: dict[str, str]):
    """A second request before the bot is done is the same; an acknowledgement of the first does not count for the second."""
    path = "/api/v1/bots/one/close-positions"
    await bot.start()
    assert (False, 0) == closing(await bot.beat())
    numbers = [(await portal.public.post(path, headers=alice)).json()["number"] for _ in range(2)]
    assert [1, 1] == numbers
    for _ in range(2):
        assert (True, 1) == closing(await bot.beat())
    assert (False, 1) == closing(await bot.beat(closedNumber=1))
    assert (await portal.public.get(path, headers=alice)).json()["done"]
    assert 2 == (await portal.public.post(path, headers=alice)).json()["number"]
    assert (True, 2) == closing(await bot.beat(closedNumber=1))
    assert (False, 2) == closing(await bot.beat(closedNumber=7))
    assert 3 == (await portal.public.post(path, headers=alice)).json()["number"]
    assert (await bot.beat(closedNumber=2))["closeNow"]


async def test_a_halted_bot_says_why_at_its_resource(portal: Running, bot: LiveBot, alice: dict[str, str]):
    """In the words of the bot; a start after the owner's edit takes it away."""
    await bot.start()
    begun = Started(generation=1, strategy_digest="s", runner_version="0", mode="Live", currency="USDT", capital="1000")
    await bot.tell(1, begun, Halted(reason="DailyLoss", message="lost 4 % since midnight, 3 % is the limit"))
    assert {"reason": "Halted", "message": "lost 4 % since midnight, 3 % is the limit"} == await bot.notice()
    await bot.start()
    await bot.tell(1, begun.model_copy(update={"generation": 2}))
    assert await bot.notice() is None


async def test_an_older_epoch_keeps_no_lease(portal: Running, bot: LiveBot):
    """Fenced as before: one live pod of a bot."""
    await bot.start()
    await bot.start()
    answer = await bot.post("lease", {"epoch": 1, "trading": True, "unacknowledgedEvents": 0})
    assert (409, "Fenced") == (answer.status_code, answer.json()["code"])


async def test_what_a_bot_says_of_itself_is_told_once_it_lasts(portal: Running, bot: LiveBot, alice: dict[str, str]):
    """In two heartbeats, in its first words; it ends with the reason. What its owner asked for is no news."""
    await bot.start()
    told = []
    for reasons in (
        ["StaleData: the stream broke: no message within 25 s"],
        ["StaleData: the stream broke: no message within 26 s"],
        ["StaleData: the stream broke: 1006"],
        ["Paused"],
        ["Paused", "InDoubt: order x"],
        ["InDoubt: order x"],
        [],
    ):
        await bot.beat(state="Reducing", reasons=reasons)
        notice = await bot.notice()
        assert notice == (await portal.public.get("/api/v1/bots/one", headers=alice)).json()["notice"]
        told.append(notice and notice["reason"] + ": " + notice["message"])
    stale, doubt = "StaleData: the stream broke: no message within 25 s", "InDoubt: order x"
    assert [None, stale, stale, None, None, doubt, None] == told


async def test_a_refusal_that_halts_a_bot_is_told_at_once(bot: LiveBot):
    """Under the exchange's own kind of reason; the next pod begins without it."""
    await bot.start()
    await bot.beat(state="Halted", reasons=["Refused: CredentialsRefused: Invalid API-key"])
    assert {"reason": "CredentialsRefused", "message": "Invalid API-key"} == await bot.notice()
    await bot.start()
    await bot.beat()
    assert await bot.notice() is None


async def test_silence_that_an_exchange_wants_goes_round_among_bots_of_one_address(
    portal: Running, bot: LiveBot, alice: dict[str, str], bot_spec: dict[str, Any]
):
    """Same exchange and node: told in heartbeats and starts, for a quarter of an hour at most; others hear nothing."""
    near = LiveBot(portal, "near", bot_spec, symbols=["ETH/USDT"])
    far = LiveBot(portal, "far", bot_spec, symbols=["SOL/USDT"])
    for each, address in ((bot, "10.0.0.1"), (near, "10.0.0.1"), (far, "10.0.0.2")):
        name = next(name for _, name in portal.cluster.pods if name.startswith(each.name))
        portal.cluster.pods[each.namespace, name]["status"] = {"hostIP": address}
        assert 0 == (await each.start())["exchangeSilenceS"]
    await bot.beat(exchangeSilenceS=60)
    assert 58 <= (await near.beat())["exchangeSilenceS"] <= 60
    assert 58 <= (await near.start())["exchangeSilenceS"] <= 60
    assert 0 == (await far.beat())["exchangeSilenceS"]
    await bot.beat(exchangeSilenceS=10**6)
    assert (await near.beat())["exchangeSilenceS"] <= 900
