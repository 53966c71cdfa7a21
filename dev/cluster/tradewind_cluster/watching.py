"""A copy of some kinds, kept up to date by list and watch in threads of their own."""

import http.client
import threading
import time
from typing import Any

from tradewind_cluster.api import Api, ApiError

Key = tuple[str, str]


class Watched:
    """Objects by kind and (namespace, name). `changed` is set whenever one changes; `complete` when all were listed once."""

    def __init__(self, api: Api, paths: dict[str, str]) -> None:
        self.objects: dict[str, dict[Key, dict[str, Any]]] = {kind: {} for kind in paths}
        self.changed = threading.Event()
        self._api = api
        self._listed: set[str] = set()
        self._count = len(paths)
        for kind, path in paths.items():
            threading.Thread(target=self._follow, args=(kind, path), name=f"watch-{kind}", daemon=True).start()

    @property
    def complete(self) -> bool:
        """Whether every kind was listed at least once."""
        return len(self._listed) == self._count

    def snapshot(self, kind: str) -> dict[Key, dict[str, Any]]:
        """Return the objects of a kind as they are now."""
        return dict(self.objects[kind])

    def _follow(self, kind: str, path: str) -> None:
        while True:
            try:
                self._list_and_watch(kind, path)
            except (OSError, ApiError, ValueError, http.client.HTTPException):
                time.sleep(0.3)  # what is known stays in force: an outage opens nothing

    def _list_and_watch(self, kind: str, path: str) -> None:
        listed = self._api.call("GET", path)
        self.objects[kind] = {_key(item): item for item in listed["items"]}
        self._listed.add(kind)
        self.changed.set()
        version = listed["metadata"]["resourceVersion"]
        query = f"?watch=1&allowWatchBookmarks=true&timeoutSeconds=300&resourceVersion={version}"
        for event in self._api.lines(path + query, 330.0):
            item = event["object"]
            if event["type"] == "ERROR":
                return
            if event["type"] == "BOOKMARK":
                continue
            objects = dict(self.objects[kind])
            if event["type"] == "DELETED":
                objects.pop(_key(item), None)
            else:
                objects[_key(item)] = item
            self.objects[kind] = objects
            self.changed.set()


def _key(item: dict[str, Any]) -> Key:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]
