"""A live bot's process with the real simulated exchange around it: an account, its key, and a hand on faults and journal."""

import json
import urllib.request
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot_world import World

from tradewind_api.document.resolve import template, with_parameters
from tradewind_api.fold import fold
from tradewind_api.ledger import LedgerState

KEY, SECRET = "needle-key-7c1f", "needle-secret-93ab"
ACCOUNTS = {"trader": {"balances": {"USDT": "20000"}, "keys": [{"key": KEY, "secret": SECRET}]}}


def holding(**protect: float) -> dict[str, Any]:
    """Return a strategy that buys soon and sells by nothing but its protection: a stop far away, unless another is wanted."""
    document = with_parameters(template("sma-crossover"), {"fast.period": 2, "slow.period": 5}).to_json()
    del document["exit"]
    return document | {"timeframe": "1m", "protect": protect or {"stopLossPercent": 50}}


class LiveWorld(World):
    """A world whose bots trade on an account of 20,000 USDT, of which they may use 10,000."""

    def __init__(self, folder: Path, *, speed: float = 600.0, options: tuple[str, ...] = ()) -> None:
        super().__init__(
            folder, speed=speed, simulator_options=("--accounts", json.dumps(ACCOUNTS), "--order-limit-10s", "0", *options)
        )
        self.portal.credential = {"id": "main", "version": 1, "apiKey": KEY, "secret": SECRET}

    def configure(self, **changes: Any) -> None:
        exchange = {
            "name": "simulated",
            "ccxtId": "binance",
            "endpoint": {"rest": f"http://127.0.0.1:{self.rest}", "ws": f"ws://127.0.0.1:{self.rest}"},
            "clockSpeed": self.speed,
        }
        super().configure(**({"mode": "Live", "credentials": "main", "exchange": exchange} | changes))

    def control_call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.control}/v1/{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.loads(answer.read())

    def orders(self) -> list[dict[str, Any]]:
        """Return all orders of the account with their trades, oldest first."""
        return self.control_call("GET", "accounts/trader/orders")

    def state(self) -> LedgerState:
        return fold(sorted(self.portal.events, key=lambda item: (item.epoch, item.seq)))


def check_against_exchange(world: LiveWorld) -> None:
    """The ledger's fills are the exchange's by trade id, each order has one intent, what is open there is open here."""
    orders = world.orders()
    trades = {str(trade["id"]): Decimal(trade["qty"]) for order in orders for trade in order["trades"]}
    fills = {item.data["tradeId"]: Decimal(item.data["amount"]) for item in world.portal.of_type("Filled")}
    assert trades == fills
    intents = {item.data["clientOrderId"] for item in world.portal.of_type("Intended")}
    ids = [order["clientOrderId"] for order in orders]
    assert len(set(ids)) == len(ids)
    assert set(ids) <= intents
    closed = {item.data["clientOrderId"] for item in world.portal.of_type("Closed")}
    still = {order["clientOrderId"] for order in orders if order["status"] in {"NEW", "PARTIALLY_FILLED"}}
    assert still <= intents - closed
    balances = world.control_call("GET", "accounts/trader")["balances"]
    for symbol, position in world.state().positions.items():
        there = balances[symbol.split("/")[0]]
        assert position.amount <= Decimal(there["free"]) + Decimal(there["locked"])
