"""Who listens to what. An event is encoded once, whoever many listen."""

import asyncio
from collections.abc import Iterable
from typing import Any

import orjson
from aiohttp import WSCloseCode

from tradewind_simulator.streams.connection import Connection, frame, shutdown_frame
from tradewind_simulator.streams.names import Stream, parse_stream
from tradewind_simulator.streams.shaping import Shaper

MOST_STREAMS = 1024


class Hub:
    """All connections and their subscriptions."""

    def __init__(self, shaper: Shaper) -> None:
        self._shaper = shaper
        self.connections: dict[Connection, None] = {}
        self.dropped = 0
        self._listeners: dict[str, dict[Connection, None]] = {}
        self._known: dict[str, Stream] = {}
        self._written: dict[Connection, None] = {}

    def add(self, connection: Connection) -> None:
        """Take in a connection."""
        self.connections[connection] = None
        self._shaper.greet(connection)

    def remove(self, connection: Connection) -> None:
        """Forget a connection and what it listened to."""
        self.connections.pop(connection, None)
        self._written.pop(connection, None)
        self.unsubscribe(connection, tuple(connection.streams))

    def subscribe(self, connection: Connection, names: Iterable[str]) -> bool:
        """Let a connection listen to streams; return False, and change nothing, where it would have too many."""
        wanted = dict.fromkeys(names)
        if len(connection.streams | wanted) > MOST_STREAMS:
            return False
        for name in wanted:
            connection.streams[name] = None
            self._listeners.setdefault(name, {})[connection] = None
            known = parse_stream(name)
            if known is not None:
                self._known[name] = known
        return True

    def unsubscribe(self, connection: Connection, names: Iterable[str]) -> None:
        """Let a connection listen no more."""
        for name in names:
            connection.streams.pop(name, None)
            listeners = self._listeners.get(name)
            if listeners is not None:
                listeners.pop(connection, None)
                if not listeners:
                    del self._listeners[name]
                    self._known.pop(name, None)

    def wanted(self) -> dict[str, list[Stream]]:
        """Return the streams that somebody listens to, by the exchange's symbol."""
        found: dict[str, list[Stream]] = {}
        for stream in self._known.values():
            found.setdefault(stream.symbol_id, []).append(stream)
        return found

    def publish(self, stream: Stream, payload: dict[str, Any]) -> None:
        """Queue an event for all who listen to the stream, as the fault plane lets it."""
        if self._shaper.idle:
            self._queue(stream.name, payload)
            return
        shaped = self._shaper.shape(stream.name, payload, symbol=stream.symbol_id)
        for event in shaped.now:
            self._queue(stream.name, event)
        for seconds, event in shaped.later:
            asyncio.get_running_loop().call_later(seconds, self._late, stream.name, event)
        for rule in shaped.sockets:
            for connection in tuple(self._listeners.get(stream.name, ())):
                self._shaper.strike(connection, rule)

    def _late(self, name: str, payload: dict[str, Any]) -> None:
        self._queue(name, payload)
        self.flush()

    def _queue(self, name: str, payload: dict[str, Any]) -> None:
        listeners = self._listeners.get(name)
        if not listeners:
            return
        raw = orjson.dumps(payload)
        plain, combined = frame(raw), b""
        for connection in listeners:
            if connection.combined:
                combined = combined or frame(b'{"stream":"%b","data":%b}' % (name.encode(), raw))
                connection.queue(combined)
            else:
                connection.queue(plain)
            self._written[connection] = None

    def flush(self) -> None:
        """Write what is queued; clients that are too slow are dropped."""
        for connection in self._written:
            self.dropped += not connection.flush()
        self._written.clear()

    def say_good_bye(self, now_ms: int) -> None:
        """Say to all that the server shuts down."""
        for connection in self.connections:
            connection.send(shutdown_frame(now_ms, api=connection.api))

    def close_all(self, reason: str, *, api: bool = True) -> None:
        """End all connections, or all but those of the WebSocket API."""
        for connection in tuple(self.connections):
            if api or not connection.api:
                connection.close(WSCloseCode.GOING_AWAY, reason)

    def apply_script(self) -> None:
        """Ask what a new script does to the sockets that are open."""
        if self._shaper.script_was_put():
            for connection in tuple(self.connections):
                self._shaper.greet(connection)
