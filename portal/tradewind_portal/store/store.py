"""The store as the features see it: `read`, `write`, and whether it is well."""

import asyncio
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import duckdb

from tradewind_portal.store import measures
from tradewind_portal.store.connection import Connection, Cursor
from tradewind_portal.store.errors import StoreTimeoutError
from tradewind_portal.store.migrations import migrate, shipped
from tradewind_portal.store.writer import FATAL, Writer, end_process

T = TypeVar("T")
FILE_NAME = "trading_bot.duckdb"


class Store:
    """The open database of one data folder. Made, used and closed on one event loop."""

    def __init__(
        self, folder: Path, *, memory_mib: int = 256, threads: int = 2, readers: int = 4, query_seconds: float = 10
    ) -> None:
        self.folder = folder
        self._connection = Connection(folder / FILE_NAME, memory_mib=memory_mib, threads=threads)
        self.migrated = migrate(self._connection, shipped())
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="store-reader")
        self._query_seconds = query_seconds
        self._writer = Writer(self._connection)

    def start(self) -> None:
        """Begin to write. Needs a running event loop."""
        self._writer.start()

    async def write(self, run: Callable[[Cursor], T]) -> T:
        """Return what `run` returned once its changes are durable. See Writer.write."""
        return await self._writer.write(run)

    async def read(self, run: Callable[[Cursor], T]) -> T:
        """Return what `run` returned on a cursor of its own.

        Raises:
            StoreTimeoutError: If it took longer than `query_seconds`.
        """
        loop = asyncio.get_running_loop()
        cursor = self._connection.cursor()
        timer = loop.call_later(self._query_seconds, cursor.interrupt)
        try:
            return await loop.run_in_executor(self._readers, _run, cursor, run)
        except duckdb.InterruptException:
            raise StoreTimeoutError(f"the query took longer than {self._query_seconds} s") from None
        finally:
            timer.cancel()

    @property
    def well(self) -> bool:
        """Whether writes are taken."""
        return self._writer.running

    def free_bytes(self) -> int:
        """Return the free space of the data folder's disk."""
        return shutil.disk_usage(self.folder).free

    def measure(self) -> None:
        """Set the gauges of sizes."""
        path = self.folder / FILE_NAME
        measures.FILE_BYTES.set(measures.size_of(path))
        measures.WAL_BYTES.set(measures.size_of(path.with_name(path.name + ".wal")))
        measures.FREE_BYTES.set(self.free_bytes())

    async def close(self) -> None:
        """Finish the writes that wait, checkpoint, and give the file back."""
        await self._writer.stop()
        self._readers.shutdown()
        self._connection.close()


def _run(cursor: Cursor, run: Callable[[Cursor], T]) -> T:
    try:
        return run(cursor)
    except FATAL as error:
        end_process(error)
    finally:
        cursor.close()
