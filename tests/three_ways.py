"""Bots of several strategies on one simulated exchange that plays recorded candles: on paper by candle, and with real orders.

All are processes of their own, side by side; each live one has an account. Virtual time begins before the first candle, so that
every bot is there when its strategy can first decide.
"""

import csv
import json
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot_world import World, wait_for
from simulator_process import Server

from tradewind_api.document.digest import strategy_digest
from tradewind_api.document.model import StrategyDocument
from tradewind_api.document.validation import lookback_of
from tradewind_api.ledger import LedgerEvent
from tradewind_engine.candles import COLUMNS, Candles
from tradewind_engine.timeframes import timeframe_ms

SYMBOL, CAPITAL = "BTC/USDT", "10000"
START_CANDLES = 30  # before the first one, for all bots to start in


@dataclass(frozen=True)
class Told:
    """What a bot wrote into its ledger, oldest first, and what its exchange has of its orders (none on paper)."""

    events: list[LedgerEvent]
    orders: list[dict[str, Any]]

    def of_type(self, name: str) -> list[LedgerEvent]:
        """Return the events of one kind."""
        return [item for item in self.events if item.type == name]


class Guest(World):
    """A bot with a portal of its own at an exchange that is there already."""

    def __init__(self, folder: Path, host: Server, speed: float) -> None:
        self._host = host
        folder.mkdir()
        super().__init__(folder, speed=speed)

    def start_simulator(self) -> None:
        self.rest, self.control = self._host.rest, self._host.control

    def stop_simulator(self) -> None:
        """Leave it to the others."""

    def last_decision_ms(self) -> int:
        """Return the candle that was decided on last."""
        decided = self.portal.of_type("Decision")
        return decided[-1].data["candleOpenMs"] if decided else 0


def play(
    folder: Path, candles: Candles, documents: Mapping[str, StrategyDocument], *, timeframe: str, pace_s: float
) -> dict[tuple[str, str], Told]:
    """Return what the bots did by (strategy, mode), each candle lasting `pace_s` of wall time."""
    speed = timeframe_ms(timeframe) / 1000 / pace_s
    with (folder / "candles.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(zip(*(column.tolist() for column in candles.columns()), strict=True))
    accounts = {
        name: {"balances": {"USDT": "20000"}, "keys": [{"key": f"key-{name}", "secret": f"secret-{name}"}]}
        for name in documents
    }
    options = ["--data", str(folder / "candles.csv"), "--symbol", SYMBOL, "--symbols", "[]", "--speed", str(speed)]
    options += [
        "--start-ms",
        str(int(candles.ts[0] - START_CANDLES * timeframe_ms(timeframe))),
        "--accounts",
        json.dumps(accounts),
    ]
    options += ["--weight-limit", "0", "--order-limit-10s", "0", "--order-limit-day", "0"]
    host = Server(folder / "simulator", *options)
    guests: dict[tuple[str, str], Guest] = {}
    try:
        for name, document in documents.items():
            for mode in ("Paper", "Live"):
                guest = guests[name, mode] = Guest(folder / f"{name}-{mode}", host, speed)
                _configure(guest, name, document, mode, timeframe)
                guest.start_bot()
        end_ms, patience = int(candles.ts[-3]), 3 * pace_s * (START_CANDLES + len(candles))
        for guest in guests.values():
            wait_for(lambda guest=guest: guest.last_decision_ms() >= end_ms or _has_ended(guest), patience)
        for guest in guests.values():
            guest.processes[0].terminate()
        for guest in guests.values():
            guest.processes[0].wait(30)
        found = {key: Told(list(guest.portal.events), _orders(host, *key)) for key, guest in guests.items()}
    finally:
        for guest in guests.values():
            guest.close()
        host.stop()
    return found


def late(found: Mapping[tuple[str, str], Told], candles: Candles, documents: Mapping[str, StrategyDocument]) -> list[str]:
    """Return which bots began after they could, or decided when a candle was long over: the machine was too slow for them."""
    decided = {key: [item.data for item in told.of_type("Decision")] for key, told in found.items()}
    began = {key: decisions[0]["candleOpenMs"] for key, decisions in decided.items()}
    behind = [f"{key} began at {ts}" for key, ts in began.items() if ts > candles.ts[lookback_of(documents[key[0]])]]
    return behind + [
        f"{key} at {data['candleOpenMs']}: {data['blocked']}"
        for key, decisions in decided.items()
        for data in decisions
        if (data.get("blocked") or "").startswith("Late")
    ]


def _configure(guest: Guest, name: str, document: StrategyDocument, mode: str, timeframe: str) -> None:
    where = {"rest": f"http://127.0.0.1:{guest.rest}", "ws": f"ws://127.0.0.1:{guest.rest}"}
    changes: dict[str, Any] = {
        "bot": {"uid": f"{name}-{mode}", "name": name, "namespace": "n", "tenant": "t", "plan": "pro", "generation": 1},
        "mode": mode,
        "exchange": {"name": "simulated", "ccxtId": "binance", "endpoint": where, "clockSpeed": guest.speed},
        "symbols": [SYMBOL],
        "timeframe": timeframe,
        "strategy": document.to_json(),
        "strategyDigest": strategy_digest(document),
        "capital": {"currency": "USDT", "amount": CAPITAL},
        "stopPolicy": "LeaveOpen",
    }
    if mode == "Live":
        changes["credentials"] = "main"
        guest.portal.credential = {"id": "main", "version": 1, "apiKey": f"key-{name}", "secret": f"secret-{name}"}
    guest.configure(**changes)


def _has_ended(guest: Guest) -> bool:
    if guest.processes[0].poll() is not None:
        raise AssertionError(f"the bot has ended: {(guest.folder / 'bot-0.log').read_text()[-2000:]}")
    return False


def _orders(host: Server, name: str, mode: str) -> list[dict[str, Any]]:
    if mode == "Paper":
        return []
    with urllib.request.urlopen(f"http://127.0.0.1:{host.control}/v1/accounts/{name}/orders", timeout=5) as answer:
        orders: list[dict[str, Any]] = json.loads(answer.read())
    return orders
