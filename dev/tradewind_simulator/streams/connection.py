"""One client's socket: what goes out is bounded, what comes in is counted.

Frames are made once for all subscribers and written to the transport as they are; its buffer is the queue. A client that lets
it grow beyond the bound is dropped, so that it takes neither memory nor time from the others.
"""

import asyncio
import struct

import orjson
from aiohttp import WSCloseCode, web

MOST_BUFFERED = 4 * 1024 * 1024
INBOUND_PER_SECOND = 5
PING_S, PONG_S = 20.0, 60.0
TEXT, PING, PONG = 0x81, 0x89, 0x8A


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """Return a whole, unmasked WebSocket frame (RFC 6455, section 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((opcode, size)) + payload
    if size < 65_536:
        return struct.pack("!BBH", opcode, 126, size) + payload
    return struct.pack("!BBQ", opcode, 127, size) + payload


def shutdown_frame(now_ms: int, *, api: bool) -> bytes:
    """Return the frame with which the exchange says that a server is about to go."""
    event = {"e": "serverShutdown", "E": now_ms}
    return frame(orjson.dumps({"event": event} if api else event))


class Connection:
    """A socket of a client. `combined` wraps events with the name of their stream; `api` is one of the WebSocket API."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        request: web.Request,
        *,
        opened_ms: int,
        combined: bool = False,
        api: bool = False,
    ) -> None:
        self.socket, self.combined, self.opened_ms, self.api, self.path = socket, combined, opened_ms, api, request.path
        self.streams: dict[str, None] = {}
        self.silent = self.ended = False
        self._transport = request.transport
        self._outbox: list[bytes] = []
        self._loop = asyncio.get_running_loop()
        self._pinged = self._ponged = self._loop.time()
        self._second, self._count = 0, 0
        self._closing: asyncio.Task[bool] | None = None

    def queue(self, data: bytes) -> None:
        """Keep a frame for the next flush."""
        if not (self.silent or self.ended):
            self._outbox.append(data)

    def flush(self) -> bool:
        """Write what is queued in one piece; return False when the client was too slow and is gone."""
        if not self._outbox or self._transport is None:
            return True
        outbox = self._outbox
        self._transport.write(outbox[0] if len(outbox) == 1 else b"".join(outbox))
        outbox.clear()
        if self._transport.get_write_buffer_size() > MOST_BUFFERED:
            self.abort()
            return False
        return True

    def send(self, data: bytes) -> bool:
        """Queue and flush."""
        self.queue(data)
        return self.flush()

    def too_many(self, now_ms: int) -> bool:
        """Count a frame from the client; return whether it is one too many for this second of the exchange."""
        second = now_ms // 1000
        self._count = self._count + 1 if second == self._second else 1
        self._second = second
        return self._count > INBOUND_PER_SECOND

    def ponged(self) -> None:
        """Note that the client has answered a ping."""
        self._ponged = self._loop.time()

    def keep_alive(self) -> None:
        """Ping where it is time to, and end the connection of a client that has not answered for a minute."""
        now = self._loop.time()
        if now - self._ponged > PING_S + PONG_S:
            self.close(WSCloseCode.POLICY_VIOLATION, "no pong")
        elif now - self._pinged >= PING_S:
            self._pinged = now
            self.send(frame(str(int(now * 1000)).encode(), PING))

    def close(self, code: int, reason: str = "") -> None:
        """Say good-bye with a code; what was queued goes out before."""
        if self.ended:
            return
        self.flush()
        self.ended = True
        self._closing = self._loop.create_task(self.socket.close(code=code, message=reason.encode()[:123]))

    async def closed(self) -> None:
        """Wait until the good-bye is said, so that the server does not say another."""
        if self._closing is not None:
            await self._closing

    def end(self, code: int) -> None:
        """Close with a code, or cut the line for 1006, which cannot be said."""
        if code == WSCloseCode.ABNORMAL_CLOSURE:
            self.abort()
        else:
            self.close(code)

    def announce_end(self, now_ms: int, seconds: float) -> None:
        """Say that the server shuts down, and close after a while."""
        self.send(shutdown_frame(now_ms, api=self.api))
        self._loop.call_later(seconds, self.close, WSCloseCode.GOING_AWAY, "the server shuts down")

    def silence(self, seconds: float | None = None) -> None:
        """Send nothing more, not even pings and answers, for a while or for ever; the socket stays open."""
        self.silent = True
        if seconds is not None:
            self._loop.call_later(seconds, self._speak)

    def _speak(self) -> None:
        self.silent = False

    def abort(self) -> None:
        """Cut the line without a word, which a client sees as code 1006."""
        self.ended = True
        self._outbox.clear()
        if self._transport is not None:
            self._transport.abort()
