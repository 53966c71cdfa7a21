"""The browser's way in: a port of 127.0.0.1 on this machine, forwarded to a port of the node."""

import asyncio
import threading

CHUNK = 65536


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until the end, and pass the end on: a side that is done sending may still receive."""
    try:
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.close()  # one side is gone: let the other know


async def _serve(port: int, address: str, target: int) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.wait_for(asyncio.open_connection(address, target), 5)
        except (OSError, TimeoutError):
            writer.close()
            return
        try:
            await asyncio.gather(_copy(reader, back), _copy(there, writer))
        finally:
            back.close()
            writer.close()

    while True:
        try:
            server = await asyncio.start_server(connected, "127.0.0.1", port)
        except OSError as exc:
            print(f"forward: port {port} of this machine is taken: {exc}", flush=True)
            await asyncio.sleep(5)
            continue
        async with server:
            await server.serve_forever()


def start(port: int, address: str, target: int) -> None:
    """Forward in a thread of its own."""
    threading.Thread(target=lambda: asyncio.run(_serve(port, address, target)), name=f"forward-{port}", daemon=True).start()
