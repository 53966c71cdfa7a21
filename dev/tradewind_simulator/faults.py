"""The fault plane: an ordered script of what goes wrong, asked by every interface of the exchange at every request and event.

A rule is `{"match": {...}, "when": "before" | "after", "times": n, "action": {"type": ...}}`; a match has any of method, path,
cid, symbol, nth. Paths, client ids and symbols may hold `*`. `nth` counts the requests that the rest of the match fits; without
it the first `times` of them are meant, all if that is missing too. "before" is before the exchange does what is asked, "after"
is when it is done and the answer is due. A rule without a match that changes the exchange is applied at once. Events are asked
for as method `EVENT`, with the event's type (`executionReport`) or the stream's name as path; sockets as method `WS` with their
path; requests of the WebSocket API as method `WS-API`, with theirs as path.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

from tradewind_simulator.exchange import SimulatedExchange

When = Literal["before", "after"]
NUMBER = (int, float)
# What each action must have (type) and may have (type).
ON_ANSWERS: dict[str, dict[str, tuple[type | tuple[type, ...], bool]]] = {
    "delay": {"seconds": (NUMBER, True)},
    "drop": {},
    "reset": {},
    "close": {},
    "answer": {"status": (int, True), "body": ((str, dict, list), False), "headers": (dict, False)},
    "html200": {},
    "empty200": {},
    "truncated200": {},
    "huge200": {"megabytes": (int, True)},
    "lag": {"times": (int, False), "seconds": (NUMBER, False)},
}
ON_EXCHANGE: dict[str, dict[str, tuple[type | tuple[type, ...], bool]]] = {
    "skew": {"ms": (int, True)},
    "halt": {"symbol": (str, True), "status": (str, False)},
    "filters": {"symbol": (str, True), "filters": (dict, True)},
    "revoke": {"key": (str, True), "revoked": (bool, False)},
    "ban": {"ip": (str, True), "seconds": (NUMBER, False)},
}
ON_EVENTS: dict[str, dict[str, tuple[type | tuple[type, ...], bool]]] = {
    "suppress": {},
    "duplicate": {"times": (int, False)},
    "reorder": {},
    "silence": {"seconds": (NUMBER, False)},
    "close-socket": {"code": (int, False)},
    "server-shutdown": {"seconds": (NUMBER, False)},
    "absurd": {"factor": (NUMBER, False)},
    "unclosed": {},
    "revise": {"factor": (NUMBER, False)},
}
ACTIONS = ON_ANSWERS | ON_EXCHANGE | ON_EVENTS
MATCHES = ("method", "path", "cid", "symbol", "nth")
STATUSES = ("TRADING", "HALT", "BREAK", "CANCEL_ONLY", "END_OF_DAY")


@dataclass(slots=True)
class Rule:
    """A rule and how often it fitted and was applied."""

    number: int
    match: Mapping[str, Any]
    when: When
    action: Mapping[str, Any]
    times: int | None
    fitted: int = 0
    applied: int = 0

    def fits(self, method: str, path: str, cid: str, symbol: str) -> bool:
        """Return whether it is to be applied to this one; counts it."""
        match = self.match
        if "method" in match and match["method"] != method:
            return False
        for name, value in (("path", path), ("cid", cid), ("symbol", symbol)):
            if name in match and match[name] != value and not fnmatchcase(value, match[name]):
                return False
        self.fitted += 1
        nth = match.get("nth")
        if nth is not None and self.fitted < nth:
            return False
        most = self.times if self.times is not None else (1 if nth is not None else None)
        if most is not None and self.applied >= most:
            return False
        self.applied += 1
        return True

    def view(self) -> dict[str, Any]:
        """Return the rule with its counts."""
        found = {"number": self.number, "match": self.match, "when": self.when, "action": self.action, "times": self.times}
        return {**found, "fitted": self.fitted, "applied": self.applied}


@dataclass(slots=True)
class FaultPlane:
    """The rules of one exchange, in their order."""

    exchange: SimulatedExchange
    rules: list[Rule] = field(default_factory=list)

    def put(self, script: object) -> None:
        """Take a script in place of the one before. Raises ValueError, and then keeps that."""
        if not isinstance(script, list):
            raise ValueError("a script is a list of rules")  # noqa: TRY004 - what the caller catches
        rules = [_rule(number, item, self.exchange) for number, item in enumerate(script, start=1)]
        for rule in rules:
            if not rule.match and rule.action["type"] in ON_EXCHANGE:
                rule.fitted = rule.applied = 1
                change(self.exchange, rule.action)
        self.rules = [rule for rule in rules if not rule.applied]

    def clear(self) -> None:
        """Forget the script, set the clock right, lift halts and bans, accept all keys; changed filters go back too."""
        self.rules = []
        exchange = self.exchange
        exchange.skew_ms = 0
        exchange.statuses.clear()
        exchange.filter_changes.clear()
        exchange.rules_changed += 1
        exchange.limiter.lift_bans()
        for account in exchange.accounts.all():
            for key in account.keys.values():
                key.revoked = False

    def hits(self, when: When, method: str, path: str, *, cid: str = "", symbol: str = "") -> list[Rule]:
        """Return the rules that apply now; those that change the exchange have then done so."""
        found = [rule for rule in self.rules if rule.when == when and rule.fits(method, path, cid, symbol)]
        for rule in found:
            if rule.action["type"] in ON_EXCHANGE:
                change(self.exchange, rule.action)
        return found


def change(exchange: SimulatedExchange, action: Mapping[str, Any]) -> None:
    """Apply an action to the exchange itself."""
    match action["type"]:
        case "skew":
            exchange.skew_ms = action["ms"]
        case "halt":
            exchange.statuses[action["symbol"]] = action.get("status", "HALT")
        case "filters":
            exchange.change_filters(action["symbol"], action["filters"])
        case "revoke":
            exchange.accounts.revoke(action["key"], revoked=action.get("revoked", True))
        case "ban":
            until = exchange.clock.now_ms() + int(action.get("seconds", 120) * 1000 * exchange.clock.speed)
            exchange.limiter.ban(action["ip"], until)


def _rule(number: int, item: object, exchange: SimulatedExchange) -> Rule:
    place = f"rule {number}"
    wanted = 'wanted is {"match": {}, "when": "before" | "after", "times": n, "action": {}}'
    if not isinstance(item, dict):
        raise ValueError(f"{place}: {wanted}")  # noqa: TRY004 - what the border catches
    if unknown := set(item) - {"match", "when", "action", "times"}:
        raise ValueError(f"{place}: it has no {', '.join(sorted(unknown))}; {wanted}")
    match, when, times = item.get("match", {}), item.get("when", "before"), item.get("times")
    if not isinstance(match, dict) or set(match) - set(MATCHES):
        raise ValueError(f"{place}: a match has {', '.join(MATCHES)}")
    if any(not isinstance(match[name], int if name == "nth" else str) for name in match):
        raise ValueError(f"{place}: nth is a number, all else of a match is text")
    if when not in {"before", "after"}:
        raise ValueError(f"{place}: when is before or after, not {when!r}")
    if times is not None and (not isinstance(times, int) or times < 1):
        raise ValueError(f"{place}: times is a number from 1 on")
    action = item.get("action")
    action = {"type": action} if isinstance(action, str) else action
    if not isinstance(action, dict) or action.get("type") not in ACTIONS:
        raise ValueError(f"{place}: the type of an action is one of {', '.join(ACTIONS)}")
    _check_action(place, action, exchange)
    return Rule(number, match, when, action, times)


def _check_action(place: str, action: dict[str, Any], exchange: SimulatedExchange) -> None:
    fields = ACTIONS[action["type"]]
    if unknown := set(action) - set(fields) - {"type"}:
        raise ValueError(f"{place}: {action['type']} has no {', '.join(sorted(unknown))}")
    for name, (wanted, needed) in fields.items():
        if name not in action:
            if needed:
                raise ValueError(f"{place}: {action['type']} needs {name}")
        elif not isinstance(action[name], wanted):
            raise ValueError(f"{place}: {name} cannot be {action[name]!r}")
    if "symbol" in action and action["symbol"] not in exchange.listings:
        raise ValueError(f"{place}: {action['symbol']} is not listed")
    if action.get("status", "HALT") not in STATUSES and action["type"] == "halt":
        raise ValueError(f"{place}: a status is one of {', '.join(STATUSES)}")
    if action["type"] == "answer" and not 200 <= action["status"] <= 599:
        raise ValueError(f"{place}: {action['status']} is no status of an answer")
