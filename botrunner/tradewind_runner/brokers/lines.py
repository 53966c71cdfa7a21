"""The lines on which requests about one account go out: connections that are kept open, and a writer of HTTP/1.1.

aiohttp opens them and reads what comes back. A request is written here, in one piece, because what a session does for one
takes longer than all that an order needs between its signature and the wire. Nothing is followed, no cookie is kept, and an
answer is read up to a bound.

An exchange may hang up on an idle line at any moment. So a line is looked at last before a request is written to it, and is
replaced where it has ended, or where something lies on it that nobody asked for. A request of which a byte may have left is
never written again, except a question (GET) whose line ended without a word.
"""

import asyncio
import re
import select
from collections.abc import Mapping
from typing import NamedTuple

import aiohttp
from aiohttp.http import SERVER_SOFTWARE, HttpProcessingError
from yarl import URL

from tradewind_runner.brokers.port import Leave
from tradewind_runner.lean_ccxt import MOST_BYTES, RedirectedError, secure_context

KEPT_S = 15.0
MOST_OF_ACCOUNT = MOST_BYTES // 2  # what is told about one account is never that long
_CHARSET = re.compile(r"charset=\"?([\w-]+)", re.IGNORECASE)


class Reply(NamedTuple):
    """What came back; a header that came several times is joined."""

    status: int
    reason: str
    headers: Mapping[str, str]
    text: str


class _Origin:
    """One server that is asked: how it is connected to, and the lines to it that are idle, the one used last at the end."""

    def __init__(self, origin: str) -> None:
        url = URL(origin)
        if url.scheme not in {"http", "https"} or not url.host or url.user is not None:
            raise aiohttp.InvalidURL(origin)
        self.way = aiohttp.ClientRequest("GET", url, loop=asyncio.get_running_loop())
        host = self.way.headers["Host"]
        self.head = f" HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n"
        self.idle: list[_Line] = []


class _Line:
    """One connection."""

    def __init__(self, connection: aiohttp.connector.Connection) -> None:
        self._connection, self._loop = connection, asyncio.get_running_loop()
        assert connection.protocol is not None
        self._protocol = connection.protocol
        self.used, self._since = False, self._loop.time()
        self._poll: select.poll | None = None

    def ready(self) -> bool:
        """Return whether a request may be written: the other end has not hung up, and has said nothing unasked."""
        transport = self._protocol.transport
        if transport is None or transport.is_closing() or self._protocol.should_close:
            return False
        if not self.used:  # a new line may carry what ends its handshake
            return True
        if self._loop.time() - self._since > KEPT_S:
            return False
        if self._poll is None and (socket := transport.get_extra_info("socket")) is not None:
            self._poll = select.poll()
            self._poll.register(socket.fileno(), select.POLLIN)
        return self._poll is None or not self._poll.poll(0)

    def write(self, request: bytes) -> None:
        """Give the bytes to the kernel."""
        protocol = self._protocol
        assert protocol.transport is not None
        self.used = True
        protocol.transport.write(request)
        protocol.set_response_params(read_until_eof=True)

    async def reply(self) -> Reply:
        """Read the answer to what was written. Raises ClientError."""
        try:
            message, payload = await self._protocol.read()
            while 100 <= message.code < 200 and message.code != 101:
                message, payload = await self._protocol.read()
        except HttpProcessingError as exc:
            raise aiohttp.ClientPayloadError(f"the answer is no HTTP: {exc.code}") from exc
        if 300 <= message.code < 400:
            raise RedirectedError(f"{message.code}: the answer is said to be elsewhere")
        parts: list[bytes] = []
        size = 0
        while part := await payload.readany():
            size += len(part)
            if size > MOST_OF_ACCOUNT:
                raise aiohttp.ClientPayloadError(f"the answer is longer than {MOST_OF_ACCOUNT} bytes")
            parts.append(part)
        headers = {name: ", ".join(message.headers.getall(name)) for name in message.headers}
        return Reply(message.code, message.reason, headers, _text(b"".join(parts), headers.get("Content-Type", "")))

    def rest(self) -> bool:
        """Return whether it can be used again after an answer; it is closed where not."""
        self._since = self._loop.time()
        if self._protocol.should_close or not self._protocol.is_connected():
            self.close()
            return False
        return True

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


class Lines:
    """All lines of one account."""

    def __init__(self) -> None:
        self._connector = aiohttp.TCPConnector(ssl=secure_context(), limit=0)
        self._origins: dict[str, _Origin] = {}
        self._timeout = aiohttp.ClientTimeout()

    async def close(self) -> None:
        """Hang up on all of them."""
        for origin in self._origins.values():
            while origin.idle:
                origin.idle.pop().close()
        await self._connector.close()

    async def ask(
        self, method: str, url: str, headers: Mapping[str, str], body: str | None, *, leave: Leave, seconds: float
    ) -> Reply:
        """Return the answer to one request. `leave` is awaited last before a byte of it is written; see the port.

        Raises:
            ConnectionTimeoutError: The time was over before a byte had left.
            TimeoutError: The time was over; it may have been taken.
            ClientConnectorError: No line could be opened.
            ClientError: It may have been taken, and there is no answer that can be read.
        """
        origin, request = self._written(method, url, headers, body)
        line: _Line | None = None
        wrote = False
        try:
            async with asyncio.timeout(seconds):
                while True:
                    line = await self._line(origin, leave)
                    wrote, kept = True, line.used
                    line.write(request)
                    try:
                        reply = await line.reply()
                        break
                    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
                        if method != "GET" or not kept:
                            raise
                        line.close()
        except TimeoutError as exc:
            if wrote:
                raise
            raise aiohttp.ConnectionTimeoutError("there was no line in time") from exc
        else:
            if line.rest():
                origin.idle.append(line)
                line = None
            return reply
        finally:
            if line is not None:
                line.close()

    async def _line(self, origin: _Origin, leave: Leave) -> _Line:
        """Return a line to which a request may be written now."""
        while True:
            line = _last_ready(origin.idle)
            if line is None:
                line = _Line(await self._connector.connect(origin.way, traces=[], timeout=self._timeout))
            wanted = False
            try:
                await leave()
                wanted = True
            finally:
                if not wanted and line.used:
                    origin.idle.append(line)
                elif not wanted:
                    line.close()
            if line.ready():
                return line
            line.close()

    def _written(self, method: str, url: str, headers: Mapping[str, str], body: str | None) -> tuple[_Origin, bytes]:
        """Return the server and the bytes of a request. Raises InvalidURL, or ValueError for what is no header."""
        scheme, _, rest = url.partition("://")
        host, slash, target = rest.partition("/")
        if not slash or "#" in target or " " in target or not target.isprintable():
            raise aiohttp.InvalidURL(url)
        name = f"{scheme}://{host}"
        origin = self._origins.get(name)
        if origin is None:
            origin = self._origins[name] = _Origin(name)
        content = b"" if body is None else body.encode()
        given = [f"{name}: {value}" for name, value in headers.items()]
        if not all(map(str.isprintable, given)):
            raise ValueError("a header cannot hold control characters")
        names = {name.lower() for name in headers}
        if "user-agent" not in names:
            given.append(f"User-Agent: {SERVER_SOFTWARE}")
        if content or method != "GET":
            given.append(f"Content-Length: {len(content)}")
            if "content-type" not in names and method != "DELETE":
                given.append("Content-Type: application/octet-stream")
        head = f"{method} /{target}{origin.head}" + "\r\n".join(given) + "\r\n\r\n"
        return origin, head.encode("ascii") + content


def _last_ready(idle: list[_Line]) -> _Line | None:
    """Take the line that was used last out of those that are idle, and hang up on any that has ended."""
    while idle:
        line = idle.pop()
        if line.ready():
            return line
        line.close()
    return None


def _text(content: bytes, kind: str) -> str:
    named = _CHARSET.search(kind)
    try:
        return content.decode(named.group(1) if named is not None else "utf-8", errors="replace")
    except LookupError:
        return content.decode("utf-8", errors="replace")
