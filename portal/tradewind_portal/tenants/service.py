"""Making a tenant: the resource for the operator, the owner's login for the person."""

import uuid
from dataclasses import dataclass

from tradewind_portal.audit.queries import append
from tradewind_portal.audit.trail import Trail
from tradewind_portal.auth import queries as users
from tradewind_portal.auth.passwords import Passwords, new_password
from tradewind_portal.auth.queries import User
from tradewind_portal.auth.subject import Membership, TenantRole
from tradewind_portal.clock import now_ms
from tradewind_portal.cluster.port import Cluster, Kind, Object, body_of, uid_of
from tradewind_portal.problems import FieldError, Problem, not_found
from tradewind_portal.store import Cursor, Store
from tradewind_portal.tenants.scope import TenantScope


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Somebody to let in; without a password one is made, or an existing user of that name is meant."""

    name: str
    password: str | None


class Tenants:
    """Made by administrators; a tenant that exists as a resource only (made with kubectl) is taken over as it is."""

    def __init__(self, store: Store, cluster: Cluster, passwords: Passwords) -> None:
        self._store = store
        self._cluster = cluster
        self._passwords = passwords

    async def create(self, name: str, plan: str, owner: NewPerson, trail: Trail) -> tuple[Object, str | None]:
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
        made, user = await self._person(existing, owner)
        trail.tenant_uid, trail.diff = uid_of(tenant), {"plan": plan, "owner": owner.name}

        def store(cursor: Cursor) -> None:
            _join(cursor, user, Membership(uid_of(tenant), name, "owner"), new=existing is None)
            append(cursor, trail.entry("tenants.create", f"tenant/{name}", "Succeeded"))

        await self._store.write(store)
        trail.recorded = True
        return tenant, made

    async def add_member(
        self, tenant: TenantScope, name: str, password: str | None, role: TenantRole, trail: Trail
    ) -> str | None:
        """Give a person a role in the tenant; return the password made for a new person without one."""
        existing = await self._store.read(lambda cursor: users.user_named(cursor, name))
        if existing is not None and password is not None:
            error = FieldError("/user", "taken", "a user of this name exists: leave the password out to add him")
            raise Problem(409, "AlreadyExists", "this user exists", errors=[error])
        made, user = await self._person(existing, NewPerson(name, password))
        trail.diff = {"user": name, "role": role}

        def store(cursor: Cursor) -> None:
            _join(cursor, user, Membership(tenant.uid, tenant.name, role), new=existing is None)
            append(cursor, trail.entry("members.add", f"user/{name}", "Succeeded"))

        await self._store.write(store)
        trail.recorded = True
        return made

    async def remove_member(self, tenant: TenantScope, name: str, trail: Trail) -> None:
        """Take a person out of the tenant at once. Raises Problem 404, and 409 for the last owner."""

        def store(cursor: Cursor) -> None:
            owners = [member for member, role in users.members(cursor, tenant.uid) if role == "owner"]
            if owners == [name]:
                raise Problem(409, "LastOwner", "a tenant needs an owner: make another one first")
            if not users.delete_membership(cursor, name, tenant.uid):
                raise not_found("such member")
            append(cursor, trail.entry("members.remove", f"user/{name}", "Succeeded"))

        await self._store.write(store)
        trail.recorded = True

    async def _person(self, existing: User | None, person: NewPerson) -> tuple[str | None, User]:
        if existing is not None:
            return None, existing
        made = None if person.password else new_password()
        hashed = await self._passwords.hash(person.password or made or "")
        return made, User(uuid.uuid4().hex, person.name, hashed, None, 1)

    def _check_plan(self, plan: str) -> None:
        plans = [item["metadata"]["name"] for item in self._cluster.cached_all(Kind.PLAN)]
        if plans and plan not in plans:
            error = FieldError("/plan", "unknown", f"there is no plan {plan!r}; there are {', '.join(plans)}")
            raise Problem(422, "Invalid", error.detail, errors=[error])

    async def members(self, tenant_uid: str) -> list[tuple[str, TenantRole]]:
        """Return names and roles of a tenant's users."""
        return await self._store.read(lambda cursor: users.members(cursor, tenant_uid))


def _join(cursor: Cursor, user: User, membership: Membership, *, new: bool) -> None:
    if new:
        if users.user_named(cursor, user.name) is not None:
            raise Problem(409, "AlreadyExists", "this user exists")
        users.insert_user(cursor, user, now_ms())
    users.insert_membership(cursor, user.id, membership, now_ms())
