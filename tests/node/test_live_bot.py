"""Live bots in real pods against the simulated exchange: what is lost and killed, where their keys are, how they end."""

import base64
import json
from decimal import Decimal
from itertools import count

import pytest
from faults.matrix import after_post, check_envelopes, check_ledger, check_requests
from platform_world import wait_for

from tradewind_api.fold import fold
from tradewind_api.ledger import LedgerEvent
from tradewind_cli.client import ApiError
from tradewind_demo import demo
from tradewind_demo.kube import NAMESPACE
from tradewind_engine.trading.identity import epoch_of

CONTROL = f"/api/v1/namespaces/{NAMESPACE}/services/tradewind-simulator:9001/proxy/v1"
KEY, SECRET = "key-of-a-live-bot", "secret-that-nobody-may-find"
STRATEGY = {
    "schema": "tradewind.strategy/v1",
    "timeframe": "1m",
    "nodes": [
        {"id": "fast", "op": "sma", "in": ["close"], "params": {"period": 2}},
        {"id": "slow", "op": "sma", "in": ["close"], "params": {"period": 5}},
        {"id": "rises", "op": "crosses_above", "in": ["fast", "slow"]},
        {"id": "falls", "op": "crosses_below", "in": ["fast", "slow"]},
    ],
    "entry": {"when": "rises", "size": {"percentOfEquity": 100}},
    "exit": {"when": "falls"},
}
HOLDS = {name: part for name, part in STRATEGY.items() if name != "exit"} | {
    "nodes": STRATEGY["nodes"][:3],
    "protect": {"stopLossPercent": 50},
}
NUMBERS = count(1)


class LiveBot:
    """A bot with an account and a key of its own at the simulated exchange."""

    def __init__(self, platform, strategy, **spec):
        self.platform, self.name = platform, f"live-{next(NUMBERS)}"
        self.key = f"{KEY}-{self.name}"
        account = {"balances": {"USDT": "10000"}, "keys": [{"key": self.key, "secret": SECRET}]}
        self.control("replace", f"accounts/{self.name}", account)
        self.client = platform.client
        request = {"name": self.name, "exchange": demo.EXCHANGE, "apiKey": self.key, "secret": SECRET}
        self.client.call("POST", "/exchange-keys", request)
        wanted = {
            "strategy": {"document": strategy},
            "exchange": demo.EXCHANGE,
            "symbols": ["BTC/USDT"],
            "timeframe": "1m",
            "mode": "Live",
            "credentials": self.name,
            "capital": {"currency": "USDT", "amount": "5000"},
        }
        made = self.client.call("POST", "/bots", {"metadata": {"name": self.name}, "spec": wanted | spec})
        self.uid = made["metadata"]["uid"]

    def control(self, verb, path, body=None):
        """Ask the exchange's control port, through the API server's proxy."""
        raw = self.platform.kube.kubectl(
            verb, "--raw", f"{CONTROL}/{path}", *(["-f", "-"] if body is not None else []), stdin=json.dumps(body)
        )
        return json.loads(raw)

    def requests(self):
        """Return what the exchange has been asked with the bot's key."""
        return [entry for entry in self.control("get", "journal") if entry["apiKey"] == self.key]

    def posts(self):
        """Return the orders that it has sent."""
        return [entry for entry in self.requests() if entry["method"] == "POST" and entry["path"] == "/api/v3/order"]

    def orders(self):
        """Return the orders that the exchange has of it."""
        found = self.control("get", f"accounts/{self.name}/orders")
        return [order for order in found if epoch_of(order["clientOrderId"], self.uid) is not None]

    def events(self):
        """Return the ledger, in its order."""
        found = [
            LedgerEvent.model_validate(
                {name: item[name] for name in ("epoch", "seq", "atMs", "type", "data")} | {"botUid": self.uid}
            )
            for item in self.client.all_items(f"/bots/{self.name}/events")
        ]
        return sorted(found, key=lambda item: (item.epoch, item.seq))

    def resource(self):
        try:
            return self.client.call("GET", f"/bots/{self.name}")
        except ApiError as exc:
            assert 404 == exc.status
            return None

    def summary(self):
        """Return what it does in a word, an empty string where nobody has said it yet."""
        return self.resource().get("status", {}).get("summary", "")

    def epochs(self):
        return len({item.epoch for item in self.events()})

    def delete(self):
        self.client.call("DELETE", f"/bots/{self.name}")
        wait_for(lambda: self.resource() is None, 400)

    def kill_pod(self):
        """Have its process killed at once, with all that it had on its disk."""
        namespace = self.platform.namespace()
        self.platform.kube.kubectl(
            "delete", "pod", "-n", namespace, "-l", f"tradewind.dev/bot={self.name}", "--grace-period=0", "--force"
        )


@pytest.fixture(autouse=True)
def platform_is_back(platform):
    """Tests before these kill the node with all its pods: portal and exchange answer again."""
    wait_for(lambda: platform.kube.tried("get", "--raw", f"{CONTROL}/accounts").returncode == 0, 300)
    wait_for(lambda: platform.answers("/readyz"), 300)


def test_a_live_bot_whose_answers_are_lost_and_whose_pod_is_killed_trades_each_decision_once(platform):
    """Five answers are lost in five ways, three pods killed; in the end ledger and exchange have the same orders and money."""
    bot = LiveBot(platform, STRATEGY, stopPolicy="CancelOrdersAndClosePositions")
    lost = ["reset", {"type": "answer", "status": 502, "body": "<html>bad gateway</html>"}, "html200", "empty200", "drop"]
    bot.control("replace", "faults", [after_post(action, nth=nth) for nth, action in enumerate(lost, start=1)])
    try:
        for sent in (1, 2, 4):
            wait_for(lambda sent=sent: len(bot.posts()) >= sent, 240)
            before = bot.epochs()
            bot.kill_pod()
            wait_for(lambda before=before: bot.epochs() > before)
        wait_for(lambda: len(bot.posts()) >= len(lost) + 2, 240)
        assert [1] * len(lost) == [rule["applied"] for rule in bot.control("get", "faults")]
    finally:
        bot.control("replace", "faults", [])
    bot.client.call("PATCH", f"/bots/{bot.name}", {"spec": {"runPolicy": "Stopped"}})
    wait_for(lambda: bot.summary() == "Stopped")
    events = bot.events()
    typed, state = [item.typed() for item in events], fold(events)
    assert 4 == len({item.epoch for item in events})
    check_envelopes(events)
    check_requests(bot.requests(), typed)
    check_ledger(bot.orders(), typed, state, "BTC/USDT")
    there = bot.control("get", f"accounts/{bot.name}")
    assert 0 == there["openOrders"]
    assert Decimal(there["balances"]["USDT"]["free"]) - 10_000 == state.cash - 5_000
    assert {} == state.positions
    bot.delete()


def test_the_key_of_a_live_bot_is_in_no_resource_log_or_environment(platform):
    """Neither its secret part, nor that in base64, wherever an administrator can read."""
    bot, kube = LiveBot(platform, STRATEGY), platform.kube
    wait_for(lambda: bot.summary() == "Trading")
    namespace, pod = platform.namespace(), f"pod/{bot.resource()['status']['runner']['podName']}"
    kinds = kube.kubectl("api-resources", "--verbs=list", "-o", "name").split()
    seen = {kind: kube.kubectl("get", kind, "-A", "-o", "json", check=False) for kind in kinds}
    seen |= {"log": kube.kubectl("logs", "-n", namespace, pod), "description": kube.kubectl("describe", "-n", namespace, pod)}
    for part in ("operator", "portal"):
        label = f"app.kubernetes.io/component={part}"
        seen[part] = kube.kubectl("logs", "-n", NAMESPACE, "-l", label, "--tail=-1")
    look = "import pathlib; print(pathlib.Path('/proc/1/environ').read_text(), pathlib.Path('/proc/1/cmdline').read_text())"
    seen["process"] = kube.kubectl("exec", "-n", namespace, pod, "--", "python3", "-c", look)
    assert all(seen[kind] for kind in ("pods", "secrets", "configmaps", "log", "operator", "portal", "process"))
    assert "tradingbots.tradewind.dev" in [name for name, text in seen.items() if bot.name in text], "what is there is found"
    encoded = base64.b64encode(SECRET.encode()).decode()
    assert [] == [name for name, text in seen.items() if SECRET in text or encoded in text]
    bot.delete()


def test_a_live_bot_that_is_deleted_while_its_pod_dies_leaves_no_order_at_the_exchange(platform):
    """The stop that rests there is cancelled, by its next pod or by the reaper, before the bot is gone."""
    bot = LiveBot(platform, HOLDS, stopPolicy="CancelOrders")
    wait_for(lambda: bot.control("get", f"accounts/{bot.name}")["openOrders"] == 1, 240)
    bot.client.call("DELETE", f"/bots/{bot.name}")
    bot.kill_pod()
    wait_for(lambda: bot.resource() is None, 400)
    there = bot.control("get", f"accounts/{bot.name}")
    assert 0 == there["openOrders"]
    assert ["CANCELED"] == [order["status"] for order in bot.orders() if order["type"] == "STOP_LOSS_LIMIT"]
    assert Decimal(there["balances"]["BTC"]["free"]) > 0


def test_a_key_that_may_withdraw_is_refused_and_a_revoked_one_halts_its_bot(platform):
    """With the reason in `kubectl describe` and in the API."""
    bot = LiveBot(platform, STRATEGY)
    wait_for(lambda: bot.summary() == "Trading")
    bot.control("replace", "faults", [{"action": {"type": "revoke", "key": bot.key}}])
    try:
        wait_for(lambda: bot.summary() == "Halted", 240)
        told = platform.kube.kubectl("describe", "tb", bot.name, "-n", platform.namespace())
        assert "CredentialsRefused" in told
        assert "CredentialsRefused" in json.dumps(bot.resource())
    finally:
        bot.control("delete", "faults")  # gives the key back: what is open or to be sold keeps a bot without one from ending
    greedy = {"key": "a-greedy-key", "secret": SECRET, "permissions": ["read", "trade", "withdraw"]}
    bot.control("replace", "accounts/greedy", {"keys": [greedy]})
    request = {"name": "greedy", "exchange": demo.EXCHANGE, "apiKey": "a-greedy-key", "secret": SECRET}
    with pytest.raises(ApiError, match="withdraw"):
        bot.client.call("POST", "/exchange-keys", request)
    bot.delete()
