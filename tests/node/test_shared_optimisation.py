"""An optimisation that real pods share: one is killed, one deleted, and the report is that of `tw optimise` byte for byte."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from platform_world import wait_for

from tradewind_cluster.binaries import binary
from tradewind_demo import demo

NAME, SYMBOL, FOLDS = "shared", "BTC/USDT", 12
RANGES = {"fast.period": (2, 41), "slow.period": (42, 166)}
POINTS = 40 * 125 * (1 + FOLDS)
SHARDS, PODS = 4, 2
PORTION = 40 * 125 // 20  # what a pod scores between two lines of its log
INDEX = "batch.kubernetes.io/job-completion-index"


@pytest.fixture(scope="module")
def candles(platform, recorded):
    """Recorded minutes of Binance, in the portal and as a file."""
    file = recorded / "ohlcv/binance_spot_BTCUSDT_1m_2025.parquet"
    query = {"exchange": demo.EXCHANGE, "symbol": SYMBOL}
    return file, platform.client.call("PUT", "/candles", query=query, raw=file.read_bytes())


def moment(ms):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ms / 1000))


def spec(stored):
    """An optimisation of two processors more than plan Pro gives one pod."""
    return {
        "strategy": {"template": "sma-crossover"},
        "dataset": {
            "exchange": demo.EXCHANGE,
            "symbols": [SYMBOL],
            "timeframe": "1m",
            "from": moment(stored["from"]),
            "to": moment(stored["to"]),
        },
        "capital": {"currency": "USDT", "amount": "10000"},
        "markets": [{"symbol": SYMBOL, "amountStep": "0.00001", "minNotional": "5"}],
        "seed": 1,
        "optimization": {
            "parameters": [{"address": name, "min": low, "max": high, "step": 1} for name, (low, high) in RANGES.items()],
            "objective": "totalReturn",
            "budget": 5000,
            "walkForward": {"folds": FOLDS, "kind": "Anchored"},
            "parallelism": 4,
        },
    }


def here(file, budget, *more):
    """The same on this machine, without a cluster."""
    command = [
        sys.executable,
        "-m",
        "tradewind_cli.main",
        "optimise",
        "sma-crossover",
        "--data",
        str(file),
        "--timeframe",
        "1m",
    ]
    command += [f"--tune={name}={low}:{high}:1" for name, (low, high) in RANGES.items()]
    command += ["--exchange", demo.EXCHANGE, "--symbol", SYMBOL, "--amount-step", "0.00001", "--min-notional", "5"]
    command += ["--objective", "totalReturn", "--budget", str(budget), "--seed", "1", *more]
    return json.loads(subprocess.run([*command, "-o", "json", "--full"], capture_output=True, check=True).stdout)


def finished(platform, name):
    """Return a Backtest that has come to its end, nothing while it has not."""
    backtest = platform.client.call("GET", f"/backtests/{name}")
    return backtest if backtest["status"].get("summary") in {"Succeeded", "Failed"} else None


class Pods:
    """The pods of the Backtest, each with all that it has logged, followed from its start."""

    def __init__(self, platform, folder):
        self.platform, self.folder = platform, folder
        self.followed = {}

    def look(self):
        """Return the pods by name, and follow the logs of new ones."""
        found = self.platform.kube.get("-n", self.platform.namespace(), "pods", "-l", f"tradewind.dev/backtest={NAME}")["items"]
        for pod in found:
            name = pod["metadata"]["name"]
            if name not in self.followed and pod["status"]["phase"] != "Pending":
                shard = int(pod["metadata"]["annotations"][INDEX])
                self.followed[name] = (shard, pod["metadata"]["uid"], self.follow(name))
        return {pod["metadata"]["name"]: pod for pod in found}

    def follow(self, name):
        kubeconfig = f"--kubeconfig={self.platform.kube.kubeconfig}"
        command = [binary("kubectl"), kubeconfig, "logs", "-f", "-n", self.platform.namespace(), name]
        with (self.folder / name).open("wb") as log:
            return subprocess.Popen(command, stdout=log)

    def stop(self):
        for _, _, process in self.followed.values():
            process.kill()
            process.wait()

    def told(self, name, what):
        """Return the last number before some words in a pod's log, 0 for none."""
        text = (self.folder / name).read_text() if name in self.followed else ""
        found = re.findall(rf"(\d+) points {what}", text)
        return int(found[-1]) if found else 0

    def scored(self, name):
        return self.told(name, "scored in this pod")

    def of(self, shard):
        """Return the names of a shard's pods, the first one first."""
        return [name for name, (number, _, _) in self.followed.items() if number == shard]

    def in_the_middle(self, shard):
        """Return the shard's first pod once it has scored a good part of what it shall."""
        self.look()
        name = next(iter(self.of(shard)), "")
        return name if self.scored(name) >= POINTS // SHARDS // 5 else ""

    def kill(self, name):
        """Kill the process of a pod as a machine that runs out of memory does."""
        uid = self.followed[name][1]
        groups = Path("/sys/fs/cgroup").rglob(f"pod{uid}/*/cgroup.procs")
        pids = {int(pid) for group in groups for pid in group.read_text().split()}
        (worker,) = [pid for pid in pids if b"backtest_worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        os.kill(worker, signal.SIGKILL)

    def delete(self, name):
        """Delete a pod as a person does."""
        self.platform.kube.kubectl("delete", "pod", name, "-n", self.platform.namespace(), "--grace-period=1", "--wait=false")


@pytest.fixture
def pods(platform, tmp_path):
    found = Pods(platform, tmp_path)
    yield found
    found.stop()


def test_pods_that_are_killed_and_deleted_lose_little_and_change_nothing(platform, candles, pods):
    """Two of four pods end in the middle: less than a tenth of their points is scored twice, and the report is the same."""
    file, stored = candles
    platform.client.call("POST", "/backtests", {"metadata": {"name": NAME}, "spec": spec(stored)})
    deleted = wait_for(lambda: pods.in_the_middle(1), 240)  # first, as it takes a while, and who is left alone hurries
    pods.delete(deleted)
    killed = wait_for(lambda: pods.in_the_middle(0), 240)
    pods.kill(killed)

    backtest = wait_for(lambda: pods.look() and finished(platform, NAME), 300)
    assert "Succeeded" == backtest["status"]["summary"], backtest["status"]["conditions"]
    namespace = platform.namespace()
    job = platform.kube.get("-n", namespace, "jobs", "-l", f"tradewind.dev/backtest={NAME}")["items"][0]["spec"]
    assert ("Indexed", SHARDS, PODS) == (job["completionMode"], job["completions"], job["parallelism"])

    share, scored = POINTS // SHARDS, 0
    for shard in range(SHARDS):
        *before, last = pods.of(shard)
        known, fresh = pods.told(last, "were scored before"), pods.scored(last)
        assert share == known + fresh  # what the portal had kept was not scored again
        scored += known + fresh
        assert before == {0: [killed], 1: [deleted]}.get(shard, [])
        for name in before:
            assert 0 < known
            lost = pods.scored(name) + PORTION - known
            print(f"shard {shard}: {pods.scored(name)} points scored, {known} kept, at most {lost} of {share} scored again")
            assert 0 <= lost < share / 10
    assert POINTS == scored

    wanted = here(file, 5000, "--folds", str(FOLDS), "--anchored")
    assert 40 * 125 == wanted["optimisation"]["points"]
    found = platform.client.call("GET", f"/backtests/{NAME}/report")
    assert json.dumps(wanted, sort_keys=True) == json.dumps(found, sort_keys=True)


def test_a_search_that_chooses_its_points_is_shared_by_its_sample(platform, candles):
    """No walk-forward, 200 of 5,000 points and 20 proposals of TPE, in four shards: the report of `tw optimise`."""
    file, stored = candles
    asked = spec(stored)
    asked["optimization"] |= {"budget": 200, "trials": 20}
    del asked["optimization"]["walkForward"]
    platform.client.call("POST", "/backtests", {"metadata": {"name": "sampled"}, "spec": asked})
    backtest = wait_for(lambda: finished(platform, "sampled"), 300)
    assert "Succeeded" == backtest["status"]["summary"], backtest["status"]["conditions"]
    job = platform.kube.get("-n", platform.namespace(), "jobs", "-l", "tradewind.dev/backtest=sampled")["items"][0]["spec"]
    assert (SHARDS, PODS) == (job["completions"], job["parallelism"])
    wanted = here(file, 200, "--trials", "20", "--folds", "0")
    assert "sample, zoom, TPE" == wanted["optimisation"]["method"]
    found = platform.client.call("GET", "/backtests/sampled/report")
    assert json.dumps(wanted, sort_keys=True) == json.dumps(found, sort_keys=True)
