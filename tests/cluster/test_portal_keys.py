"""Exchange keys with a real API server: the portal's own rights are enough, and only the right pod's real token gets one."""

import base64
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from portal_cluster import BOT_SPEC, GROUP, MERGE, Customer, add_customer, kubeconfig, wait_for  # noqa: F401
from portal_process import PortalProcess, start_portal, wait_ready
from simulator_process import Server

from tradewind_api.document.digest import strategy_digest
from tradewind_api.document.resolve import template
from tradewind_api.ledger import Halted, Started, event
from tradewind_api.resources import NOTICE_ANNOTATION, SHUTDOWN_FINALIZER
from tradewind_cluster.api import Api
from tradewind_engine.trading.identity import client_order_id

SECRET = "secret-canary-real-cluster"
KEY = {"name": "main", "exchange": "simulated", "apiKey": "AKIA-0123456789-0123456789", "secret": SECRET}
HELLO = {"generation": 1, "strategyDigest": "s", "runnerVersion": "0"}


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The simulated exchange with an account of acme's."""
    accounts = {"acme": {"balances": {"USDT": "100000"}, "keys": [{"key": KEY["apiKey"], "secret": SECRET}]}}
    server = Server(tmp_path_factory.mktemp("simulator"), "--accounts", json.dumps(accounts))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def portal(
    kubeconfig: Path,  # noqa: F811
    exchange: Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[PortalProcess]:
    """A portal that may take keys of that exchange."""
    folder = tmp_path_factory.mktemp("portal")
    (folder / "kek.json").write_text(json.dumps({"k1": base64.b64encode(b"1" * 32).decode()}))
    exchanges = [{"name": "simulated", "ccxtId": "binance", "endpoint": {"rest": f"http://127.0.0.1:{exchange.rest}"}}]
    running = start_portal(folder / "data", kubeconfig, kek_file=str(folder / "kek.json"), exchanges=json.dumps(exchanges))
    wait_ready(running)
    yield running
    assert running.stop() == 0
    assert SECRET not in "".join(running.lines)


@pytest.fixture(scope="module")
def new_customer(portal: PortalProcess, api: Api) -> Callable[[str], Customer]:
    return lambda name: add_customer(portal, api, name)


def test_the_right_pod_gets_the_key_and_no_other(
    portal: PortalProcess, api: Api, new_customer: Callable[[str], Customer]
) -> None:
    """By a real token bound to a real pod; another bot's, another tenant's, a deleted pod's get nothing."""
    mine, theirs = new_customer("keys-mine"), new_customer("keys-theirs")
    with httpx2.Client(base_url=portal.public, headers=mine.headers, timeout=60) as people:
        assert 201 == people.post("/api/v1/exchange-keys", json=KEY).status_code
        bots = {}
        for name, more in {"live": {"mode": "Live", "credentials": "main"}, "paper": {}}.items():
            body = {"metadata": {"name": name}, "spec": {**BOT_SPEC, **more}}
            made = people.post("/api/v1/bots", json=body)
            assert 201 == made.status_code, made.text
            bots[name] = made.json()["metadata"]["uid"]
    with httpx2.Client(base_url=portal.internal, timeout=60) as pods:
        right = mine.pod("bot", "live", bots["live"], "bot-live-0")
        assert SECRET == pods.post("/runner/v1/start", json=HELLO, headers=right).json()["credential"]["secret"]
        paper = mine.pod("bot", "paper", bots["paper"], "bot-paper-0")
        assert pods.post("/runner/v1/start", json=HELLO, headers=paper).json()["credential"] is None
        thief = theirs.pod("bot", "live", bots["live"], "bot-live-0")
        assert 403 == pods.post("/runner/v1/start", json=HELLO, headers=thief).status_code
        api.call("DELETE", f"/api/v1/namespaces/{mine.namespace}/pods/bot-live-0")
        wait_for(lambda: pods.post("/runner/v1/start", json=HELLO, headers=right).status_code == 401)


def test_the_portals_rights_are_enough_to_say_why(
    portal: PortalProcess, api: Api, new_customer: Callable[[str], Customer]
) -> None:
    """The notice of a halt stands at the resource, where `kubectl describe` and the operator see it; the spec is untouched."""
    mine = new_customer("keys-notice")
    with httpx2.Client(base_url=portal.public, headers=mine.headers, timeout=60) as people:
        made = people.post("/api/v1/bots", json={"metadata": {"name": "one"}, "spec": BOT_SPEC}).json()
    uid, path = made["metadata"]["uid"], f"{GROUP}/namespaces/{mine.namespace}/tradingbots/one"
    runner = mine.pod("bot", "one", uid, "bot-one-0")
    told = [
        Started(generation=1, strategy_digest="s", runner_version="0", mode="Paper", currency="USDT", capital="1000"),
        Halted(reason="DailyLoss", message="lost 4 % since midnight, 3 % is the limit"),
    ]
    with httpx2.Client(base_url=portal.internal, headers=runner) as pods:
        assert 1 == pods.post("/runner/v1/start", json=HELLO).json()["epoch"]
        events = [event(uid, 1, seq=n, at_ms=n, data=data).model_dump(mode="json") for n, data in enumerate(told, start=1)]
        assert 200 == pods.post("/runner/v1/events", json={"epoch": 1, "events": events}).status_code
    item = wait_for(lambda: (i := api.call("GET", path))["metadata"].get("annotations", {}).get(NOTICE_ANNOTATION) and i)
    assert {"reason": "Halted", "message": told[1].message} == json.loads(item["metadata"]["annotations"][NOTICE_ANNOTATION])
    assert (1, made["spec"]) == (item["metadata"]["generation"], item["spec"])


def test_the_reaper_takes_the_key_of_a_deleted_bot_and_cancels_its_orders(
    portal: PortalProcess, api: Api, exchange: Server, new_customer: Callable[[str], Customer], tmp_path: Path
) -> None:
    """Portal, API server, token, exchange and program are the real ones; only the kubelet is not there."""
    mine = new_customer("keys-reaper")
    with httpx2.Client(base_url=portal.public, headers=mine.headers, timeout=60) as people:
        assert 201 == people.post("/api/v1/exchange-keys", json=KEY).status_code
        spec = {**BOT_SPEC, "mode": "Live", "credentials": "main"}
        uid = people.post("/api/v1/bots", json={"metadata": {"name": "gone"}, "spec": spec}).json()["metadata"]["uid"]
        path = f"{GROUP}/namespaces/{mine.namespace}/tradingbots/gone"
        api.call("PATCH", path, {"metadata": {"finalizers": [SHUTDOWN_FINALIZER]}}, content_type=MERGE)
        api.call("DELETE", path)
        cid = client_order_id(uid, 1, 1)
        place(exchange, cid)
        done = reap(portal, exchange, mine, uid, tmp_path)
        words = json.loads((tmp_path / "words").read_text())
        assert (0, True, "the reaper cancelled 1 open orders") == (done.returncode, words["receipt"], words["message"]), (
            done.stderr.decode()
        )
        assert "CANCELED" == next(order["status"] for order in orders(exchange) if order["clientOrderId"] == cid)
        assert SECRET.encode() not in done.stdout + done.stderr
        told = people.get("/api/v1/bots/gone/events").json()["items"]
        assert [("Stopped", "Reaped")] == [(item["type"], item["data"]["reason"]) for item in told]
    api.call("PATCH", path, {"metadata": {"finalizers": []}}, content_type=MERGE)


def place(exchange: Server, cid: str) -> None:
    """Place an order below the market by another hand."""
    price = int(float(exchange.get("ticker/price?symbol=BTCUSDT")["price"]) * 0.7)
    body = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1", "price": str(price)}
    url = f"http://127.0.0.1:{exchange.control}/v1/accounts/acme/orders"
    request = urllib.request.Request(url, json.dumps({**body, "newClientOrderId": cid}).encode())
    urllib.request.urlopen(request).close()


def orders(exchange: Server) -> list[dict[str, str]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{exchange.control}/v1/accounts/acme/orders") as answer:
        return json.loads(answer.read())


def reap(
    portal: PortalProcess, exchange: Server, mine: Customer, uid: str, folder: Path
) -> "subprocess.CompletedProcess[bytes]":
    """Run the reaper as its pod would."""
    token = mine.pod("bot", "gone", uid, "reaper-gone-0")["Authorization"].removeprefix("Bearer ")
    document = template("sma-crossover")
    config = {
        "bot": {"uid": uid, "name": "gone", "namespace": mine.namespace, "tenant": mine.name, "plan": "pro", "generation": 1},
        "mode": "Live",
        "credentials": "main",
        "exchange": {"name": "simulated", "ccxtId": "binance", "endpoint": {"rest": f"http://127.0.0.1:{exchange.rest}"}},
        "symbols": ["BTC/USDT"],
        "timeframe": "1m",
        "strategy": document.to_json(),
        "strategyDigest": strategy_digest(document),
        "capital": {"currency": "USDT", "amount": "1000"},
    }
    (folder / "token").write_text(token)
    (folder / "bot.json").write_text(json.dumps(config))
    places = {"config": "bot.json", "token_file": "token", "termination_log": "words"}
    env = os.environ | {f"TRADEWIND_RUNNER_{name.upper()}": str(folder / file) for name, file in places.items()}
    env["TRADEWIND_RUNNER_PORTAL_URL"] = portal.internal
    return subprocess.run(
        [sys.executable, "-m", "tradewind_runner.reaper"], env=env, capture_output=True, timeout=180, check=False
    )
