"""A line to the portal that can be cut: one pod is partitioned, the others are not."""

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Line:
    """Passes bytes on to a port of this machine, until it is cut: then what is open ends, and nothing new gets through."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._writers: set[asyncio.StreamWriter] = set()
        self._cut = False
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on."""
        if self._cut:
            writer.transport.abort()
            return
        there, here = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers |= {writer, here}
        try:
            await asyncio.gather(_pass(reader, here), _pass(there, writer))
        finally:
            for each in (writer, here):
                self._writers.discard(each)
                each.transport.abort()

    def mend(self) -> None:
        """Let everything through again."""
        self._cut = False

    def cut(self) -> None:
        """Let nothing through any more."""
        self._cut = True
        for writer in self._writers:
            writer.transport.abort()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while content := await reader.read(65_536):
            writer.write(content)
            await writer.drain()
    writer.transport.abort()


@contextlib.asynccontextmanager
async def line_to(port: int) -> AsyncIterator[Line]:
    """Yield a line to a port."""
    line = Line(port)
    async with await asyncio.start_server(line.serve, "127.0.0.1", 0) as server:
        line.port = server.sockets[0].getsockname()[1]
        try:
            yield line
        finally:
            line.cut()
