"""Exchange keys with a real API server: the portal's own rights are enough, and only the right pod's real token gets one."""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest
from portal_cluster import BOT_SPEC, GROUP, Customer, add_customer, kubeconfig, make_pod, wait_for  # noqa: F401
from portal_process import PortalProcess, start_portal, wait_ready

from tradewind_api.ledger import Halted, Started, event
from tradewind_api.resources import NOTICE_ANNOTATION
from tradewind_cluster.api import Api

SECRET = "secret-canary-real-cluster"
KEY = {"name": "main", "exchange": "simulated", "apiKey": "AKIA-0123456789-0123456789", "secret": SECRET}
HELLO = {"generation": 1, "strategyDigest": "s", "runnerVersion": "0"}
PERMISSIONS = {"ipRestrict": True, "enableWithdrawals": False, "enableSpotAndMarginTrading": True}


class Restrictions(BaseHTTPRequestHandler):
    """The two answers that a check of a key needs."""

    def do_GET(self) -> None:
        answer = {"serverTime": 1_700_000_000_000} if self.path.startswith("/api/v3/time") else PERMISSIONS
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def portal(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalProcess]:  # noqa: F811
    """A portal that may take keys, and an exchange that answers it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Restrictions)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    folder = tmp_path_factory.mktemp("portal")
    (folder / "kek.json").write_text(json.dumps({"k1": base64.b64encode(b"1" * 32).decode()}))
    exchanges = [
        {"name": "simulated", "ccxtId": "binance", "endpoint": {"rest": f"http://127.0.0.1:{server.server_address[1]}"}}
    ]
    running = start_portal(folder / "data", kubeconfig, kek_file=str(folder / "kek.json"), exchanges=json.dumps(exchanges))
    wait_ready(running)
    yield running
    assert running.stop() == 0
    server.shutdown()
    server.server_close()
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
