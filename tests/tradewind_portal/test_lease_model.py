"""Leases under any order of starts, heartbeats, stops, silences, edits: never two bots that may trade one symbol of a key."""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from portal_double import MemoryCluster

from tradewind_api.runner import LEASE_SECONDS, ExchangeCredential
from tradewind_portal.audit.trail import Trail
from tradewind_portal.cluster.port import Kind
from tradewind_portal.keys.envelope import Sealed
from tradewind_portal.keys.queries import ExchangeKey
from tradewind_portal.keys.queries import insert as insert_key
from tradewind_portal.kill.service import KillSwitches
from tradewind_portal.leases import service
from tradewind_portal.leases.service import Leases
from tradewind_portal.ledger.identity import Worker
from tradewind_portal.problems import Problem
from tradewind_portal.store import Store

pytestmark = pytest.mark.slow

SEEDS, STEPS = range(4), 200
LATE_MS = 25_000  # a pod may learn of its lease late, and count from then
SYMBOLS = ("BTC/USDT", "ETH/USDT")
KEYS = ("k1", "k2")
ACTS = ["start"] * 4 + ["beat"] * 4 + ["wait"] * 3 + ["stop", "edit"]


class OpenKeys:
    """Keys that open; what matters here is only which one it is."""

    def credential(self, _: Any, tenant_uid: str, name: str, exchange: str) -> tuple[ExchangeKey, ExchangeCredential]:
        key = ExchangeKey(name, tenant_uid, name, exchange, 1, name, "", (), Sealed("k", "w", "c"), 0, "x", 0)
        parts = {"id": name, "version": 1, "apiKey": "a", "secret": "s"}
        return key, ExchangeCredential.model_validate(parts)


@dataclass
class Pod:
    """What a runner believes: until when it may trade which symbols with which key, by what it was told."""

    worker: Worker
    epoch: int = 0
    key: str = ""
    symbols: frozenset[str] = frozenset()
    until_ms: int = -LATE_MS


class World:
    """Three bots of one tenant, and a clock."""

    def __init__(self, store: Store, seed: int) -> None:
        self.random, self.now, self.store = random.Random(seed), 1_000_000, store
        self.cluster = MemoryCluster()
        self.leases = Leases(store, self.cluster, cast("Any", OpenKeys()), KillSwitches(store))
        self.pods = [Pod(Worker("bot", f"{seed}-{n}", f"b{n}", "ns", "t")) for n in range(3)]
        for pod in self.pods:
            self.edit(pod)

    def edit(self, pod: Pod) -> None:
        """Let its owner name other symbols or another key."""
        symbols = self.random.sample(SYMBOLS, self.random.randint(1, 2))
        spec = {
            "mode": "Live",
            "credentials": self.random.choice([KEYS[0], *KEYS]),
            "exchange": "simulated",
            "symbols": symbols,
        }
        item = self.cluster.put(Kind.TRADING_BOT, {"metadata": {"name": pod.worker.name}, "spec": spec}, "ns")
        item["metadata"]["uid"] = pod.worker.uid

    async def start(self, pod: Pod) -> str:
        try:
            begun = await self.leases.start(pod.worker, Trail())
        except Problem as problem:
            return problem.code
        spec = self.cluster.cached(Kind.TRADING_BOT, pod.worker.name, "ns")["spec"]
        pod.epoch, pod.key, pod.symbols = begun.epoch, spec["credentials"], frozenset(spec["symbols"])
        pod.until_ms = self.now + LEASE_SECONDS * 1000
        return "started"

    async def beat(self, pod: Pod) -> str:
        if not pod.epoch:
            return "none"
        standing = await self.leases.stand(pod.worker, pod.epoch, heartbeat=self.random.random() < 0.5)
        pod.until_ms = self.now + standing.lease_seconds * 1000 if standing.lease_seconds else -LATE_MS
        return "lost" if standing.lost else "renewed"

    async def stop(self, pod: Pod) -> str:
        if pod.epoch:
            await self.leases.end(pod.worker, pod.epoch)
        pod.until_ms = -LATE_MS
        return "stopped"

    def owners(self) -> dict[tuple[str, str], list[str]]:
        """Return which bots believe that they may trade a symbol of a key now."""
        found: dict[tuple[str, str], list[str]] = {}
        for pod in self.pods:
            if pod.until_ms + LATE_MS > self.now:
                for symbol in pod.symbols:
                    found.setdefault((pod.key, symbol), []).append(pod.worker.name)
        return found


@pytest.mark.parametrize("seed", SEEDS)
async def test_no_two_bots_may_trade_one_symbol_of_one_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int):
    """Repeat one with: pytest tests/tradewind_portal/test_lease_model.py -k 'key[SEED]'."""
    store = Store(tmp_path)
    store.start()
    try:
        for name in KEYS:
            key, _ = OpenKeys().credential(None, "t", name, "simulated")
            await store.write(lambda cursor, key=key: insert_key(cursor, key))
        world = World(store, seed)
        monkeypatch.setattr(service, "now_ms", lambda: world.now)
        outcomes: set[str] = set()
        for _ in range(STEPS):
            pod, act = world.random.choice(world.pods), world.random.choice(ACTS)
            if act == "edit":
                world.edit(pod)
            elif act == "wait":
                world.now += world.random.choice([1_000, 60_000, 450_000, 895_000, 931_000])
            else:
                outcomes.add(await getattr(world, act)(pod))
            doubled = {place: names for place, names in world.owners().items() if len(names) > 1}
            assert {} == doubled, f"seed {seed}"
        assert {"started", "renewed", "SymbolTaken"} <= outcomes
    finally:
        await store.close()
