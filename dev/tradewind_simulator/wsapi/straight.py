"""Requests straight from the socket: a protocol that stands before aiohttp's and takes whole text frames out of what comes.

A request is one small text frame. Through aiohttp's queue it wakes a task first, which costs about a tenth of an order. So
frames are told apart here: the texts of a read are taken at once, pings and pongs are handed on as they came, and at the first
frame that is anything else (a part of a message, a binary one, a close, a large or a wrong one) this protocol steps aside for
good: aiohttp reads on from there, so that all that is rare or forbidden is its affair.

It stands there before the handshake is answered, so that it sees each frame from its first byte; a client that has not even
waited for its request to be read, which the protocol forbids, is aiohttp's affair too.

Source: RFC 6455, section 5.2.
"""

import asyncio
from collections.abc import Callable

from aiohttp import web

TEXT, PINGS = 0x81, frozenset({0x89, 0x8A})  # whole messages: the first bit says that it is the last frame of one
MASKED, LENGTH = 0x80, 0x7F
TWO_BYTES, EIGHT_BYTES = 126, 127  # lengths that say that the length follows


class Straight(asyncio.Protocol):
    """Calls `take` with the texts of each read that has any, once it has begun; until then what comes is kept."""

    def __init__(self, transport: asyncio.Transport, take: Callable[[list[str]], None]) -> None:
        self._transport, self._take = transport, take
        behind = transport.get_protocol()
        assert isinstance(behind, asyncio.Protocol)
        self._behind, self._rest, self._begun = behind, b"", False
        transport.set_protocol(self)

    def begin(self) -> None:
        """Take what has come while the handshake was answered, and all that comes."""
        self._begun = True
        self.data_received(b"")

    def give_up(self) -> None:
        """Let aiohttp read everything: there is no socket."""
        self._transport.set_protocol(self._behind)
        if self._rest:
            self._behind.data_received(self._rest)

    def data_received(self, data: bytes) -> None:
        """Take the texts, hand on the rest."""
        if self._rest:
            data = self._rest + data
        if not self._begun:
            self._rest = data
            return
        texts: list[str] = []
        place, end = 0, len(data)
        while end - place >= 2:
            first, begin, size = data[place], place + 6, data[place + 1] & LENGTH
            if size == TWO_BYTES:
                size, begin = int.from_bytes(data[place + 2 : place + 4], "big"), place + 8
            known = (first == TEXT or first in PINGS) and data[place + 1] & MASKED
            if not known or data[place + 1] & LENGTH == EIGHT_BYTES:
                self._step_aside(texts, data[place:])
                return
            if begin + size > end:
                break
            if first != TEXT:
                self._behind.data_received(data[place : begin + size])
            else:
                try:
                    texts.append(_unmasked(data[begin : begin + size], data[begin - 4 : begin]).decode())
                except UnicodeDecodeError:
                    self._step_aside(texts, data[place:])
                    return
            place = begin + size
        self._rest = data[place:]
        if texts:
            self._take(texts)

    def _step_aside(self, texts: list[str], data: bytes) -> None:
        self._transport.set_protocol(self._behind)
        if texts:
            self._take(texts)
        self._behind.data_received(data)

    def eof_received(self) -> bool | None:
        """See asyncio.Protocol."""
        return self._behind.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._behind.connection_lost(exc)

    def pause_writing(self) -> None:
        """See asyncio.Protocol."""
        self._behind.pause_writing()

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        self._behind.resume_writing()


def _unmasked(payload: bytes, mask: bytes) -> bytes:
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")).to_bytes(size, "little")


def stand_before(request: web.BaseRequest, take: Callable[[list[str]], None]) -> Straight | None:
    """Return one that has not begun, None where aiohttp holds bytes of the client already.

    Nobody says where in a frame those end. None too where aiohttp no longer has the place in which it keeps them.
    """
    early = getattr(request.protocol, "_message_tail", b"?")
    return None if early or not isinstance(request.transport, asyncio.Transport) else Straight(request.transport, take)
