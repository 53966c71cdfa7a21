"""Bots of several strategies on one simulated exchange that plays recorded candles: on paper by candle, and with real orders.

All are processes of their own, side by side; each live one has an account. The exchange's clock stands still before the price
goes on, until every bot has done what it does at this price: so nothing depends on how fast the machine is.
"""

import csv
import json
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot_world import World, wait_for
from held_clock import HeldClock
from simulator_process import Server

from tradewind_api.document.digest import strategy_digest
from tradewind_api.document.model import StrategyDocument
from tradewind_api.document.validation import lookback_of
from tradewind_api.fold import fold
from tradewind_api.ledger import LedgerEvent, LedgerState
from tradewind_engine.candles import Candles
from tradewind_engine.timeframes import timeframe_ms
from tradewind_engine.trading.sizing import exact, next_step, stop_price, target_price
from tradewind_simulator.market.path import stations
from tradewind_simulator.market.trade_files import COLUMNS

SYMBOL, CAPITAL, STEP = "BTC/USDT", "10000", Decimal("0.00001")
AT_OPEN = {"Entry", "Exit", "MaxCandles"}
STATIONS = (0.0, 0.35, 0.6, 0.85)  # which part of a candle is over when its open, its extremes and its close are traded
PACE_S = 0.15  # of the wall for a candle, without the time that the clock stands still
BEFORE_MS = 1000  # the clock stands still so long before the price goes on
PATIENCE_S = 60.0
STARTER = str(Path(__file__).with_name("held_clock.py"))


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

    def __init__(self, folder: Path, host: Server, speed: float, document: StrategyDocument, mode: str) -> None:
        self._host, self._document, self._live = host, document, mode == "Live"
        self._read, self._state, self._last = 0, LedgerState(), {}
        self._open: dict[str, dict[str, Any]] = {}
        self._known: set[str] = set()  # orders that the exchange has acknowledged
        self._sent: set[tuple[int, str]] = set()
        folder.mkdir()
        super().__init__(folder, speed=speed)

    def start_simulator(self) -> None:
        self.rest, self.control = self._host.rest, self._host.control

    def stop_simulator(self) -> None:
        """Leave it to the others."""

    def wait_at(self, decided_ms: int | None, price: Decimal) -> None:
        """Wait until the bot has done what it does while the price stands here."""
        deadline = time.monotonic() + PATIENCE_S
        while missing := self.missing(decided_ms, price):
            assert time.monotonic() < deadline, f"{self.folder.name} lacks {missing}: {self.portal.events[-12:]}"
            time.sleep(0.003)

    def missing(self, decided_ms: int | None, price: Decimal) -> str:
        """Return what the bot has yet to do, decisions and what belongs to this price; an empty string if nothing."""
        self._follow()
        if decided_ms is not None and self._last.get("candleOpenMs") != decided_ms:
            return f"a decision on {decided_ms}, the last is on {self._last.get('candleOpenMs')}"
        if self._last.get("action") == "Exit" and not self._sent & {(self._last["candleOpenMs"], why) for why in AT_OPEN}:
            return "the sale that was decided on"
        if going := [cid for cid, intent in self._open.items() if intent["orderType"] == "market"]:
            return f"the end of {going}"
        return self._not_as_wished(price) if self._live else ""

    def _not_as_wished(self, price: Decimal) -> str:
        """Return what is not yet as the document wants it at this price: sold or bought, or an order that rests.

        A step of the ladder that the cash does not suffice for would be waited for in vain; the stretch has none.
        """
        held = self._state.positions.get(SYMBOL)
        if held is None:
            return f"the end of {list(self._open)}" if self._open else ""
        stop, target = stop_price(held, self._document)[0], target_price(held, self._document)
        step = next_step(held, self._document)
        if price <= stop or (target is not None and price >= target):
            return f"a sale at {price}"
        if step is not None and price <= step:
            return f"a step of the ladder at {price}"
        rests = [intent for cid, intent in self._open.items() if cid in self._known]
        stops = [Decimal(intent["amount"]) for intent in rests if intent["side"] == "sell"]
        steps = [Decimal(intent["price"]) for intent in rests if intent["side"] == "buy"]
        if stop > 0 and held.amount // STEP * STEP not in stops:
            return f"a stop for {held.amount}"
        if step is not None and not any(abs(level - step) < 1 for level in steps):
            return f"the ladder's step at {step}"
        return ""

    def _follow(self) -> None:
        if self.processes[0].poll() is not None:
            raise AssertionError(f"the bot has ended: {(self.folder / 'bot-0.log').read_text()[-2000:]}")
        events = list(self.portal.events[self._read :])
        self._read += len(events)
        self._state = fold(events, self._state)
        for item in events:
            match item.type:
                case "Decision":
                    self._last = item.data
                case "Intended":
                    self._open[item.data["clientOrderId"]] = item.data
                    self._sent.add((item.data["candleOpenMs"], item.data["reason"]))
                case "Acknowledged":
                    self._known.add(item.data["clientOrderId"])
                case "Closed":
                    del self._open[item.data["clientOrderId"]]


def play(
    folder: Path, candles: Candles, documents: Mapping[str, StrategyDocument], *, timeframe: str
) -> dict[tuple[str, str], Told]:
    """Return what the bots did by (strategy, mode)."""
    length, clock = timeframe_ms(timeframe), HeldClock.make(folder / "clock")
    speed = length / 1000 / PACE_S
    with (folder / "trades.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(tape(candles, length))
    accounts = {
        name: {"balances": {"USDT": "20000"}, "keys": [{"key": f"key-{name}", "secret": f"secret-{name}"}]}
        for name in documents
    }
    start_ms = int(candles.ts[0]) - length
    options = ["--data", str(folder / "trades.csv"), "--symbol", SYMBOL, "--symbols", "[]", "--speed", str(speed)]
    options += ["--start-ms", str(start_ms), "--accounts", json.dumps(accounts)]
    options += ["--weight-limit", "0", "--order-limit-10s", "0", "--order-limit-day", "0"]
    starter = (sys.executable, STARTER, str(folder / "clock"))
    host = Server(folder / "simulator", *options, command=(*starter, "tradewind_simulator"))
    guests: dict[tuple[str, str], Guest] = {}
    try:
        for name, document in documents.items():
            for mode in ("Paper", "Live"):
                guest = guests[name, mode] = Guest(folder / f"{name}-{mode}", host, speed, document, mode)
                guest.bot_command = (*starter, "tradewind_runner.bot")
                _configure(guest, name, document, mode, timeframe)
                guest.start_bot()
        for guest in guests.values():
            wait_for(lambda guest=guest: guest.portal.of_type("Started"), PATIENCE_S)
        trades = list(tape(candles, length))
        for number in range(len(trades) - len(STATIONS)):
            index = number // len(STATIONS)
            clock.go_on((trades[number + 1][0] - BEFORE_MS - start_ms) / 1000 / speed)
            clock.arrive()
            for (name, _), guest in guests.items():
                decided_ms = int(candles.ts[index - 1]) if index > lookback_of(documents[name]) else None
                guest.wait_at(decided_ms, exact(trades[number][3]))
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


def tape(candles: Candles, length_ms: int) -> Iterator[tuple[int, int, str, float, float]]:
    """Yield trades that make these candles: at its open, its two extremes and its close, each at the price until the next.

    So an order of a close is filled at the open of the next candle, which is all that candles say: how the price went between
    the four is known to nobody.
    """
    number = 0
    for ts, open_, high, low, close, volume in zip(*(column.tolist() for column in candles.columns()), strict=True):
        before = open_
        for part, price in zip(STATIONS, stations(open_, high, low, close), strict=True):
            number += 1
            yield ts + int(part * (length_ms - 1)), number, "buy" if price >= before else "sell", price, volume / 4
            before = price


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


def _orders(host: Server, name: str, mode: str) -> list[dict[str, Any]]:
    if mode == "Paper":
        return []
    with urllib.request.urlopen(f"http://127.0.0.1:{host.control}/v1/accounts/{name}/orders", timeout=5) as answer:
        orders: list[dict[str, Any]] = json.loads(answer.read())
    return orders
