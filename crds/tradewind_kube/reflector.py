"""A copy of all objects of a kind, kept up to date by list and watch.

What vanished while the stream was down is told as a deletion after the next list, which a bare watch never does. The copy is
complete from the first list on: `synced` says so, and nobody should decide anything before.
"""

import asyncio
import random
import time
from collections.abc import Callable

from tradewind_kube.client import KindPath, KubeClient, Object
from tradewind_kube.errors import ExpiredError, UnavailableError

Key = tuple[str, str]
Changed = Callable[[Key, Object | None], None]


def key_of(item: Object) -> Key:
    """Return (namespace, name) of an object."""
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


class Reflector:
    """Follows one kind for the life of the process; calls `changed(key, object or None)` for each change."""

    def __init__(
        self,
        client: KubeClient,
        kind: KindPath,
        changed: Changed,
        *,
        namespace: str = "",
        labels: str = "",
        trim: Callable[[Object], Object] | None = None,
    ) -> None:
        self.objects: dict[Key, Object] = {}
        self.synced = asyncio.Event()
        self.last_contact = time.monotonic()
        self._client, self._kind, self._changed = client, kind, changed
        self._namespace, self._labels, self._trim = namespace, labels, trim

    async def run(self) -> None:
        """List and watch for ever; an outage is waited out with growing, jittered pauses."""
        pause = 0.2
        while True:
            try:
                version = await self._list()
                pause = 0.2
                while True:
                    version = await self._watch(version)
            except ExpiredError:
                continue
            except UnavailableError as exc:
                await asyncio.sleep(max(pause, min(exc.retry_after_s, 5.0)) * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
                pause = min(pause * 2, 10.0)

    async def _list(self) -> str:
        items, version = await self._client.list(self._kind, self._namespace, labels=self._labels)
        self.last_contact = time.monotonic()
        fresh = {key_of(item): item for item in items}
        for key in [key for key in self.objects if key not in fresh]:
            del self.objects[key]
            self._changed(key, None)
        for key, item in fresh.items():
            self._store(key, item)
        self.synced.set()
        return version

    async def _watch(self, version: str) -> str:
        stream = self._client.watch(self._kind, version, self._namespace, labels=self._labels)
        async for kind, item in stream:
            self.last_contact = time.monotonic()
            version = item["metadata"]["resourceVersion"]
            if kind == "BOOKMARK":
                continue
            key = key_of(item)
            if kind == "DELETED":
                self.objects.pop(key, None)
                self._changed(key, None)
            else:
                self._store(key, item)
        return version

    def _store(self, key: Key, item: Object) -> None:
        known = self.objects.get(key)
        if known and known["metadata"].get("resourceVersion") == item["metadata"].get("resourceVersion"):
            return
        self.objects[key] = self._trim(item) if self._trim else item
        self._changed(key, self.objects[key])


async def follow(*reflectors: Reflector) -> None:
    """Run reflectors until one fails for good, and raise what it raised."""
    async with asyncio.TaskGroup() as tasks:
        for reflector in reflectors:
            tasks.create_task(reflector.run())
