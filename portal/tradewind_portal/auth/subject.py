"""Who asks: a person by session or by personal access token."""

from dataclasses import dataclass
from typing import Literal

PlatformRole = Literal["admin", "auditor"]
TenantRole = Literal["owner", "trader", "viewer"]
Scope = Literal["read", "trade", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "trade", "admin")


@dataclass(frozen=True, slots=True)
class Membership:
    """A person's place in a tenant, which the uid names; `tenant` is the name it had then."""

    tenant_uid: str
    tenant: str
    role: TenantRole


@dataclass(frozen=True, slots=True)
class Subject:
    """An authenticated person. `scopes` bound what a token may do; a session has all of them."""

    user_id: str
    name: str
    epoch: int
    platform_role: PlatformRole | None
    memberships: tuple[Membership, ...]
    credential: str = ""
    via: Literal["session", "token"] = "session"
    scopes: frozenset[Scope] = frozenset(SCOPES)
    expires_ms: int | None = None

    def role_in(self, tenant_uid: str) -> TenantRole | None:
        """Return the person's role in a tenant; a platform role lets look on."""
        for membership in self.memberships:
            if membership.tenant_uid == tenant_uid:
                return membership.role
        return "viewer" if self.platform_role else None
