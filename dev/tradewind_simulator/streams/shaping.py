"""What the fault plane does to events and sockets: the rules are its, the effect is here.

Rules are asked with method `EVENT` and, as path, the name of the stream (`btcusdt@kline_1m`) or the type of the user's event
(`executionReport`), once for each event however many get it; with method `WS` and the socket's path when a socket connects
and, for those that are open, when a script is put. `when` says nothing here.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tradewind_simulator.faults import FaultPlane, Rule
from tradewind_simulator.streams.connection import Connection

PRICES = {
    "trade": ("p",),
    "aggTrade": ("p",),
    "24hrTicker": ("c",),
    "24hrMiniTicker": ("c",),
    None: ("b", "a"),  # bookTicker has no type
}
CLOSED_ONLY = frozenset({"unclosed", "revise"})
ON_SOCKETS = frozenset({"silence", "close-socket", "server-shutdown"})
Event = dict[str, Any]


@dataclass(slots=True)
class Shaped:
    """What becomes of an event: sent now, sent after so many seconds, and what is done to the sockets that get it."""

    now: list[Event]
    later: list[tuple[float, Event]] = field(default_factory=list)
    sockets: list[Rule] = field(default_factory=list)


class Shaper:
    """Applies the fault plane to events; keeps those that are to come after the next."""

    def __init__(self, faults: FaultPlane) -> None:
        self._faults = faults
        self._held: dict[tuple[str, str], list[Event]] = {}
        self._asked = faults.rules

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self._faults.rules and not self._held

    def shape(self, path: str, event: Event, *, owner: str = "", cid: str = "", symbol: str = "") -> Shaped:
        """Return what becomes of an event of a stream, or of the account of a key (`owner`)."""
        found = Shaped([event])
        hold = False
        for rule in self._faults.rules:
            if (rule.action["type"] in CLOSED_ONLY and not _closed(event)) or not rule.fits("EVENT", path, cid, symbol):
                continue
            match rule.action["type"]:
                case "delay":
                    found.later += [(float(rule.action["seconds"]), each) for each in found.now]
                    found.now = []
                case "reorder":
                    hold = True
                case "silence" | "close-socket" | "server-shutdown":
                    found.sockets.append(rule)
                case _:
                    found.now = _changed(rule, found.now)
        place = (owner, path)
        if hold:
            self._held.setdefault(place, []).extend(found.now)
            found.now = []
        elif place in self._held:
            found.now += self._held.pop(place)
        return found

    def greet(self, connection: Connection) -> None:
        """Ask what is to be done to a socket that has connected."""
        for rule in self._faults.rules:
            if rule.action["type"] in ON_SOCKETS and rule.fits("WS", connection.path, "", ""):
                self.strike(connection, rule)

    def strike(self, connection: Connection, rule: Rule) -> None:
        """Silence a socket or close it, at once or after saying so."""
        seconds = rule.action.get("seconds")
        match rule.action["type"]:
            case "silence":
                connection.silence(None if seconds is None else float(seconds))
            case "server-shutdown":
                connection.announce_end(self._faults.exchange.clock.now_ms(), float(seconds or 0))
            case _:
                connection.end(int(rule.action.get("code", 1006)))

    def script_was_put(self) -> bool:
        """Return whether there is a script that open sockets were not asked about."""
        changed = self._faults.rules is not self._asked
        self._asked = self._faults.rules
        return changed


def _changed(rule: Rule, events: list[Event]) -> list[Event]:
    """Return the events as a rule lets them be told."""
    action = rule.action
    match action["type"]:
        case "suppress":
            return []
        case "duplicate":
            return events + events[:1] * int(action.get("times", 1))
        case "absurd":
            return [times(each, Decimal(str(action.get("factor", 10)))) for each in events]
        case "unclosed":
            return [{**each, "k": {**each["k"], "x": False}} for each in events]
        case "revise":
            return events + [times(each, Decimal(str(action.get("factor", "1.01")))) for each in events]
    return events


def times(event: Event, factor: Decimal) -> Event:
    """Return a market event with its price multiplied; a candle's high and low go with its close."""
    if event.get("e") == "kline":
        candle = dict(event["k"])
        close = Decimal(candle["c"]) * factor
        high, low = max(close, Decimal(candle["h"])), min(close, Decimal(candle["l"]))
        candle |= {"c": f"{close:.8f}", "h": f"{high:.8f}", "l": f"{low:.8f}"}
        return {**event, "k": candle}
    names = [name for name in PRICES.get(event.get("e"), ()) if isinstance(event.get(name), str)]
    return {**event, **{name: f"{Decimal(event[name]) * factor:.8f}" for name in names}}


def _closed(event: Event) -> bool:
    return event.get("e") == "kline" and bool(event["k"]["x"])
