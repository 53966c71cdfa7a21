"""Who is logged on on a socket, and which accounts' events it is sent.

An event is encoded once, however many sockets get it. Events come while an order is being placed, so they are queued at once
and written when the loop comes round: before the order's own answer on the same socket, as on the exchange.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from tradewind_simulator.accounts import ApiKey
from tradewind_simulator.errors import DialectError
from tradewind_simulator.events import Events, OrderEvent
from tradewind_simulator.streams.connection import Connection, frame
from tradewind_simulator.streams.shaping import Shaper


@dataclass(slots=True, eq=False)
class Session:
    """One socket: the key that it is logged on with, and the keys whose events it is sent, by subscription."""

    connection: Connection
    key: ApiKey | None = None
    logged_on_ms: int = 0
    subscriptions: dict[int, str] = field(default_factory=dict)
    next_subscription: int = 0


class Sessions:
    """All sockets of the WebSocket API."""

    def __init__(self, shaper: Shaper, events: Events) -> None:
        self._shaper, self._events = shaper, events
        self._stop: Callable[[], None] | None = None
        self.open: dict[Session, None] = {}
        self.dropped = 0
        self._by_key: dict[str, dict[Session, int]] = {}
        self._written: dict[Connection, None] = {}
        self._held = False

    def subscribe(self, session: Session, key: str) -> int:
        """Let a socket have the events of a key's account; return the number of the subscription. Raises DialectError."""
        if key in session.subscriptions.values():
            raise DialectError(-2035, "Subscription already active.")
        listeners = self._by_key.setdefault(key, {})
        number = session.next_subscription
        session.next_subscription += 1
        session.subscriptions[number] = key
        listeners[session] = number
        if self._stop is None:  # events that nobody hears are not made
            self._stop = self._events.subscribe(self._tell)
        return number

    def unsubscribe(self, session: Session, number: int | None, *, now_ms: int) -> None:
        """End one subscription of a socket, or all, and tell so. Raises DialectError for one that it does not have."""
        if number is not None and number not in session.subscriptions:
            raise DialectError(-2036, "Subscription not active.")
        ended = tuple(session.subscriptions) if number is None else (number,)
        self._end(session, ended)
        raw = orjson.dumps({"e": "eventStreamTerminated", "E": now_ms})
        for each in ended:
            self.queue(session.connection, frame(b'{"subscriptionId":%d,"event":%b}' % (each, raw)))

    def _end(self, session: Session, numbers: Iterable[int]) -> None:
        for each in numbers:
            key = session.subscriptions.pop(each)
            del self._by_key[key][session]
            if not self._by_key[key]:
                del self._by_key[key]
        if not self._by_key and self._stop is not None:
            self._stop()
            self._stop = None

    def remove(self, session: Session) -> None:
        """Forget a socket that has ended."""
        self._end(session, tuple(session.subscriptions))
        self.open.pop(session, None)
        self._written.pop(session.connection, None)

    def _tell(self, event: OrderEvent) -> None:
        """Queue an event for all who are subscribed to the key's account, as the fault plane lets it."""
        key, payload = event.api_key, event.payload
        if key not in self._by_key:
            return
        if self._shaper.idle:
            self._send(key, payload)
            return
        cid = payload.get("C") or payload.get("c") or ""
        shaped = self._shaper.shape(payload["e"], payload, owner=key, cid=cid, symbol=payload.get("s", ""))
        for each in shaped.now:
            self._send(key, each)
        for seconds, each in shaped.later:
            asyncio.get_running_loop().call_later(seconds, self._send, key, each)
        for rule in shaped.sockets:
            for session in tuple(self._by_key[key]):
                self._shaper.strike(session.connection, rule)

    def _send(self, key: str, payload: dict[str, Any]) -> None:
        raw = orjson.dumps(payload)
        for session, number in self._by_key.get(key, {}).items():
            self.queue(session.connection, frame(b'{"subscriptionId":%d,"event":%b}' % (number, raw)))

    def queue(self, connection: Connection, data: bytes) -> None:
        """Queue a frame; all that is queued meanwhile is written in one piece."""
        connection.queue(data)
        if not (self._held or self._written):
            asyncio.get_running_loop().call_soon(self.flush)
        self._written[connection] = None

    def hold(self) -> None:
        """Let what is queued from here on wait for `flush`, which the caller calls before the loop comes round."""
        self._held = True

    def flush(self) -> None:
        """Write what is queued."""
        self._held = False
        written, self._written = self._written, {}
        for connection in written:
            self.dropped += not connection.flush()
