"""Making a tenant: the resource for the operator, the owner's login for the person."""

import uuid
from dataclasses import dataclass

from tradewind_portal.audit.queries import append
from tradewind_portal.audit.trail import Trail
from tradewind_portal.auth import queries as users
from tradewind_portal.auth.passwords import Passwords, new_password
from tradewind_portal.auth.queries import User
from tradewind_portal.auth.subject import Membership
from tradewind_portal.clock import now_ms
from tradewind_portal.cluster.port import Cluster, Kind, Object, body_of, uid_of
from tradewind_portal.problems import FieldError, Problem
from tradewind_portal.store import Cursor, Store


@dataclass(frozen=True, slots=True)
class NewOwner:
    """The person who owns a new tenant; without a password a new one is made, or an existing user becomes owner."""

    name: str
    password: str | None


class Tenants:
    """Made by administrators; a tenant that exists as a resource only (made with kubectl) is taken over as it is."""

    def __init__(self, store: Store, cluster: Cluster, passwords: Passwords) -> None:
        self._store = store
        self._cluster = cluster
        self._passwords = passwords

    async def create(self, name: str, plan: str, owner: NewOwner, trail: Trail) -> tuple[Object, str | None]:
        """Return the Tenant resource and the password made for its owner, None if he has one.

        Raises:
            Problem: 422 for an unknown plan, 409 if the tenant has members already or the user's name is taken with a password.
        """
        self._check_plan(plan)
        existing = await self._store.read(lambda cursor: users.user_named(cursor, owner.name))
        if existing is not None and owner.password is not None:
            error = FieldError("/owner/user", "taken", "a user of this name exists: leave the password out to make him owner")
            raise Problem(409, "AlreadyExists", "this user exists", errors=[error])
        before = await self._cluster.get(Kind.TENANT, name)
        if before is not None and await self.members(uid_of(before)):
            raise Problem(409, "AlreadyExists", f"tenant {name} exists")
        tenant = await self._cluster.apply(Kind.TENANT, body_of(Kind.TENANT, name, {"plan": plan}))
        made = new_password() if existing is None and owner.password is None else None
        secret = made or owner.password
        hashed = await self._passwords.hash(secret) if existing is None and secret else ""
        trail.tenant_uid, trail.diff = uid_of(tenant), {"plan": plan, "owner": owner.name}

        def store(cursor: Cursor) -> None:
            user = existing or User(uuid.uuid4().hex, owner.name, hashed, None, 1)
            if existing is None:
                if users.user_named(cursor, owner.name) is not None:
                    raise Problem(409, "AlreadyExists", "this user exists")
                users.insert_user(cursor, user, now_ms())
            users.insert_membership(cursor, user.id, Membership(uid_of(tenant), name, "owner"), now_ms())
            append(cursor, trail.entry("tenants.create", f"tenant/{name}", "Succeeded"))

        await self._store.write(store)
        trail.recorded = True
        return tenant, made

    def _check_plan(self, plan: str) -> None:
        plans = [item["metadata"]["name"] for item in self._cluster.cached_all(Kind.PLAN)]
        if plans and plan not in plans:
            error = FieldError("/plan", "unknown", f"there is no plan {plan!r}; there are {', '.join(plans)}")
            raise Problem(422, "Invalid", error.detail, errors=[error])

    async def members(self, tenant_uid: str) -> list[tuple[str, str]]:
        """Return names and roles of a tenant's users."""
        return [(name, role) for name, role in await self._store.read(lambda cursor: users.members(cursor, tenant_uid))]
