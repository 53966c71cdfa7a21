"""Worker processes that are killed again and again, at the real portal application and its database: one report."""

import asyncio
import json
import os
import random
import sys

import pytest
import pytest_asyncio
from markets import market
from portal_double import running_portal

from tradewind_api.document.resolve import template
from tradewind_engine.optimise.record import Record
from tradewind_engine.optimise.space import make_space
from tradewind_portal.cluster.port import Kind

pytestmark = pytest.mark.slow

NAMESPACE = "tw-acme-test"
CANDLES = market(11, 3000, memory=0.1)
FROM = 1_735_689_600_000
RANGES = [
    {"address": "fast.period", "min": 2, "max": 41, "step": 1},
    {"address": "slow.period", "min": 42, "max": 100, "step": 2},
]
WHOLE = {"parameters": RANGES, "objective": "totalReturn", "constraints": [], "folds": 3}
CHOSEN = WHOLE | {"budget": 100, "trials": 3, "folds": 2}
SAMPLED = CHOSEN | {"folds": 0}


class World:
    """A served portal with candles, and backtests whose pods the test starts as processes."""

    def __init__(self, portal, folder):
        self.portal, self.folder = portal, folder
        self.running = {}
        self.starts = 0

    def make(self, name, optimization):
        """Make a Backtest and what the operator would tell its pods."""
        item = self.portal.cluster.put(Kind.BACKTEST, {"metadata": {"name": name}, "spec": {}}, NAMESPACE)
        uid = item["metadata"]["uid"]
        config = {
            "backtest": {"uid": uid, "name": name, "namespace": NAMESPACE, "tenant": "acme", "plan": "pro", "generation": 1},
            "strategy": template("sma-crossover").to_json(),
            "strategyDigest": "d",
            "dataset": {
                "exchange": "simulated",
                "symbols": ["BTC/USDT"],
                "timeframe": "1h",
                "fromMs": FROM,
                "toMs": FROM + 3000 * 3_600_000,
            },
            "capital": {"currency": "USDT", "amount": "10000"},
            "optimization": optimization,
        }
        (self.folder / f"{uid}.json").write_text(json.dumps(config))
        return uid, name

    async def pod(self, backtest, shard):
        """Run a pod of a backtest to its end and return exit code and last words; each pod has its own token."""
        uid, name = backtest
        self.starts += 1
        pod = f"{name}-{shard}-{self.starts}"
        labels = {"tenant": "acme", "backtest": name, "backtest-uid": uid}
        headers = self.portal.cluster.run_pod(NAMESPACE, pod, {f"tradewind.dev/{key}": value for key, value in labels.items()})
        token, words = self.folder / f"{pod}.token", self.folder / f"{pod}.words"
        token.write_text(headers["Authorization"].removeprefix("Bearer "))
        env = os.environ | {
            "TRADEWIND_RUNNER_PORTAL_URL": str(self.portal.internal.base_url).rstrip("/"),
            "TRADEWIND_RUNNER_CONFIG": str(self.folder / f"{uid}.json"),
            "TRADEWIND_RUNNER_TOKEN_FILE": str(token),
            "TRADEWIND_RUNNER_TERMINATION_LOG": str(words),
            "TRADEWIND_RUNNER_SHARD": str(shard),
            "TRADEWIND_RUNNER_CPUS": "1",
        }
        command = [sys.executable, "-m", "tradewind_runner.backtest_worker"]
        process = await asyncio.create_subprocess_exec(*command, env=env, stdout=asyncio.subprocess.DEVNULL)
        self.running[uid, shard] = process
        code = await process.wait()
        return code, json.loads(words.read_text()) if words.exists() else {}

    async def until_done(self, backtest, shard):
        """Start pods of a shard as the Job controller does, one after the other, until one ends well."""
        while True:
            code, words = await self.pod(backtest, shard)
            if code == 0:
                return words
            assert code == -9, words

    async def report(self, backtest):
        found = await self.portal.services.results.find(
            backtest[0], self.portal.cluster.cached(Kind.TENANT, "acme")["metadata"]["uid"], backtest[1]
        )
        return found.report

    def kill_on_the_way(self, seed, *, share):
        """Kill the sender of a share of all blocks, before or after they are stored."""
        draw, optimisations = random.Random(seed), self.portal.services.optimisations
        add, killed = optimisations.add, []

        async def interrupted(uid, shard, mark, block, *, done):
            when = draw.random()
            if when < share / 2 and self.kill(uid, shard):
                killed.append(shard)
                return
            await add(uid, shard, mark, block, done=done)
            if when > 1 - share / 2 and self.kill(uid, shard):
                killed.append(shard)

        optimisations.add = interrupted
        return killed

    def kill(self, uid, shard):
        process = self.running[uid, shard]
        if process.returncode is not None:
            return False
        process.kill()
        return True


@pytest_asyncio.fixture
async def world(tmp_path):
    async with running_portal(tmp_path / "data") as portal:
        alice = await portal.tenant("acme", await portal.log_in())
        rows = ["ts,open,high,low,close,volume"]
        for index, row in enumerate(zip(*(column.tolist() for column in CANDLES.columns()[1:]), strict=True)):
            rows.append(f"{FROM + index * 3_600_000}," + ",".join(map(repr, row)))
        answer = await portal.public.put(
            "/api/v1/candles?exchange=simulated&symbol=BTC/USDT",
            content="\n".join(rows),
            headers={**alice, "Content-Type": "text/csv"},
        )
        assert answer.status_code in {200, 201}, answer.text
        yield World(portal, tmp_path)


@pytest.mark.parametrize(
    ("asked", "shards"), [(WHOLE, 3), (CHOSEN, 2), (SAMPLED, 3)], ids=["searched whole", "whole parts", "sample"]
)
async def test_killed_shards_end_with_the_report_of_one_pod(world, asked, shards):
    """The same bytes, a receipt in the words of whoever was last, and pods that were killed on the way."""
    alone = world.make("alone", asked)
    assert "result" in await world.until_done(alone, 0)
    killed = world.kill_on_the_way(7, share=0.08)
    shared = world.make("shared", asked | {"shards": shards})
    words = await asyncio.gather(*(world.until_done(shared, shard) for shard in range(shards)))
    assert killed
    assert await world.report(alone) == await world.report(shared)
    assert any("result" in word for word in words)
    again = await world.until_done(shared, 0)  # as when a pod is lost after its last word
    assert again["result"]["id"] == shared[0]


async def test_a_killed_pod_goes_on_where_it_was(world):
    """One pod, killed when a fifth of its work is stored: the next one scores only the rest."""
    alone = world.make("alone", WHOLE)
    optimisations, add, before, after = world.portal.services.optimisations, world.portal.services.optimisations.add, [], []

    async def counted(uid, shard, mark, block, *, done):
        await add(uid, shard, mark, block, done=done)
        if world.starts == 2:
            after.append(block)
            return
        before.append(block)
        if len(rows_of(before)) > 4 * 1200 / 5:
            world.kill(uid, shard)

    optimisations.add = counted
    await world.until_done(alone, 0)
    assert 2 == world.starts
    assert set() == rows_of(before) & rows_of(after)  # nothing that was stored was scored again


def rows_of(blocks):
    """Return part and place of each row in blocks."""
    space = make_space(
        template("sma-crossover"), {item["address"]: (item["min"], item["max"], item["step"]) for item in RANGES}
    )
    record, places = Record(space), [tuple(place) for place in space.places().tolist()]
    record.load(b"".join(blocks))
    return {(part, places[number]) for part in range(4) for number in record.known(part, places)[0]}
