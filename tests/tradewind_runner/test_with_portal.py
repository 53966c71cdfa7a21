"""A bot's real process at the portal's real application and database: killed and killed again, the ledger stays whole."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from bot_world import World
from portal_double import Running, running_portal

from tradewind_api.fold import fold
from tradewind_api.ledger import LedgerEvent
from tradewind_portal.cluster.port import Kind

pytestmark = pytest.mark.slow

NAMESPACE = "tw-acme-test"


class Ledger:
    """What the public API says of one bot."""

    def __init__(self, portal: Running, uid: str, session: dict[str, str]) -> None:
        self.portal, self.uid, self.session = portal, uid, session

    async def events(self) -> list[LedgerEvent]:
        """Return all events in order, page after page."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            answer = await self.portal.public.get(f"/api/v1/bots/one/events?limit=200{cursor}", headers=self.session)
            page = answer.json()
            found += page["items"]
            if not page["next"]:
                break
            cursor = f"&cursor={page['next']}"
        names = ("epoch", "seq", "atMs", "type", "data")
        return [LedgerEvent.model_validate({"botUid": self.uid} | {n: item[n] for n in names}) for item in reversed(found)]

    async def wait_for(self, count: int) -> list[LedgerEvent]:
        """Return the events when there are `count` or more."""
        async with asyncio.timeout(60):
            while len(found := await self.events()) < count:
                await asyncio.sleep(0.1)
        return found


@pytest_asyncio.fixture
async def portal(tmp_path: Path):
    async with running_portal(tmp_path / "data") as running:
        yield running


@pytest_asyncio.fixture
async def ledger(portal: Running) -> Ledger:
    owner = await portal.tenant("acme", await portal.log_in())
    item = portal.cluster.put(Kind.TRADING_BOT, {"metadata": {"name": "one"}, "spec": {"exchange": "simulated"}}, NAMESPACE)
    return Ledger(portal, item["metadata"]["uid"], owner)


@pytest.fixture
def world(tmp_path: Path):
    found = World(tmp_path)
    yield found
    found.close()


async def test_kills_leave_the_portals_ledger_whole(world: World, ledger: Ledger):
    """Six pods, the odd ones on the disk of the one before: every event once, every candle decided once, money adds up."""
    labels = {"tradewind.dev/tenant": "acme", "tradewind.dev/bot": "one", "tradewind.dev/bot-uid": ledger.uid}
    headers = ledger.portal.cluster.run_pod(NAMESPACE, "one-0", labels)
    (world.folder / "token").write_text(headers["Authorization"].removeprefix("Bearer "))
    world.portal_port = ledger.portal.internal.base_url.port
    subject = {"uid": ledger.uid, "name": "one", "namespace": NAMESPACE, "tenant": "acme", "plan": "pro", "generation": 1}
    world.configure(bot=subject)
    moments, known = random.Random(11), 0
    for number in range(6):
        bot = world.start_bot(state=number - number % 2)
        known = len(await ledger.wait_for(known + moments.randint(5, 40)))
        await asyncio.sleep(moments.uniform(0, 0.2))
        bot.kill()
        await asyncio.to_thread(bot.wait)
    bot = world.start_bot()
    await ledger.wait_for(known + 40)
    bot.terminate()
    assert 0 == await asyncio.to_thread(bot.wait, 15)
    events = await ledger.events()
    for epoch in range(1, 8):
        seqs = [item.seq for item in events if item.epoch == epoch]
        assert list(range(1, len(seqs) + 1)) == seqs
    candles = [item.data["candleOpenMs"] for item in events if item.type == "Decision"]
    assert sorted(set(candles)) == candles
    orders = [item.data["clientOrderId"] for item in events if item.type == "Intended"]
    assert len(set(orders)) == len(orders)
    assert orders == [item.data["clientOrderId"] for item in events if item.type == "Filled"]
    assert ("Stopped", fold(events)) == (events[-1].type, await restored(ledger, headers))


async def restored(ledger: Ledger, headers: dict[str, str]) -> Any:
    """Return the state that the portal would start the next pod from."""
    hello = {"generation": 1, "strategyDigest": "d", "runnerVersion": "0"}
    answer = await ledger.portal.internal.post("/runner/v1/start", json=hello, headers=headers)
    return type(fold([])).model_validate(answer.json()["state"])
