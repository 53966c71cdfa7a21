"""Requests to the API server: get, list, watch, create, apply, patch status, delete. No cache, no retry, no models."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson

from tradewind_kube.configuration import Configuration
from tradewind_kube.errors import UnavailableError, error_from

Object = dict[str, Any]
REQUEST_S, WATCH_S, SILENCE_S = 10.0, 300, 330.0
APPLY, MERGE = "application/apply-patch+yaml", "application/merge-patch+json"


@dataclass(frozen=True, slots=True)
class KindPath:
    """Where a kind lives: `/api/v1` or `/apis/GROUP/VERSION`, and its plural."""

    prefix: str
    plural: str

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the path of a collection or an object."""
        parts = [self.prefix, f"namespaces/{namespace}" if namespace else "", self.plural, name, subresource]
        return "/".join(part for part in parts if part)


def core(plural: str) -> KindPath:
    """Return the path of a kind of the core group."""
    return KindPath("/api/v1", plural)


def group(api_version: str, plural: str) -> KindPath:
    """Return the path of a kind of a named group, such as apps/v1."""
    return KindPath(f"/apis/{api_version}", plural)


class KubeClient:
    """One session. Use as an async context manager. Every method raises the errors of `tradewind_kube.errors`."""

    def __init__(self, configuration: Configuration, *, field_manager: str) -> None:
        self._configuration = configuration
        self._manager = field_manager
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=self._configuration.tls or True, limit=100)
        self._session = aiohttp.ClientSession(connector=connector, json_serialize=lambda value: orjson.dumps(value).decode())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session:
            await self._session.close()

    async def get(self, kind: KindPath, name: str, namespace: str = "", *, subresource: str = "") -> Object:
        """Return one object."""
        return await self.request("GET", kind.path(namespace, name, subresource))

    async def list(
        self, kind: KindPath, namespace: str = "", *, labels: str = "", limit: int = 500
    ) -> tuple[list[Object], str]:
        """Return all objects of a kind and the resource version to watch from."""
        query = {"limit": str(limit)} | ({"labelSelector": labels} if labels else {})
        items: list[Object] = []
        while True:
            page = await self.request("GET", kind.path(namespace), query=query)
            items.extend(page["items"])
            if not page["metadata"].get("continue"):
                return items, page["metadata"]["resourceVersion"]
            query["continue"] = page["metadata"]["continue"]

    async def watch(
        self, kind: KindPath, version: str, namespace: str = "", *, labels: str = ""
    ) -> AsyncIterator[tuple[str, Object]]:
        """Yield (type, object) of changes since `version`, BOOKMARK among them, until the server ends the stream.

        Raises:
            ExpiredError: If `version` is too old.
        """
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(WATCH_S),
        } | ({"labelSelector": labels} if labels else {})
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=REQUEST_S, sock_read=SILENCE_S)
        try:
            async with self._open("GET", kind.path(namespace), query, None, "", timeout) as response:
                if response.status >= 300:
                    raise error_from(response.status, _decoded(await response.read()))
                buffer = b""
                async for chunk in response.content.iter_any():
                    *lines, buffer = (buffer + chunk).split(b"\n")
                    for line in lines:
                        event = orjson.loads(line)
                        if event["type"] == "ERROR":
                            status = event["object"]
                            raise error_from(status.get("code", 500), status)
                        yield event["type"], event["object"]
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            raise UnavailableError(f"watch of {kind.plural} broke: {exc!r}") from exc

    async def create(self, kind: KindPath, body: Object, namespace: str = "") -> Object:
        """Create an object; also the way of reviews (TokenReview)."""
        return await self.request("POST", kind.path(namespace), body, query={"fieldManager": self._manager})

    async def apply(self, kind: KindPath, body: Object, *, force: bool = False, dry_run: bool = False) -> Object:
        """Apply a manifest on the server side; without `force`, a field that another manager owns is a conflict."""
        metadata = body["metadata"]
        query = {"fieldManager": self._manager, "force": "true" if force else "false"}
        query |= {"dryRun": "All"} if dry_run else {}
        path = kind.path(metadata.get("namespace", ""), metadata["name"])
        return await self.request("PATCH", path, body, query=query, content_type=APPLY)

    async def merge(self, kind: KindPath, name: str, body: Object, namespace: str = "", *, subresource: str = "") -> Object:
        """Merge-patch an object or a subresource of it, such as status."""
        path = kind.path(namespace, name, subresource)
        return await self.request("PATCH", path, body, query={"fieldManager": self._manager}, content_type=MERGE)

    async def delete(
        self, kind: KindPath, name: str, namespace: str = "", *, uid: str = "", grace_s: int | None = None
    ) -> None:
        """Delete an object, with `uid` only that very one; its children go after it in the background."""
        options: Object = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        options |= {"preconditions": {"uid": uid}} if uid else {}
        options |= {"gracePeriodSeconds": grace_s} if grace_s is not None else {}
        await self.request("DELETE", kind.path(namespace, name), options)

    async def request(
        self, method: str, path: str, body: Object | None = None, *, query: dict[str, str] | None = None, content_type: str = ""
    ) -> Object:
        """Send one request and return the decoded answer."""
        timeout = aiohttp.ClientTimeout(total=REQUEST_S)
        try:
            async with self._open(method, path, query or {}, body, content_type, timeout) as response:
                content = await response.read()
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError, OSError) as exc:
            raise UnavailableError(f"{method} {path}: {exc!r}") from exc
        if response.status >= 300:
            raise error_from(response.status, _decoded(content), retry_after=response.headers.get("Retry-After"))
        return _decoded(content)

    def _open(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        body: Object | None,
        content_type: str,
        timeout: aiohttp.ClientTimeout,
    ) -> Any:
        if self._session is None:
            raise RuntimeError("use KubeClient as an async context manager")
        headers = self._configuration.headers() | {
            "Content-Type": content_type or "application/json",
            "Accept": "application/json",
        }
        data = None if body is None else orjson.dumps(body)
        return self._session.request(
            method, self._configuration.server + path, params=query, data=data, headers=headers, timeout=timeout
        )


def _decoded(content: bytes) -> Object:
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {"message": content[:300].decode(errors="replace")}
    return value if isinstance(value, dict) else {"value": value}
