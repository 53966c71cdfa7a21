"""The whole path on real pods: what `make up` shows, with recorded candles, and what survives being killed."""

import json
import os
import signal
import subprocess
import sys
from decimal import Decimal

import pytest
from platform_world import wait_for

from tradewind_cli.client import Client
from tradewind_demo import demo
from tradewind_demo.kube import NAMESPACE


def check_ledger(client: Client) -> None:
    """Each event once, without gaps, each candle decided once, each trade once and of an intent, bought only while flat."""
    events = sorted(client.all_items(f"/bots/{demo.BOT}/events"), key=lambda item: (item["epoch"], item["seq"]))
    for epoch in {item["epoch"] for item in events}:
        seqs = [item["seq"] for item in events if item["epoch"] == epoch]
        assert list(range(1, len(seqs) + 1)) == seqs
    candles = [item["data"]["candleOpenMs"] for item in events if item["type"] == "Decision"]
    assert sorted(set(candles)) == candles
    intents = {item["data"]["clientOrderId"]: item["data"] for item in events if item["type"] == "Intended"}
    assert len(intents) == len([item for item in events if item["type"] == "Intended"])
    fills = [item["data"] for item in events if item["type"] == "Filled"]
    assert len(fills) == len({f["tradeId"] for f in fills})
    held, buying = Decimal(0), ""
    for kind, data in [(item["type"], item["data"]) for item in events]:
        if kind == "Adjusted":  # what is too little to be sold
            held += Decimal(data["amount"])
        elif kind == "Filled" and data["side"] == "buy":
            assert held == 0 or data["clientOrderId"] == buying
            held += Decimal(data["amount"]) - (Decimal(data["fee"]) if data["feeCurrency"] == "BTC" else 0)
            buying = data["clientOrderId"]
        elif kind == "Filled":
            held -= Decimal(data["amount"])
        assert held >= 0
    for cid, intent in intents.items():
        assert sum(Decimal(f["amount"]) for f in fills if f["clientOrderId"] == cid) <= Decimal(intent["amount"])


def test_a_backtest_in_the_cluster_equals_the_command_line(platform, recorded):
    """Recorded minutes of Binance, imported by the API, back-tested by a pod: the same report to the last digit."""
    file = recorded / "ohlcv/binance_spot_BTCUSDT_1m_2025.parquet"
    market = demo.Market("BTC/USDT", file, "1m")
    query = {"exchange": demo.EXCHANGE, "symbol": "BTC/USDT"}
    stored = platform.client.call("PUT", "/candles", query=query, raw=file.read_bytes())
    assert (130_708, 0) == (stored["candles"], stored["gapCount"])
    report = demo.run_backtest(platform.client, market, (stored["from"], stored["to"]), "1m")
    command = [
        sys.executable,
        "-m",
        "tradewind_cli.main",
        "backtest",
        "run",
        "sma-crossover",
        "--data",
        str(file),
        "-o",
        "json",
        "--full",
    ]
    command += ["--exchange", demo.EXCHANGE, "--symbol", "BTC/USDT", "--timeframe", "1m"]
    command += [f"--set={name}={value}" for name, value in demo.PARAMETERS.items()]
    here = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert here == report
    figures = platform.kube.get("-n", platform.namespace(), "backtest", demo.BACKTEST)["status"]["figures"]
    assert str(here["trades"]) == figures["trades"]


def test_missing_candles_are_named_where_people_look(platform):
    """`tw backtest run` in the cluster ends with 65 and names the range; so does the resource."""
    command = [sys.executable, "-m", "tradewind_cli.main", "backtest", "run", "rsi", "--exchange", demo.EXCHANGE]
    command += ["--symbol", "ETH/USDT", "--from", "2024-01-01", "--to", "2024-02-01", "--watch", "--name", "without-data"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 65 == done.returncode, done.stderr
    assert "DataMissing" in done.stderr
    assert "ETH/USDT 1704067200000..1706745600000" in done.stderr


def test_a_paper_bot_trades(platform):
    """It buys within a minute or two of candles that come once a second, and every column of kubectl is filled."""
    bot = demo.run_bot(platform.client, demo.Market("BTC/USDT", None, "1m"))
    assert "Trading" == bot["status"]["summary"]
    line = platform.kube.kubectl("get", "tb", "-n", platform.namespace(), "--no-headers").split()
    assert [demo.BOT, "Paper", demo.EXCHANGE, '["BTC/USDT"]', "Trading", "True"] == line[:6]
    platform.kube.kubectl("wait", "--for=condition=Ready", f"tb/{demo.BOT}", "-n", platform.namespace(), "--timeout=10s")
    check_ledger(platform.client)


def kill_pod(platform, *selector):
    platform.kube.kubectl("delete", "pod", *selector, "--grace-period=0", "--force")


def kill_api_server(platform):
    process = json.loads((platform.layout.state / "run/kube-apiserver.json").read_text())
    os.kill(process["pid"], signal.SIGKILL)


KILLS = {
    "bot": lambda p: kill_pod(p, "-n", p.namespace(), "-l", f"tradewind.dev/bot={demo.BOT}"),
    "portal": lambda p: kill_pod(p, "-n", NAMESPACE, "-l", "app.kubernetes.io/component=portal"),
    "operator": lambda p: kill_pod(p, "-n", NAMESPACE, "-l", "app.kubernetes.io/component=operator"),
    "API server": kill_api_server,
    "simulated exchange": lambda p: kill_pod(p, "-n", NAMESPACE, "-l", "app.kubernetes.io/component=simulator"),
}


@pytest.mark.parametrize("what", KILLS)
def test_the_bot_trades_on_after_a_kill(platform, what):
    """Whatever dies comes back by itself, and the ledger has each event once."""
    before = wait_for(lambda: max(platform.decisions(), 0))
    KILLS[what](platform)
    wait_for(lambda: platform.decisions() > before + 5, 180)
    check_ledger(platform.client)


def test_pausing_reaches_the_running_pod(platform):
    """The same pod goes on, without entries."""
    namespace = platform.namespace()
    wait_for(lambda: platform.kube.get("-n", namespace, "tb", demo.BOT)["status"]["summary"] == "Trading")
    pod = platform.kube.get("-n", namespace, "tb", demo.BOT)["status"]["runner"]["podName"]
    uid = platform.kube.get("-n", namespace, "pod", pod)["metadata"]["uid"]
    platform.client.call("PATCH", f"/bots/{demo.BOT}", {"spec": {"runPolicy": "Paused"}})
    wait_for(lambda: platform.kube.get("-n", namespace, "tb", demo.BOT)["status"]["summary"] == "Paused")
    blocked = wait_for(
        lambda: [
            item
            for item in platform.client.call("GET", f"/bots/{demo.BOT}/decisions", query={"limit": "50"})["items"]
            if item.get("blocked") == "Paused"
        ],
        240,
    )
    assert {"Enter"} == {item["action"] for item in blocked}
    assert uid == platform.kube.get("-n", namespace, "pod", pod)["metadata"]["uid"]


def test_a_deleted_bot_leaves_nothing(platform):
    """No pod, account, policy or configuration."""
    namespace = platform.namespace()
    platform.client.call("DELETE", f"/bots/{demo.BOT}")
    kinds = "pods,statefulsets,configmaps,serviceaccounts,networkpolicies"
    label = f"tradewind.dev/bot={demo.BOT}"
    wait_for(lambda: not platform.kube.kubectl("get", kinds, "-n", namespace, "-l", label, "-o", "name").strip(), 180)
