"""A live bot from key to receipt: real portal, API server, tokens, bot process and exchange; only the kubelet is not there."""

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from free_ports import free_port
from live_world import holding
from portal_cluster import GROUP, Customer, add_customer, kubeconfig, wait_for  # noqa: F401 - fixtures
from portal_process import PortalProcess, start_portal, wait_ready
from simulator_process import Server

from tradewind_api.document.validation import parse_document
from tradewind_api.resources import NOTICE_ANNOTATION
from tradewind_api.runner import ExchangeConfig
from tradewind_cluster.api import Api
from tradewind_operator.desired.config_map import bot_config

SECRET = "secret-canary-live-whole"
KEY = {"name": "main", "exchange": "simulated", "apiKey": "AKIA-live-whole-0123456789", "secret": SECRET}
SPEED = 600.0
HELLO = {"generation": 1, "strategyDigest": "s", "runnerVersion": "0"}


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    accounts = {"acme": {"balances": {"USDT": "100000"}, "keys": [{"key": KEY["apiKey"], "secret": SECRET}]}}
    options = ("--accounts", json.dumps(accounts), "--speed", str(SPEED), "--order-limit-10s", "0")
    server = Server(tmp_path_factory.mktemp("simulator"), *options)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def config(exchange: Server) -> ExchangeConfig:
    """The platform's entry of that exchange."""
    endpoint = {"rest": f"http://127.0.0.1:{exchange.rest}", "ws": f"ws://127.0.0.1:{exchange.rest}"}
    found = {"name": "simulated", "ccxtId": "binance", "endpoint": endpoint, "clockSpeed": SPEED}
    return ExchangeConfig.model_validate(found)


@pytest.fixture(scope="module")
def portal(
    kubeconfig: Path,  # noqa: F811
    config: ExchangeConfig,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[PortalProcess]:
    folder = tmp_path_factory.mktemp("portal")
    (folder / "kek.json").write_text(json.dumps({"k1": base64.b64encode(b"1" * 32).decode()}))
    exchanges = json.dumps([config.model_dump(mode="json", by_alias=True)])
    running = start_portal(folder / "data", kubeconfig, kek_file=str(folder / "kek.json"), exchanges=exchanges)
    wait_ready(running)
    yield running
    assert running.stop() == 0
    assert SECRET not in "".join(running.lines)


class Pod:
    """A bot's process as its pod would run it: the operator's own configuration, a token bound to a pod."""

    def __init__(
        self, portal: PortalProcess, mine: Customer, bot: dict[str, Any], config: ExchangeConfig, folder: Path
    ) -> None:
        tenant = {"metadata": {"name": mine.name}, "spec": {"plan": "pro"}}
        document = parse_document(bot["spec"]["strategy"]["document"])
        (folder / "bot.json").write_text(bot_config(bot, tenant, document, config).model_dump_json(by_alias=True))
        headers = mine.pod("bot", bot["metadata"]["name"], bot["metadata"]["uid"], "bot-live-0")
        (folder / "token").write_text(headers["Authorization"].removeprefix("Bearer "))
        places = {"config": "bot.json", "token_file": "token", "state_dir": "state", "termination_log": "words"}
        env = os.environ | {f"TRADEWIND_RUNNER_{name.upper()}": str(folder / file) for name, file in places.items()}
        env |= {"TRADEWIND_RUNNER_PORTAL_URL": portal.internal, "TRADEWIND_RUNNER_METRICS_PORT": str(free_port())}
        self.folder = folder
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "tradewind_runner.bot"], env=env, stdout=log, stderr=log)

    def stop(self) -> dict[str, Any]:
        """End it as the kubelet does, and return its last words."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0
        return json.loads((self.folder / "words").read_text())


def test_a_live_bot_trades_closes_is_killed_and_says_good_bye(
    portal: PortalProcess, api: Api, config: ExchangeConfig, tmp_path: Path
) -> None:
    """Key handed over, bought, closed on demand, stopped by a switch with its reason where people look, a receipt last."""
    mine = add_customer(portal, api, "live-whole")
    people = httpx2.Client(base_url=f"{portal.public}/api/v1", headers=mine.headers, timeout=60)
    assert 201 == people.post("/exchange-keys", json=KEY).status_code
    spec = {
        "strategy": {"document": holding()},
        "exchange": "simulated",
        "symbols": ["BTC/USDT"],
        "timeframe": "1m",
        "mode": "Live",
        "credentials": "main",
        "capital": {"currency": "USDT", "amount": "10000"},
    }
    made = people.post("/bots", json={"metadata": {"name": "live"}, "spec": spec})
    assert 201 == made.status_code, made.text
    path = f"{GROUP}/namespaces/{mine.namespace}/tradingbots/live"
    pod = Pod(portal, mine, api.call("GET", path), config, tmp_path)
    try:
        fills = wait_for(lambda: people.get("/bots/live/fills").json()["items"], 60)
        assert "buy" == fills[-1]["side"]
        assert people.get("/bots/live").json()["lease"]["epoch"] == 1
        assert not people.post("/bots/live/close-positions").json()["done"]
        wait_for(lambda: people.get("/bots/live/close-positions").json()["done"], 60)
        assert any(fill["side"] == "sell" for fill in people.get("/bots/live/fills").json()["items"])
        assert 200 == people.put("/bots/live/kill-switch", json={"reason": "drill"}).status_code
        wait_for(lambda: (people.get("/bots/live").json()["notice"] or {}).get("reason") == "KillSwitch", 60)
        annotation = wait_for(lambda: api.call("GET", path)["metadata"].get("annotations", {}).get(NOTICE_ANNOTATION))
        assert "set by live-whole-owner: drill" in annotation
        words = pod.stop()
    finally:
        if pod.process.poll() is None:
            pod.process.kill()
            pod.process.wait()
    assert ("Stopped", True) == (words["code"], words["receipt"]), words
    assert SECRET not in (tmp_path / "log").read_text() + json.dumps(words) + json.dumps(api.call("GET", path))
    audit = [(row["action"], row["outcome"]) for row in people.get("/audit?limit=200").json()["items"]]
    assert {("keys.handed", "Succeeded"), ("bots.close", "Succeeded"), ("bots.closed", "Succeeded")} <= set(audit)
    second = people.post("/bots", json={"metadata": {"name": "next"}, "spec": spec}).json()["metadata"]["uid"]
    started = httpx2.post(
        f"{portal.internal}/runner/v1/start", json=HELLO, headers=mine.pod("bot", "next", second, "bot-next-0")
    )
    assert 200 == started.status_code, started.text
    people.close()
