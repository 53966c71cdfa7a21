"""The portal against a real API server: from the first login to a bot's fills and a backtest's report."""

import base64
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
import yaml
from portal_process import PortalProcess, log_in, make_token, start_portal, wait_ready

from tradewind_api.ledger import Equity, Filled, Intended, Started, event
from tradewind_cluster.api import Api, ApiError
from tradewind_cluster.layout import Layout

ROOT = Path(__file__).parent.parent.parent
MINUTE = 60_000
START = 1_735_689_600_000  # 2025-01-01T00:00:00Z
GROUP = "/apis/tradewind.dev/v1alpha1"


def install(api: Api) -> None:
    """Install the custom resource definitions and plans, and wait until the API server serves them."""
    for file in sorted((ROOT / "crds").glob("*.tradewind.dev.yaml")):
        manifest = yaml.safe_load(file.read_text())
        api.apply(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{manifest['metadata']['name']}", manifest)
    wait_for(lambda: [api.call("GET", f"{GROUP}/{plural}") for plural in ("plans", "tenants", "tradingbots", "backtests")])
    for plan in yaml.safe_load_all((ROOT / "crds/plans.yaml").read_text()):
        api.apply(f"{GROUP}/plans/{plan['metadata']['name']}", plan)


def wait_for(look: Callable[[], Any], seconds: float = 20) -> Any:
    """Return the first true answer of `look`, which may fail meanwhile."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            found = look()
        except (ApiError, OSError, AssertionError):
            if time.monotonic() > deadline:
                raise
            found = None
        if found:
            return found
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def become_operator(api: Api, tenant: str) -> str:
    """Do what the operator does for a tenant, as far as the portal needs it: its namespace."""
    namespace = f"tw-{tenant}-test"
    api.apply(f"/api/v1/namespaces/{namespace}", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    status = {"status": {"namespace": namespace}}
    api.call("PATCH", f"{GROUP}/tenants/{tenant}/status", status, content_type="application/merge-patch+json")
    return namespace


@dataclass
class Pod:
    """A pod object and a token bound to it."""

    name: str
    headers: dict[str, str]


def make_pod(api: Api, namespace: str, name: str, labels: dict[str, str], audience: str = "tradewind-portal") -> Pod:
    """Make a service account and a pod that nobody runs, and ask for a token bound to it, as a kubelet does."""
    api.apply(
        f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}",
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}},
    )
    manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"serviceAccountName": name, "containers": [{"name": "runner", "image": "localhost/none"}]},
    }
    pod = api.call("POST", f"/api/v1/namespaces/{namespace}/pods", manifest)
    request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {
            "audiences": [audience],
            "expirationSeconds": 3600,
            "boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": name, "uid": pod["metadata"]["uid"]},
        },
    }
    token = api.call("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token", request)["status"]["token"]
    assert base64.urlsafe_b64decode(token.split(".")[1] + "==")
    return Pod(name, {"Authorization": f"Bearer {token}"})


@pytest.fixture(scope="module")
def portal(control_plane: Layout, api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalProcess]:
    install(api)
    running = start_portal(tmp_path_factory.mktemp("portal"), control_plane.kubeconfig)
    wait_ready(running)
    yield running
    assert 0 == running.stop()


@dataclass
class Customer:
    """A tenant with the headers of its owner."""

    name: str
    namespace: str
    headers: dict[str, str]


@pytest.fixture(scope="module")
def new_customer(portal: PortalProcess, api: Api) -> Callable[..., Customer]:
    admin = log_in(portal)

    def make(name: str, plan: str = "pro") -> Customer:
        body = {"name": name, "plan": plan, "owner": {"user": f"{name}-owner"}}
        answer = httpx2.post(f"{portal.public}/api/v1/admin/tenants", json=body, headers=admin)
        assert answer.status_code == 201, answer.text
        namespace = become_operator(api, name)
        session = log_in(portal, f"{name}-owner", answer.json()["password"])
        return Customer(name, namespace, make_token(portal, session))

    return make


BOT_SPEC = {
    "strategy": {"template": "sma-crossover"},
    "exchange": "simulated",
    "symbols": ["BTC/USDT"],
    "timeframe": "1m",
    "capital": {"currency": "USDT", "amount": "1000"},
}
BACKTEST_SPEC = {
    "strategy": {"template": "sma-crossover"},
    "dataset": {
        "exchange": "simulated",
        "symbols": ["BTC/USDT"],
        "timeframe": "1m",
        "from": "2025-01-01",
        "to": "2025-01-01T02:00Z",
    },
}


def csv(count: int) -> str:
    """Return a candle file of `count` minutes."""
    rows = [f"{START + index * MINUTE},{100 + index},{102 + index},{99 + index},{101 + index},5" for index in range(count)]
    return "\n".join(["ts,open,high,low,close,volume", *rows])


def test_bot_and_backtest_from_login_to_figures(portal: PortalProcess, api: Api, new_customer: Callable[..., Customer]) -> None:
    """Candles, a backtest and a bot go all the way through both ports."""
    mine = new_customer("path")
    with httpx2.Client(base_url=portal.public, headers=mine.headers) as people, httpx2.Client(base_url=portal.internal) as pods:
        imported = people.put(
            "/api/v1/candles?exchange=simulated&symbol=BTC/USDT", content=csv(120), headers={"Content-Type": "text/csv"}
        )
        assert (200, 120, "1m") == (imported.status_code, imported.json()["candles"], imported.json()["timeframe"]), (
            imported.text
        )

        made = people.post("/api/v1/backtests", json={"metadata": {"name": "first"}, "spec": BACKTEST_SPEC})
        assert 201 == made.status_code, made.text
        uid = made.json()["metadata"]["uid"]
        labels = {"tradewind.dev/tenant": "path", "tradewind.dev/backtest": "first", "tradewind.dev/backtest-uid": uid}
        worker = make_pod(api, mine.namespace, "worker-1", labels)
        span = {"exchange": "simulated", "symbol": "BTC/USDT", "timeframe": "5m", "from": START, "to": START + 120 * MINUTE}
        candles = pods.get("/runner/v1/candles", params=span, headers=worker.headers)
        assert (200, "24") == (candles.status_code, candles.headers["Tradewind-Candles"]), candles.text
        columns = np.frombuffer(candles.content, "<i8").reshape(6, 24)
        assert [START, START + 5 * MINUTE] == columns[0][:2].tolist()
        assert [100.0, 105.0] == columns[1].view("<f8")[:2].tolist()
        assert [106.0, 111.0] == columns[2].view("<f8")[:2].tolist()
        assert [25.0, 25.0] == columns[5].view("<f8")[:2].tolist()
        later = pods.get("/runner/v1/candles", params={**span, "to": START + 130 * MINUTE}, headers=worker.headers)
        assert (404, "DataMissing") == (later.status_code, later.json()["code"])
        assert [{"symbol": "BTC/USDT", "fromMs": START + 120 * MINUTE, "toMs": START + 130 * MINUTE}] == later.json()["missing"]

        assert 204 == pods.post("/runner/v1/progress", json={"done": 60, "total": 120}, headers=worker.headers).status_code
        report = {
            "reportDigest": "d" * 64,
            "trades": 1,
            "tradeList": [],
            "equityCurve": [[START, 1000.0], [START + MINUTE, 1001.5]],
        }
        upload = {"reportDigest": "d" * 64, "report": report}
        first = pods.post("/runner/v1/results", json=upload, headers=worker.headers)
        assert 200 == first.status_code, first.text
        assert first.json() == pods.post("/runner/v1/results", json=upload, headers=worker.headers).json()
        shown = people.get("/api/v1/backtests/first").json()
        assert ({"done": 60, "total": 120, "message": ""}, True) == (shown["progress"], shown["hasReport"])
        assert f'"{first.json()["sha256"]}"' == people.get("/api/v1/backtests/first/report").headers["ETag"]
        assert {"atMs": START + MINUTE, "equity": 1001.5} == people.get("/api/v1/backtests/first/equity").json()["items"][1]

        bot = people.post("/api/v1/bots", json={"metadata": {"name": "sma"}, "spec": BOT_SPEC})
        assert (201, '"1"') == (bot.status_code, bot.headers["ETag"]), bot.text
        uid = bot.json()["metadata"]["uid"]
        labels = {"tradewind.dev/tenant": "path", "tradewind.dev/bot": "sma", "tradewind.dev/bot-uid": uid}
        runner = make_pod(api, mine.namespace, "bot-sma-0", labels)
        hello = {"generation": 1, "strategyDigest": "s", "runnerVersion": "0"}
        assert 1 == pods.post("/runner/v1/start", json=hello, headers=runner.headers).json()["epoch"]
        told = [
            Started(generation=1, strategy_digest="s", runner_version="0", mode="Paper", currency="USDT", capital="1000"),
            Intended(client_order_id="o1", symbol="BTC/USDT", side="buy", amount="2", candle_open_ms=START, reason="entry"),
            Filled(
                client_order_id="o1",
                trade_id="t1",
                symbol="BTC/USDT",
                side="buy",
                amount="2",
                price="100",
                fee="0.2",
                fee_currency="USDT",
            ),
            Equity(equity="999.8", cash="799.8", prices={"BTC/USDT": "100"}),
        ]
        events = [
            event(uid, 1, seq=seq, at_ms=START + seq, data=data).model_dump(mode="json")
            for seq, data in enumerate(told, start=1)
        ]
        for _ in range(2):
            answer = pods.post("/runner/v1/events", json={"epoch": 1, "events": events}, headers=runner.headers)
            assert (200, 4) == (answer.status_code, answer.json().get("acknowledgedSeq")), answer.text
        beat = {"epoch": 1, "trading": True, "unacknowledgedEvents": 0}
        assert 900 == pods.post("/runner/v1/lease", json=beat, headers=runner.headers).json()["leaseSeconds"]

        shown = people.get("/api/v1/bots/sma").json()
        assert ("799.8", "999.8", "2", True) == (
            shown["ledger"]["cash"],
            shown["ledger"]["equity"],
            shown["ledger"]["positions"]["BTC/USDT"]["amount"],
            shown["runner"]["trading"],
        )
        assert ["t1"] == [fill["tradeId"] for fill in people.get("/api/v1/bots/sma/fills").json()["items"]]
        assert 4 == len(people.get("/api/v1/bots/sma/events").json()["items"])
        assert ["999.8"] == [point["equity"] for point in people.get("/api/v1/bots/sma/equity").json()["items"]]

        assert 2 == pods.post("/runner/v1/start", json=hello, headers=runner.headers).json()["epoch"]
        fenced = pods.post("/runner/v1/events", json={"epoch": 1, "events": events}, headers=runner.headers)
        assert (409, "Fenced") == (fenced.status_code, fenced.json()["code"])
