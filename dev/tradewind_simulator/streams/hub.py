"""Who listens to what. An event is encoded once, whoever many listen."""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from aiohttp import WSCloseCode

from tradewind_simulator.streams.connection import Connection, frame
from tradewind_simulator.streams.names import Stream, parse_stream

MOST_STREAMS = 1024


class Hub:
    """All connections and their subscriptions."""

    def __init__(self) -> None:
        self.connections: dict[Connection, None] = {}
        self.dropped = 0
        self._listeners: dict[str, dict[Connection, None]] = {}
        self._known: dict[str, Stream] = {}
        self._written: dict[Connection, None] = {}

    def add(self, connection: Connection) -> None:
        """Take in a connection."""
        self.connections[connection] = None

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

    def publish(self, name: str, payload: Any) -> None:
        """Queue an event for all who listen to the stream."""
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

    def say_to_all(self, payload: Any) -> None:
        """Send an event that belongs to no stream."""
        data = frame(orjson.dumps(payload))
        for connection in self.connections:
            connection.send(data)

    def close_all(self, code: int = WSCloseCode.GOING_AWAY, reason: str = "") -> None:
        """End all connections."""
        for connection in tuple(self.connections):
            connection.close(code, reason)

    def listeners(self, name: str) -> Iterator[Connection]:
        """Go through those who listen to a stream."""
        return iter(tuple(self._listeners.get(name, ())))
