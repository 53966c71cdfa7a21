"""The cluster itself: `tradewind_kube` behind the portal's port, with copies of our kinds kept up to date."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Self

from tradewind_api.resources import API_VERSION
from tradewind_kube.client import KindPath, KubeClient, core, group
from tradewind_kube.configuration import Configuration
from tradewind_kube.errors import KubeError, NotFoundError
from tradewind_kube.reflector import Key, Reflector
from tradewind_portal import measures
from tradewind_portal.cluster.port import Kind, Object, PodIdentity
from tradewind_portal.cluster.translate import problem_from

log = logging.getLogger("tradewind.portal.cluster")
FIELD_MANAGER = "tradewind-portal"
REVIEWS = group("authentication.k8s.io/v1", "tokenreviews")
PODS = core("pods")
POD_NAME, POD_UID = "authentication.kubernetes.io/pod-name", "authentication.kubernetes.io/pod-uid"
ACCOUNT_PREFIX = "system:serviceaccount:"
PAUSE_S = 5.0
OWNS_SPEC = "ownsSpec"

Observer = Callable[[Kind, Key, Object | None], None]


def path_of(kind: Kind) -> KindPath:
    """Return where a kind of ours lives."""
    return group(API_VERSION, kind.plural)


class LiveCluster:
    """Follows everything that is of our kinds; use as an async context manager."""

    def __init__(self, configuration: Configuration) -> None:
        self._client = KubeClient(configuration, field_manager=FIELD_MANAGER)
        self._observers: list[Observer] = []
        self._mirrors = {kind: self._mirror(kind) for kind in Kind}
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._client)
        self._tasks = [asyncio.create_task(self._follow(kind), name=f"watch {kind.plural}") for kind in Kind]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stack.aclose()

    def observe(self, observer: Observer) -> None:
        """Call `observer` with each change from now on; None for an object that is gone."""
        self._observers.append(observer)

    async def synced(self, seconds: float) -> bool:
        """Wait until every kind was listed once, at most `seconds`; return whether it was."""
        try:
            async with asyncio.timeout(seconds):
                for mirror in self._mirrors.values():
                    await mirror.synced.wait()
        except TimeoutError:
            return False
        return True

    def cached(self, kind: Kind, name: str, namespace: str | None = None) -> Object | None:
        """Return an object from the copy."""
        return self._mirrors[kind].objects.get((namespace or "", name))

    def cached_all(self, kind: Kind, namespace: str | None = None) -> list[Object]:
        """Return the copied objects of a namespace (None: of all) by namespace and name."""
        found = self._mirrors[kind].objects
        return [found[key] for key in sorted(found) if namespace is None or key[0] == namespace]

    def watch_age_s(self) -> dict[str, float]:
        """Return for each kind how long ago the API server was last heard of; infinite before the first list."""
        now = time.monotonic()
        return {
            kind.plural: now - mirror.last_contact if mirror.synced.is_set() else float("inf")
            for kind, mirror in self._mirrors.items()
        }

    async def get(self, kind: Kind, name: str, namespace: str | None = None) -> Object | None:
        """Return an object, None if there is none."""
        try:
            return await self._client.get(path_of(kind), name, namespace or "")
        except NotFoundError:
            return None
        except KubeError as exc:
            raise problem_from(exc, _named(kind, name)) from exc

    async def apply(self, kind: Kind, body: Object, *, namespace: str | None = None, force: bool = False) -> Object:
        """Return the object after server-side apply."""
        if namespace is not None:
            body = {**body, "metadata": {**body["metadata"], "namespace": namespace}}
        name = body["metadata"]["name"]
        try:
            applied = await self._client.apply(path_of(kind), body, force=force)
        except KubeError as exc:
            raise problem_from(exc, _named(kind, name)) from exc
        self._mirrors[kind].objects[namespace or "", name] = trimmed(applied)
        return applied

    async def delete(self, kind: Kind, name: str, *, namespace: str | None = None, uid: str | None = None) -> bool:
        """Delete an object; return False if there was none."""
        try:
            await self._client.delete(path_of(kind), name, namespace or "", uid=uid or "")
        except NotFoundError:
            return False
        except KubeError as exc:
            raise problem_from(exc, _named(kind, name)) from exc
        return True

    async def annotate(self, kind: Kind, name: str, namespace: str, annotations: dict[str, str | None], *, uid: str) -> None:
        """Set annotations of the very object `uid`; None takes one away."""
        body = {"metadata": {"uid": uid, "annotations": annotations}}
        try:
            await self._client.merge(path_of(kind), name, body, namespace)
        except KubeError as exc:
            raise problem_from(exc, _named(kind, name)) from exc

    async def review_token(self, token: str, audience: str) -> PodIdentity | None:
        """Return whose the token is, None if it is not valid for `audience` or not bound to a pod."""
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [audience]},
        }
        try:
            status = (await self._client.create(REVIEWS, body)).get("status", {})
        except KubeError as exc:
            raise problem_from(exc, "this token's review") from exc
        return identity_from(status, audience)

    async def pod(self, namespace: str, name: str) -> Object | None:
        """Return a pod, None if there is none."""
        try:
            return await self._client.get(PODS, name, namespace)
        except NotFoundError:
            return None
        except KubeError as exc:
            raise problem_from(exc, f"pod {name}") from exc

    def _mirror(self, kind: Kind) -> Reflector:
        def changed(key: Key, item: Object | None) -> None:
            for observer in self._observers:
                observer(kind, key, item)

        return Reflector(self._client, path_of(kind), changed, trim=trimmed)

    async def _follow(self, kind: Kind) -> None:
        while True:
            try:
                await self._mirrors[kind].run()
            except KubeError as exc:  # no CRD yet, or no right: an administrator may mend it while we run
                log.warning("cannot watch", extra={"fields": {"kind": kind.plural, "error": str(exc)[:300]}})
            await asyncio.sleep(PAUSE_S)

    def measure(self) -> None:
        """Set the gauges of the watches."""
        for plural, age in self.watch_age_s().items():
            measures.WATCH_AGE.labels(plural).set(age)


def trimmed(item: Object) -> Object:
    """Return an object without what managers own field by field, most of its size; who, when and whether the spec stay."""
    metadata = dict(item["metadata"])
    metadata["managedFields"] = [
        {**{key: value for key, value in entry.items() if key != "fieldsV1"}, OWNS_SPEC: "f:spec" in entry.get("fieldsV1", {})}
        for entry in metadata.get("managedFields", [])
    ]
    return {**item, "metadata": metadata}


def identity_from(status: Object, audience: str) -> PodIdentity | None:
    """Return the pod that a TokenReview's status names, None unless every part of it is there."""
    user = status.get("user", {})
    username, extra = str(user.get("username", "")), user.get("extra", {})
    if not status.get("authenticated") or audience not in status.get("audiences", []):
        return None
    if not username.startswith(ACCOUNT_PREFIX) or not extra.get(POD_NAME) or not extra.get(POD_UID):
        return None
    namespace, _, account = username.removeprefix(ACCOUNT_PREFIX).partition(":")
    return PodIdentity(namespace, account, extra[POD_NAME][0], extra[POD_UID][0])


def _named(kind: Kind, name: str) -> str:
    return f"{'bot' if kind is Kind.TRADING_BOT else kind.kind.lower()} {name}"
