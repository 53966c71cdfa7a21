"""A 2xx means durable: the portal is killed again and again while bots report, and no acknowledged event is lost or doubled."""
# ruff: noqa: F811 - fixtures are imported by name

import random
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from portal_cluster import BOT_SPEC, Customer, add_customer, kubeconfig, wait_for  # noqa: F401 - fixtures
from portal_process import PortalProcess, start_portal, wait_ready

from tradewind_api.ledger import Equity, Started, event
from tradewind_cluster.api import Api

KILLS, BOTS, BATCH = 10, 4, 7
HELLO = {"generation": 1, "strategyDigest": "s", "runnerVersion": "0"}


@dataclass
class Reporter:
    """A runner's outbox: starts, sends batches, resends what was not acknowledged, starts anew when it must."""

    name: str
    uid: str
    headers: dict[str, str]
    acknowledged: dict[int, int] = field(default_factory=dict)
    epochs: list[int] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def run(self, where: dict[str, str], stop: threading.Event) -> None:
        epoch, sent = 0, 0
        while not stop.is_set():
            try:
                with httpx2.Client(base_url=where["internal"], headers=self.headers, timeout=5) as client:
                    if epoch == 0:
                        answer = client.post("/runner/v1/start", json=HELLO)
                        if answer.status_code != 200:
                            continue
                        epoch, sent = answer.json()["epoch"], 0
                        self.epochs.append(epoch)
                    while not stop.is_set():
                        answer = client.post("/runner/v1/events", json=self.batch(epoch, sent))
                        if answer.status_code == 503:
                            break
                        if answer.status_code != 200:
                            self.refused.append(answer.text)
                            return
                        sent = self.acknowledged[epoch] = answer.json()["acknowledgedSeq"]
                        if random.random() < 0.02:  # now and then a new pod
                            epoch = 0
                            break
            except httpx2.HTTPError:
                time.sleep(0.02)

    def batch(self, epoch: int, after: int) -> dict[str, object]:
        started = Started(generation=1, strategy_digest="s", runner_version="0", mode="Paper", currency="USDT", capital="1")
        items = [
            event(
                self.uid, epoch, seq=seq, at_ms=seq, data=started if seq == 1 else Equity(equity=str(seq), cash="0", prices={})
            )
            for seq in range(after + 1, after + 1 + BATCH)
        ]
        return {"epoch": epoch, "events": [item.model_dump(mode="json") for item in items]}


def stored(portal: PortalProcess, who: Customer, name: str) -> list[tuple[int, int]]:
    """Return (epoch, seq) of every stored event of a bot, oldest first."""
    found: list[tuple[int, int]] = []
    cursor = ""
    with httpx2.Client(base_url=portal.public, headers=who.headers, timeout=30) as client:
        while True:
            page = client.get(f"/api/v1/bots/{name}/events?limit=200{cursor}").json()
            found += [(item["epoch"], item["seq"]) for item in page["items"]]
            if page["next"] is None:
                return found[::-1]
            cursor = f"&cursor={page['next']}"


def test_no_acknowledged_event_is_lost_or_doubled(kubeconfig: Path, api: Api, tmp_path: Path) -> None:
    """Ten kills at random moments under four reporters; the oracle is what was acknowledged."""
    portal = start_portal(tmp_path, kubeconfig)
    wait_ready(portal)
    tenant = add_customer(portal, api, "storm")
    reporters = []
    for number in range(BOTS):
        body = {"metadata": {"name": f"bot-{number}"}, "spec": BOT_SPEC}
        uid = httpx2.post(f"{portal.public}/api/v1/bots", json=body, headers=tenant.headers).json()["metadata"]["uid"]
        reporters.append(Reporter(f"bot-{number}", uid, tenant.pod("bot", f"bot-{number}", uid, f"pod-{number}")))
    where, stop = {"internal": portal.internal}, threading.Event()
    threads = [threading.Thread(target=reporter.run, args=(where, stop)) for reporter in reporters]
    for thread in threads:
        thread.start()
    slowest = 0.0
    for _ in range(KILLS):
        time.sleep(random.uniform(0.2, 0.9))
        portal.kill()
        begun = time.monotonic()
        portal = start_portal(tmp_path, kubeconfig)
        slowest = max(slowest, time.monotonic() - begun)
        where["internal"] = portal.internal
    wait_ready(portal)
    time.sleep(0.5)
    stop.set()
    for thread in threads:
        thread.join()
    total = 0
    for reporter in reporters:
        assert [] == reporter.refused
        found = stored(portal, tenant, reporter.name)
        assert len(found) == len(set(found)), "an event is stored twice"
        assert found == sorted(found)
        for epoch, acknowledged in reporter.acknowledged.items():
            numbers = [seq for at, seq in found if at == epoch]
            assert list(range(1, len(numbers) + 1)) == numbers, "an event is missing in the middle"
            assert acknowledged <= len(numbers), "an acknowledged event is lost"
        assert sorted(set(reporter.epochs)) == reporter.epochs, "an epoch was given twice"
        total += sum(reporter.acknowledged.values())
    assert 0 == portal.stop()
    sys.stdout.write(f"\n{KILLS} kills, {total} acknowledged events, slowest restart to listening {slowest:.1f} s\n")
    assert total > BOTS * BATCH


def test_a_second_portal_waits_for_the_first_and_takes_over(kubeconfig: Path, tmp_path: Path) -> None:
    """Two on one folder are never both serving: the second listens once the first has ended."""
    first = start_portal(tmp_path, kubeconfig)
    second: list[PortalProcess] = []
    log: list[str] = []
    starting = threading.Thread(target=lambda: second.append(start_portal(tmp_path, kubeconfig, log=log)))
    starting.start()
    wait_for(lambda: any("waiting for the data folder" in line for line in log), 60)
    assert [] == second
    assert 0 == first.stop()
    starting.join(timeout=30)
    wait_ready(second[0])
    assert 0 == second[0].stop()
