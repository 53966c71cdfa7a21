"""The queue of keys.

A key is in it once, is worked on by one worker at a time, and comes back after a failure, later and later.
"""

import asyncio
import heapq
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable

Key = tuple[str, str, str]  # kind, namespace, name
BACKOFF_S, BACKOFF_MOST_S = 0.5, 300.0


class WorkQueue:
    """Deduplicates, serialises per key, delays and backs off."""

    def __init__(self, reconcile: Callable[[Key], Awaitable[float | None]]) -> None:
        self._reconcile = reconcile
        self._ready: deque[Key] = deque()
        self._queued: set[Key] = set()
        self._running: set[Key] = set()
        self._dirty: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._later: list[tuple[float, Key]] = []
        self._wake = asyncio.Condition()

    def __len__(self) -> int:
        """Return how many keys wait now."""
        return len(self._ready)

    def add(self, key: Key) -> None:
        """Ask for a key to be worked on; while it is, it is remembered and worked on again."""
        if key in self._running:
            self._dirty.add(key)
        elif key not in self._queued:
            self._queued.add(key)
            self._ready.append(key)
            asyncio.get_running_loop().call_soon(self._notify)

    def add_after(self, key: Key, seconds: float) -> None:
        """Ask for a key to be worked on later."""
        heapq.heappush(self._later, (time.monotonic() + seconds, key))
        asyncio.get_running_loop().call_soon(self._notify)

    async def run(self, workers: int) -> None:
        """Work for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._clock())
            for _ in range(workers):
                tasks.create_task(self._worker())

    async def _worker(self) -> None:
        while True:
            async with self._wake:
                await self._wake.wait_for(lambda: self._ready)
                key = self._ready.popleft()
            self._queued.discard(key)
            self._running.add(key)
            try:
                again = await self._reconcile(key)
                self._failures.pop(key, None)
            except RetryLater:
                failures = self._failures[key] = self._failures.get(key, 0) + 1
                again = min(BACKOFF_S * 2 ** (failures - 1), BACKOFF_MOST_S) * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
            finally:
                self._running.discard(key)
            if key in self._dirty:
                self._dirty.discard(key)
                self.add(key)
            elif again is not None:
                self.add_after(key, again)

    async def _clock(self) -> None:
        while True:
            while self._later and self._later[0][0] <= time.monotonic():
                self.add(heapq.heappop(self._later)[1])
            await asyncio.sleep(0.1)

    def _notify(self) -> None:
        task = asyncio.get_running_loop().create_task(self._notify_all())
        task.add_done_callback(lambda done: done.exception())

    async def _notify_all(self) -> None:
        async with self._wake:
            self._wake.notify_all()


class RetryLater(Exception):  # noqa: N818 - not a fault of its own
    """The reconcile could not finish for a reason that passes; it has been logged and counted."""
