"""Frames on the WebSocket API's socket, however they come: whole, cut, together, in parts, and forbidden ones."""

import asyncio
import contextlib
import json
from itertools import pairwise

import pytest
from simulator_process import Server

pytestmark = pytest.mark.slow
HANDSHAKE = (
    b"GET /ws-api/v3 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: MDAwMDAwMDAwMDAwMDAwMA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
MASK = b"\x01\xf2\x83\x74"
TEXT, BINARY, CLOSE, PING, PONG = 0x81, 0x82, 0x88, 0x89, 0x8A
TEXT_BEGINS, GOES_ON, ENDS = 0x01, 0x00, 0x80


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    found = Server(tmp_path_factory.mktemp("state"))
    yield found
    assert 0 == found.stop()


def frame(payload, first=TEXT, mask=MASK):
    size = len(payload)
    if size < 126:
        length = bytes((0x80 | size,))
    else:
        length = b"\xfe" + size.to_bytes(2, "big") if size < 65_536 else b"\xff" + size.to_bytes(8, "big")
    masked = bytes(each ^ mask[place % 4] for place, each in enumerate(payload))
    return bytes((first,)) + length + mask + masked


def asked(number, size=0):
    """A request of the lightest method, `size` bytes longer than it need be."""
    return json.dumps({"id": number, "method": "ping", "pad": "é" * (size // 2)}, ensure_ascii=False).encode()


def like_a_frame(payload, cut):
    """Return the mask under which a short text's frame goes on, from byte `cut`, with the head of a frame of three bytes."""
    mask, place = bytearray(MASK), cut - 6
    mask[place % 4], mask[(place + 1) % 4] = payload[place] ^ TEXT, payload[place + 1] ^ 0x83
    return bytes(mask)


@contextlib.asynccontextmanager
async def connected(server, *pieces):
    """Send what a client begins with, apart from each other, without waiting for anything."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.rest)
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(0)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):  # the server may have cut it
            await writer.wait_closed()


class Line:
    """A socket that sends bytes as they are."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def send(self, *pieces):
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0.002)  # so that they are read apart

    async def heard(self):
        """The next frame's first byte and content."""
        async with asyncio.timeout(5):
            first, size = await self.reader.readexactly(2)
            size = int.from_bytes(await self.reader.readexactly(2), "big") if size == 126 else size
            return first, await self.reader.readexactly(size)

    async def numbers(self, count):
        """The ids of the next answers; all of them are good ones."""
        found = [json.loads((await self.heard())[1]) for _ in range(count)]
        assert {200} == {each["status"] for each in found}
        return [each["id"] for each in found]

    async def code(self):
        """The code with which the server says good-bye."""
        first, payload = await self.heard()
        assert CLOSE == first
        return int.from_bytes(payload[:2], "big")


@pytest.fixture
async def line(server):
    async with connected(server, HANDSHAKE) as (reader, writer):
        assert b"101" in (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0]
        yield Line(reader, writer)


@pytest.mark.parametrize("size", [0, 300, 60_000])
async def test_requests_are_answered_in_their_order_however_they_are_cut(line, size):
    """Together in one piece, and with cuts in the head of a frame, its mask and its content."""
    sent = b"".join(frame(asked(number, size)) for number in range(5))
    await line.send(sent)
    assert list(range(5)) == await line.numbers(5)
    cuts = (0, 1, 3, 7, 11, len(sent) // 5 + 1, len(sent) - 3, len(sent))
    await line.send(*(sent[begin:end] for begin, end in pairwise(cuts)))
    assert list(range(5)) == await line.numbers(5)


@pytest.mark.parametrize("cut", [0, 1, 3, 9, 20, -1])
@pytest.mark.parametrize("together", [True, False], ids=["with-the-handshake", "behind-it"])
async def test_who_does_not_wait_for_the_handshakes_answer_is_understood(server, together, cut):
    """Two requests, of which the second is cut, before the 101 can have come; then the rest of it, and a third.

    Cut at 20, what is left of the frame begins as a frame of its own would.
    """
    first, second = frame(asked(1)), frame(asked(2), mask=like_a_frame(asked(2), 20))
    early = first + second[:cut]
    async with connected(server, HANDSHAKE + early) if together else connected(server, HANDSHAKE, early) as (reader, writer):
        assert b"101" in (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0]
        line = Line(reader, writer)
        await line.send(second[cut:], frame(asked(3)))
        assert [1, 2, 3] == await line.numbers(3)


async def test_what_is_no_handshake_is_refused(server):
    """As a request that is wrong, and by an answer that is whole."""
    async with connected(server, b"GET /ws-api/v3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") as (reader, _):
        async with asyncio.timeout(5):
            assert (await reader.read()).startswith(b"HTTP/1.1 400")


async def test_a_byte_at_a_time(line):
    """Nothing is answered before the last one is there."""
    sent = frame(asked(7))
    await line.send(*(sent[place : place + 1] for place in range(len(sent) - 1)))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(line.reader.read(1), 0.05)
    await line.send(sent[-1:])
    assert [7] == await line.numbers(1)


async def test_pings_are_answered_between_requests(line):
    """With what they said; a pong that nobody asked for is taken in silence."""
    await line.send(frame(asked(1)) + frame(b"hello", PING) + frame(b"", PONG) + frame(asked(2)))
    found = sorted([await line.heard() for _ in range(3)])
    assert (PONG, b"hello") == found[-1]
    assert [1, 2] == [json.loads(payload)["id"] for _, payload in found[:2]]


async def test_messages_in_parts_and_binary_ones_are_taken_too(line):
    """And whole texts before and behind them, in the order in which they came, with a ping between the parts."""
    whole = asked(2)
    parts = frame(whole[:5], TEXT_BEGINS) + frame(b"", PING) + frame(whole[5:9], GOES_ON) + frame(whole[9:], ENDS)
    await line.send(frame(asked(1)) + parts + frame(asked(3)) + frame(asked(4), BINARY), frame(asked(5)))
    found = [await line.heard() for _ in range(6)]
    assert [1, 2, 3, 4, 5] == [json.loads(payload)["id"] for first, payload in found if first == TEXT]
    assert [b""] == [payload for first, payload in found if first == PONG]


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        pytest.param(frame(b"\xff\xfe"), 1007, id="no-utf-8"),
        pytest.param(frame(b"x" * 70_000)[:14], 1009, id="too-large"),  # its head says so
        pytest.param(frame(asked(2), 0xC1), 1002, id="reserved-bit"),
        pytest.param(frame(asked(2), 0x83), 1002, id="unknown-kind"),
        pytest.param(frame(b"\x03\xe8", CLOSE), 1000, id="good-bye"),
    ],
)
async def test_what_ends_a_socket(line, sent, code):
    """The server says why, and no more."""
    await line.send(frame(asked(1)))
    assert [1] == await line.numbers(1)
    await line.send(sent)
    assert code == await line.code()
    with contextlib.suppress(ConnectionError):
        assert b"" == await line.reader.read()
