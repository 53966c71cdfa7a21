"""Live bots at the real portal's applications and database, on a real simulated exchange; what people are told of them.

Only the API server and the kubelet are stood in for: `describe` is what the real operator makes of the resource, the portal's
notice on it, and the pod.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
from faults.hosting import MINUTE, MOST_S, Hosted, running
from faults.matrix import check_envelopes, check_ledger, check_requests
from live_world import holding
from portal_double import Running, running_portal
from simulator_process import Server

from tradewind_api.document.validation import parse_document
from tradewind_api.fold import fold
from tradewind_api.ledger import LedgerEvent, LedgerState
from tradewind_api.plan import SHIPPED_PLANS, PlanSpec
from tradewind_api.runner import ExchangeConfig, TerminationMessage
from tradewind_engine.trading.identity import epoch_of
from tradewind_operator.desired.bot import BotContext, BotPlan, desired_bot
from tradewind_operator.desired.config_map import bot_config
from tradewind_operator.desired.pod_state import pod_state
from tradewind_operator.settings import OperatorSettings
from tradewind_portal.audit.queries import first_break
from tradewind_portal.cluster.port import Kind
from tradewind_portal.keys.verifying import Verifier

__all__ = ["MINUTE", "MOST_S", "Live", "Tenancy", "tenancy"]
NAMESPACE = "tw-acme-test"
_numbers = itertools.count(1)


class Tenancy:
    """A tenant, `people` are its owner's requests; accounts at the exchange with a key each that the portal keeps."""

    def __init__(self, portal: Running, server: Server, config: ExchangeConfig, people: httpx2.AsyncClient, folder: Path):
        self.portal, self.server, self.config, self.people, self.folder = portal, server, config, people, folder

    async def account(self, **account: Any) -> str:
        """Make an account of 20,000 USDT and give its key to the portal; return the name of both."""
        name = f"acme-{next(_numbers)}"
        balances = {"balances": {"USDT": "20000"}, "keys": [{"key": f"key-of-{name}", "secret": f"secret-of-{name}"}]}
        self.control("PUT", f"accounts/{name}", balances | account)
        given = await self.give_key(name)
        assert 201 == given.status_code, given.text
        return name

    async def give_key(self, name: str) -> httpx2.Response:
        """Hand an account's key to the portal, as its owner does."""
        body = {"name": name, "exchange": "simulated", "apiKey": f"key-of-{name}", "secret": f"secret-of-{name}"}
        return await self.people.post("/exchange-keys", json=body)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        return self.server.ask_control(method, path, body)

    def faults(self, *rules: dict[str, Any]) -> None:
        """Put a script in place of the one before; without rules set everything right."""
        self.control("DELETE", "faults")
        answer = self.control("PUT", "faults", list(rules))
        assert isinstance(answer, list), answer

    async def live(self, name: str, *, address: str = "10.0.0.1", account: str = "", **spec: Any) -> "Live":
        """Make a live bot with an account of its own, on the node of an address."""
        key = account or await self.account()
        wanted = {
            "strategy": {"document": holding()},
            "exchange": "simulated",
            "symbols": ["BTC/USDT"],
            "timeframe": "1m",
            "mode": "Live",
            "credentials": key,
            "capital": {"currency": "USDT", "amount": "10000"},
        }
        item = self.portal.cluster.put(Kind.TRADING_BOT, {"metadata": {"name": name}, "spec": wanted | spec}, NAMESPACE)
        return Live(self, name, key, item["metadata"]["uid"], address)

    async def audit(self) -> list[tuple[str, str]]:
        """Return action and target of each row of the audit log that the owner sees, newest first."""
        rows = (await self.people.get("/audit?limit=200")).json()["items"]
        return [(row["action"], row["target"]) for row in rows]


class Live:
    """One live bot: its pod runs in the test's loop."""

    def __init__(self, tenancy: Tenancy, name: str, account: str, uid: str, address: str) -> None:
        self.tenancy, self.name, self.account, self.uid = tenancy, name, account, uid
        self.folder = tenancy.folder / name
        self.folder.mkdir()
        self._pod_name = f"{name}-0"
        self._ended: TerminationMessage | BaseException | None = None
        self._hosted: Hosted | None = None
        labels = {"tradewind.dev/tenant": "acme", "tradewind.dev/bot": name, "tradewind.dev/bot-uid": uid}
        headers = tenancy.portal.cluster.run_pod(NAMESPACE, self._pod_name, labels)
        tenancy.portal.cluster.pods[NAMESPACE, self._pod_name]["status"] = {"hostIP": address}
        (self.folder / "token").write_text(headers["Authorization"].removeprefix("Bearer "))
        self.configure()

    @property
    def resource(self) -> dict[str, Any]:
        found = self.tenancy.portal.cluster.cached(Kind.TRADING_BOT, self.name, NAMESPACE)
        assert found is not None
        return found

    def configure(self) -> None:
        """Write bot.json as the operator does."""
        tenant = {"metadata": {"name": "acme"}, "spec": {"plan": "pro"}}
        document = parse_document(self.resource["spec"]["strategy"]["document"])
        config = bot_config(self.resource, tenant, document, self.tenancy.config)
        (self.folder / "bot.json").write_text(config.model_dump_json(by_alias=True))

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[Hosted]:
        """Run its pod."""
        url = str(self.tenancy.portal.internal.base_url).rstrip("/")
        async with running(self.folder, url) as self._hosted:
            yield self._hosted

    async def fails(self) -> TerminationMessage:
        """Run its pod, which shall end by a failure; return the last words that main would leave."""
        try:
            async with self.run() as found:
                await found.task
        except Exception as exc:  # noqa: BLE001 - whatever it is, it is what main would write down
            self._ended = TerminationMessage(code="Failed", message=str(exc))
            return self._ended
        raise AssertionError("it did not fail")

    # What people see

    async def notice(self) -> dict[str, str]:
        """Return what the API says that holds the bot back, nothing for nothing."""
        return (await self.tenancy.people.get(f"/bots/{self.name}")).json()["notice"] or {}

    def describe(self, plan: PlanSpec = SHIPPED_PLANS["pro"]) -> dict[str, tuple[bool | None, str, str]]:
        """Return the conditions that `kubectl describe` shows: status, reason and message by type."""
        return {fact.type: (fact.holds, fact.reason, fact.message) for fact in self.operator(plan).facts}

    def operator(self, plan: PlanSpec) -> BotPlan:
        """Return what the operator makes of the bot under a plan."""
        tenant = {"metadata": {"name": "acme", "uid": "t-1", "generation": 1}, "spec": {"plan": "pro"}}
        settings = OperatorSettings(exchanges=[self.tenancy.config])
        return desired_bot(self.resource, BotContext(tenant, plan, 0, 0, settings), pod_state(self._pod()))

    def _pod(self) -> dict[str, Any]:
        state: dict[str, Any] = {"running": {}}
        ready = self._hosted is not None and not self._hosted.process.ready()
        more: dict[str, Any] = {}
        if isinstance(self._ended, TerminationMessage):
            words = self._ended.model_dump_json(by_alias=True)
            ready, state = False, {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off restarting"}}
            more = {"lastState": {"terminated": {"exitCode": 1, "message": words}}}
        status = {"containerStatuses": [{"state": state, **more}], "conditions": [{"type": "Ready", "status": str(ready)}]}
        return {"metadata": {"name": self._pod_name}, "spec": {"containers": [{}]}, "status": status}

    async def told(self, kind: str, *words: str) -> None:
        """Wait until API and condition name a reason; check that both say `words` too, and that the bot is not Ready."""
        assert self._hosted is not None
        for _ in range(int(MOST_S / 0.05)):
            found = await self.notice()
            right = found.get("reason") == kind and all(word in found["message"] for word in words)
            if right or self._hosted.task.done():
                break
            await asyncio.sleep(0.05)
        shown = self.describe()["Ready"]
        assert (kind, False, kind) == (found.get("reason"), *shown[:2]), (found, shown, self._hosted.bot.trading())
        for word in words:
            assert word in found["message"]
            assert word in shown[2]

    # What the exchange and the ledger have

    async def events(self) -> list[LedgerEvent]:
        """Return the ledger's events in their order."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = (await self.tenancy.people.get(f"/bots/{self.name}/events?limit=200{cursor}")).json()
            found += page["items"]
            if not page["next"]:
                break
            cursor = f"&cursor={page['next']}"
        names = ("epoch", "seq", "atMs", "type", "data")
        return [LedgerEvent.model_validate({"botUid": self.uid} | {n: item[n] for n in names}) for item in reversed(found)]

    def orders(self) -> list[dict[str, Any]]:
        """Return the bot's own orders at the exchange."""
        found = self.tenancy.control("GET", f"accounts/{self.account}/orders")
        return [order for order in found if epoch_of(order["clientOrderId"], self.uid) is not None]

    def requests(self) -> list[dict[str, Any]]:
        journal = self.tenancy.control("GET", "journal")
        return [entry for entry in journal if entry["apiKey"] == f"key-of-{self.account}"]

    def posts(self) -> list[dict[str, Any]]:
        return [entry for entry in self.requests() if entry["method"] == "POST"]

    @staticmethod
    def state(events: list[LedgerEvent]) -> LedgerState:
        """Return what follows from the ledger."""
        return fold(events)

    async def check(self) -> None:
        """Check what the matrix promises after every fault."""
        events = await self.events()
        typed = [item.typed() for item in events]
        check_ledger(self.orders(), typed, fold(events), self.resource["spec"]["symbols"][0])
        check_requests(self.requests(), typed)
        check_envelopes(events)
        assert None is await self.tenancy.portal.services.store.read(first_break), "the audit log does not follow from itself"


@contextlib.asynccontextmanager
async def tenancy(folder: Path, server: Server, speed: float, asks: Verifier | None = None) -> AsyncIterator[Tenancy]:
    """Serve a portal whose exchange is a simulated one, and log the owner of a tenant in.

    Every key is taken, unless `asks` asks the exchange about it: that is a process for each.
    """
    server.ask_control("DELETE", "journal")
    server.ask_control("DELETE", "faults")
    endpoint = {"rest": f"http://127.0.0.1:{server.rest}", "ws": f"ws://127.0.0.1:{server.rest}"}
    config = ExchangeConfig.model_validate(
        {"name": "simulated", "ccxtId": "binance", "endpoint": endpoint, "clockSpeed": speed}
    )
    async with running_portal(folder / "data", asks=asks, exchanges=[config]) as portal:
        owner = await portal.tenant("acme", await portal.log_in())
        base = str(portal.public.base_url).rstrip("/") + "/api/v1"
        async with httpx2.AsyncClient(base_url=base, headers=owner, timeout=30) as people:
            try:
                yield Tenancy(portal, server, config, people, folder)
            finally:
                server.ask_control("DELETE", "faults")
