"""Kill switches: durable before they are confirmed, in memory for every heartbeat, and on where they cannot be read.

A switch that an administrator set is the platform's: nobody else releases it.
"""

import asyncio
from dataclasses import dataclass

from tradewind_api.runner import KillScope
from tradewind_portal.audit.queries import append
from tradewind_portal.audit.trail import Trail
from tradewind_portal.auth.subject import Subject
from tradewind_portal.clock import now_ms
from tradewind_portal.kill import queries
from tradewind_portal.kill.queries import PLATFORM, SCOPES, CloseRequest, KillSwitch
from tradewind_portal.problems import Problem, not_found
from tradewind_portal.store import Cursor, Store, StoreBusyError, StoreTimeoutError


@dataclass(frozen=True, slots=True)
class Target:
    """What one switch is about."""

    scope: KillScope
    target: str
    tenant_uid: str | None
    name: str


PLATFORM_TARGET = Target("platform", PLATFORM, None, PLATFORM)


class KillSwitches:
    """All switches of the platform."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._on: dict[tuple[KillScope, str], KillSwitch] | None = None  # None: not read yet
        self._changing = asyncio.Lock()

    async def engage(self, target: Target, reason: str, subject: Subject, trail: Trail) -> KillSwitch:
        """Switch on; what is on already stays on, with the new reason."""
        by_platform = subject.platform_role == "admin"
        wanted = KillSwitch(
            target.scope, target.target, target.tenant_uid, target.name, reason, by_platform, subject.name, now_ms()
        )
        trail.diff = {"reason": reason}

        def store(cursor: Cursor) -> KillSwitch:
            queries.put(cursor, wanted)
            append(cursor, trail.entry("kill.engage", f"{target.scope}/{target.name}", "Succeeded"))
            found = queries.one(cursor, target.scope, target.target)
            assert found is not None
            return found

        async with self._changing:
            made = await self._store.write(store)
            if self._on is not None:
                self._on[target.scope, target.target] = made
        trail.recorded = True
        return made

    async def release(self, target: Target, subject: Subject, trail: Trail) -> None:
        """Switch off. Raises Problem 404 if it is not on, 403 if it is the platform's and `subject` is not."""

        def store(cursor: Cursor) -> None:
            found = queries.one(cursor, target.scope, target.target)
            if found is None:
                raise not_found("such kill switch that is on")
            if found.by_platform and subject.platform_role != "admin":
                raise Problem(
                    403, "PlatformSwitch", "an administrator of the platform set this switch; only one can release it"
                )
            queries.take_away(cursor, target.scope, target.target)
            append(cursor, trail.entry("kill.release", f"{target.scope}/{target.name}", "Succeeded"))

        async with self._changing:
            await self._store.write(store)
            if self._on is not None:
                self._on.pop((target.scope, target.target), None)
        trail.recorded = True

    async def all(self) -> list[KillSwitch]:
        """Return what is on in the whole platform, oldest first."""
        return await self._store.read(queries.every)

    async def of_tenant(self, tenant_uid: str) -> list[KillSwitch]:
        """Return what is on for a tenant: its own and the platform's."""
        return [switch for switch in await self.all() if switch.tenant_uid in {tenant_uid, None}]

    async def for_bot(self, bot_uid: str, tenant_uid: str, key_id: str | None) -> list[KillScope]:
        """Return the scopes in which a bot is killed; all of them where the switches cannot be read."""
        try:
            on = await self._known()
        except (StoreTimeoutError, StoreBusyError):
            return list(SCOPES)
        asked: list[tuple[KillScope, str | None]] = [
            ("bot", bot_uid),
            ("account", key_id),
            ("tenant", tenant_uid),
            ("platform", PLATFORM),
        ]
        unknown = any(scope not in SCOPES for scope, _ in on)  # of a newer version: whatever it is, it stops
        return [scope for scope, target in asked if unknown or (target is not None and (scope, target) in on)]

    async def why(self, scopes: list[KillScope], bot_uid: str, tenant_uid: str, key_id: str | None) -> str:
        """Return one sentence about the widest switch that kills a bot."""
        places = {"bot": bot_uid, "account": key_id, "tenant": tenant_uid, "platform": PLATFORM}
        scope = next(name for name in reversed(SCOPES) if name in scopes)
        switch = (self._on or {}).get((scope, places[scope] or ""))
        if switch is None:
            return f"the kill switch of the {scope} counts as on"
        return f"the kill switch of the {scope} is on, set by {switch.set_by}: {switch.reason or 'no reason given'}"

    async def close(self, bot_uid: str, name: str, trail: Trail) -> CloseRequest:
        """Ask a bot to sell what it holds, once. A request that it has not done yet is that request."""

        def store(cursor: Cursor) -> CloseRequest:
            found = queries.request_close(cursor, bot_uid, trail.actor, now_ms())
            append(cursor, trail.entry("bots.close", f"bot/{name}", "Succeeded"))
            return found

        made = await self._store.write(store)
        trail.recorded = True
        return made

    async def closing(self, bot_uid: str) -> CloseRequest | None:
        """Return a bot's newest request to close."""
        return await self._store.read(lambda cursor: queries.close_request(cursor, bot_uid))

    async def _known(self) -> dict[tuple[KillScope, str], KillSwitch]:
        if self._on is None:
            async with self._changing:
                if self._on is None:
                    found = await self._store.read(queries.every)
                    self._on = {(switch.scope, switch.target): switch for switch in found}
        return self._on
