"""The operator's moving parts put together: caches filled, barrier passed, keys worked on. Knows nothing of kopf."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from tradewind_api.plan import SHIPPED_PLANS
from tradewind_api.resources import API_VERSION
from tradewind_kube.client import KubeClient
from tradewind_kube.errors import ConflictError, KubeError, NotFoundError, RefusedError
from tradewind_kube.reflector import Reflector, key_of
from tradewind_operator import measures
from tradewind_operator.announce import Announcer
from tradewind_operator.desired.names import SELECTOR
from tradewind_operator.desired.strategies import reference_of
from tradewind_operator.reconcile.apply import named
from tradewind_operator.reconcile.backtest import reconcile_backtest
from tradewind_operator.reconcile.bot import reconcile_bot
from tradewind_operator.reconcile.context import Context
from tradewind_operator.reconcile.strategy import reconcile_strategy
from tradewind_operator.reconcile.tenant import reconcile_tenant
from tradewind_operator.settings import OperatorSettings
from tradewind_operator.work import Key, RetryLater, WorkQueue
from tradewind_operator.world import CHILDREN, OURS, Object, World, trimmed

log = logging.getLogger("tradewind.operator")
RECONCILERS: dict[str, Callable[[Context, tuple[str, str]], Awaitable[float | None]]] = {
    "tenants": reconcile_tenant,
    "tradingbots": reconcile_bot,
    "backtests": reconcile_backtest,
    "strategies": reconcile_strategy,
}
SWEEP_S, FULL_S = 300.0, 600.0


class Operator:
    """Caches, queue and reflectors of one process."""

    def __init__(self, client: KubeClient, settings: OperatorSettings, instance: str) -> None:
        self.world = World()
        self.synced = False
        self._client, self._settings = client, settings
        self._context = Context(client, self.world, settings, Announcer(client, instance))
        self.queue = WorkQueue(self._reconcile)
        self._reflectors = {kind: self._reflector(kind) for kind in CHILDREN}

    def seen(self, plural: str, kind: str | None, body: Object) -> None:
        """Take over an object of ours; kopf tells of them. Whatever may depend on it is worked on."""
        key = key_of(body)
        for item in (self.world.ours[plural].get(key), body):
            self._touch_reference(plural, key[0], item)
        if kind == "DELETED":
            if self.world.ours[plural].pop(key, None) is not None:
                log.info("%s %s: deleted", body.get("kind", plural), named(body["metadata"]))
            self.world.receipts.pop(body["metadata"].get("uid", ""), None)
        else:
            self.world.ours[plural][key] = trimmed(body)
        self._touch(plural, key)

    async def run(self) -> None:
        """Work for the life of the process."""
        async with asyncio.TaskGroup() as tasks:
            for reflector in self._reflectors.values():
                tasks.create_task(reflector.run())
            await self._barrier()
            await self._ship_plans()
            tasks.create_task(self.queue.run(self._settings.workers))
            tasks.create_task(self._sweep())
            tasks.create_task(self._measure())
            self._add_all()
            self.synced = True
            found = ", ".join(f"{len(items)} {plural}" for plural, items in self.world.ours.items())
            log.info("all is known, the work begins: %s", found)

    def watch_age(self) -> float:
        """Return the seconds since the quietest child kind was last heard of."""
        return max(time.monotonic() - reflector.last_contact for reflector in self._reflectors.values())

    async def _reconcile(self, key: Key) -> float | None:
        plural, namespace, name = key
        began = time.monotonic()
        outcome = "ok"
        try:
            return await RECONCILERS[plural](self._context, (namespace, name))
        except (NotFoundError, ConflictError):
            outcome = "conflict"
            raise RetryLater from None
        except RefusedError as exc:
            outcome = "refused"
            log.warning("%s %s/%s: %s", plural, namespace, name, exc)
            raise RetryLater from exc
        except KubeError as exc:
            outcome = "unavailable"
            log.info("%s %s/%s: %s", plural, namespace, name, exc)
            raise RetryLater from exc
        except Exception:
            outcome = "error"
            log.exception("%s %s/%s", plural, namespace, name)
            raise RetryLater from None
        finally:
            measures.RECONCILES.labels(plural, outcome).inc()
            measures.DURATION.labels(plural).observe(time.monotonic() - began)

    def _reflector(self, kind: str) -> Reflector:
        def changed(key: tuple[str, str], item: Object | None) -> None:
            before = self.world.children[kind].get(key)
            if item is None:
                self.world.children[kind].pop(key, None)
                log.info("%s %s: gone", kind, "/".join(filter(None, key)))
            else:
                self.world.children[kind][key] = item
            if kind == "Pod" and (pod := item or before) is not None:
                self.world.note_receipt(pod)
            self._touch_owner(kind, item or before)

        return Reflector(self._client, CHILDREN[kind], changed, labels=SELECTOR, trim=trimmed)

    def _touch_owner(self, kind: str, item: Object | None) -> None:
        if item is None:
            return
        labels: dict[str, Any] = item["metadata"].get("labels") or {}
        namespace = item["metadata"].get("namespace", "")
        if "tradewind.dev/bot" in labels:
            self.queue.add(("tradingbots", namespace, labels["tradewind.dev/bot"]))
        elif "tradewind.dev/backtest" in labels:
            self.queue.add(("backtests", namespace, labels["tradewind.dev/backtest"]))
        elif "tradewind.dev/tenant" in labels and kind != "Pod":
            self.queue.add(("tenants", "", labels["tradewind.dev/tenant"]))

    def _touch_reference(self, plural: str, namespace: str, item: Object | None) -> None:
        """Work on the Strategy that a bot names or named: it counts them."""
        if plural == "tradingbots" and item is not None and (name := reference_of(item)):
            self.queue.add(("strategies", namespace, name))

    def _touch(self, plural: str, key: tuple[str, str]) -> None:
        if plural in RECONCILERS:
            self.queue.add((plural, *key))
        if plural == "strategies":
            for user in ("tradingbots", "backtests"):
                for item in self.world.in_namespace(user, key[0]):
                    if reference_of(item) == key[1]:
                        self.queue.add((user, *key_of(item)))
            return
        if plural in {"tenants", "plans"}:
            self._add_all()
        elif key not in self.world.ours[plural] or plural == "backtests":
            for other in self.world.in_namespace(plural, key[0]):  # room may have become free
                if (other.get("status") or {}).get("summary") in {"Queued", "Pending", ""}:
                    self.queue.add((plural, *key_of(other)))

    def _add_all(self) -> None:
        for plural in RECONCILERS:
            for key in self.world.ours[plural]:
                self.queue.add((plural, *key))

    async def _barrier(self) -> None:
        """Wait until every child kind is listed and all that exists of ours is cached: nothing is decided on half a world."""
        for reflector in self._reflectors.values():
            await reflector.synced.wait()
        deadline = time.monotonic() + 60
        while await self._differences(repair=False):
            if time.monotonic() > deadline:
                raise TimeoutError("kopf did not tell of all resources within a minute")
            await asyncio.sleep(0.3)

    async def _ship_plans(self) -> None:
        """Make the shipped plans in a cluster that has none; from then on they are the administrators'."""
        if self.world.ours["plans"]:
            return
        for name, spec in SHIPPED_PLANS.items():
            body = {
                "apiVersion": API_VERSION,
                "kind": "Plan",
                "metadata": {"name": name},
                "spec": spec.model_dump(mode="json", by_alias=True),
            }
            self.seen("plans", None, await self._client.create(OURS["plans"], body))
            log.info("Plan %s: made", name)

    async def _sweep(self) -> None:
        """Now and then look at everything: a watch that lost something is found out, a drift that nobody told of repaired."""
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                measures.GHOSTS.inc(await self._differences(repair=True))
            except KubeError as exc:
                log.info("sweep: %s", exc)
                continue
            self._add_all()

    async def _differences(self, *, repair: bool) -> int:
        """Return how many objects of ours are cached but gone, or there but not cached; with `repair` mend the cache."""
        count = 0
        for plural, path in OURS.items():
            items, _ = await self._client.list(path)
            there = {key_of(item): item for item in items}
            cached = self.world.ours[plural]
            gone = [
                key
                for key, item in cached.items()
                if key not in there or there[key]["metadata"]["uid"] != item["metadata"]["uid"]
            ]
            new = [key for key in there if key not in cached]
            count += len(gone) + len(new)
            if repair:
                for key in gone:
                    self.seen(plural, "DELETED", cached[key])
                for key in new:
                    self.seen(plural, None, there[key])
        return count

    async def _measure(self) -> None:
        while True:
            measures.QUEUE.set(len(self.queue))
            for kind, reflector in self._reflectors.items():
                measures.CACHED.labels(kind).set(len(self.world.children[kind]))
                measures.WATCH_AGE.labels(kind).set(time.monotonic() - reflector.last_contact)
            counts: dict[tuple[str, str], int] = {}
            for plural in RECONCILERS:
                for item in self.world.ours[plural].values():
                    label = (plural, (item.get("status") or {}).get("summary", "") or "New")
                    counts[label] = counts.get(label, 0) + 1
            measures.RESOURCES.clear()
            for (plural, summary), number in counts.items():
                measures.RESOURCES.labels(plural, summary).set(number)
            await asyncio.sleep(5)
