"""The only writer: takes waiting jobs, runs them in one transaction, answers each once it is durable.

A job is a function of a cursor; it may be run a second time after a rollback, so it must not change anything but the database.
When a job of a group fails, the group is rolled back and each job is run in a transaction of its own. When DuckDB itself
fails, or a commit raises (it may be durable or not), the process ends at once: the next one replays the log, and whoever got
no answer sends again.
"""

import asyncio
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NoReturn, TypeVar

import duckdb

from tradewind_portal.store.connection import Connection, Cursor
from tradewind_portal.store.errors import StoreBusyError
from tradewind_portal.store.measures import COMMIT_SECONDS, WRITE_QUEUE

T = TypeVar("T")
EXIT_STORE_FAILED = 70
FATAL = (duckdb.FatalException, duckdb.InternalException, duckdb.IOException, duckdb.SerializationException)


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    run: Callable[[Cursor], Any]
    answer: "asyncio.Future[Any]"


@dataclass(frozen=True, slots=True)
class _Failed:
    error: Exception


class Writer:
    """Group commit on one thread. `write` may be called by any number of tasks of one loop."""

    def __init__(self, connection: Connection, *, capacity: int = 4096, group: int = 128) -> None:
        self._cursor = connection.cursor()
        self._jobs: asyncio.Queue[_Job | None] = asyncio.Queue(capacity)
        self._group = group
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to take jobs."""
        self._task = asyncio.create_task(self._serve(), name="store-writer")

    @property
    def running(self) -> bool:
        """Whether jobs are taken."""
        return self._task is not None and not self._task.done()

    async def write(self, run: Callable[[Cursor], T]) -> T:
        """Return what `run` returned, once that is on disk.

        Raises:
            StoreBusyError: If too many jobs wait; nothing was done.
            Exception: Whatever `run` raised; its changes are taken back.
        """
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        try:
            self._jobs.put_nowait(_Job(run, answer))
        except asyncio.QueueFull:
            raise StoreBusyError(f"{self._jobs.maxsize} writes wait already") from None
        WRITE_QUEUE.set(self._jobs.qsize())
        return await asyncio.shield(answer)

    async def stop(self) -> None:
        """Finish what waits, then end."""
        await self._jobs.put(None)
        if self._task is not None:
            await self._task
        self._thread.shutdown()
        self._cursor.close()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        while (first := await self._jobs.get()) is not None:
            jobs, last = self._waiting(first)
            results = await loop.run_in_executor(self._thread, self._commit, jobs)
            for job, result in zip(jobs, results, strict=True):
                if job.answer.cancelled():
                    continue
                if isinstance(result, _Failed):
                    job.answer.set_exception(result.error)
                else:
                    job.answer.set_result(result)
            if last:
                return

    def _waiting(self, first: _Job) -> tuple[list[_Job], bool]:
        jobs = [first]
        while len(jobs) < self._group:
            try:
                job = self._jobs.get_nowait()
            except asyncio.QueueEmpty:
                break
            if job is None:
                return jobs, True
            jobs.append(job)
        WRITE_QUEUE.set(self._jobs.qsize())
        return jobs, False

    def _commit(self, jobs: list[_Job]) -> list[Any]:
        results = self._transaction(jobs)
        if len(jobs) > 1 and any(isinstance(result, _Failed) for result in results):
            return [self._transaction([job])[0] for job in jobs]
        return results

    def _transaction(self, jobs: list[_Job]) -> list[Any]:
        begun = perf_counter()
        results: list[Any] = []
        self._cursor.execute("BEGIN TRANSACTION")
        for job in jobs:
            try:
                results.append(job.run(self._cursor))
            except FATAL as error:
                end_process(error)
            except Exception as error:  # noqa: BLE001 - it belongs to the task that waits for this job
                self._cursor.execute("ROLLBACK")
                return [_Failed(error)] * len(jobs)
        try:
            self._cursor.execute("COMMIT")
        except duckdb.Error as error:
            end_process(error)
        COMMIT_SECONDS.observe(perf_counter() - begun)
        return results


def end_process(error: Exception) -> NoReturn:
    """End this process without closing the database: closing after a failure is what loses rows."""
    sys.stderr.write(f'{{"level": "critical", "event": "the store failed, the process ends", "error": {str(error)!r:.500}}}\n')
    sys.stderr.flush()
    os._exit(EXIT_STORE_FAILED)
