"""Messages about tenants."""

from typing import Any

from pydantic import Field, SecretStr

from tradewind_api.contract import Contract
from tradewind_portal.auth.subject import TenantRole
from tradewind_portal.cluster.port import Object

USER_PATTERN = "^[0-9A-Za-z._@+-]+$"
NAME_PATTERN = "^[a-z]([a-z0-9-]*[a-z0-9])?$"


class PersonRequest(Contract):
    """A person."""

    user: str = Field(min_length=1, max_length=64, pattern=USER_PATTERN, description="Name to log in with.")
    password: SecretStr | None = Field(
        default=None, min_length=12, max_length=256, description="Left out: one is made, and in the answer."
    )


class TenantRequest(Contract):
    """A tenant to make."""

    name: str = Field(min_length=1, max_length=31, pattern=NAME_PATTERN, description="Also part of its namespace's name.")
    plan: str = Field(min_length=1, max_length=31, pattern="^[a-z0-9-]+$", description="Name of a Plan, such as free.")
    owner: PersonRequest = Field(description="The first user.")


class TenantInfo(Contract):
    """A tenant as its resource says."""

    name: str
    plan: str
    lifecycle: str
    namespace: str | None = None
    summary: str = ""
    conditions: list[dict[str, Any]] = []


class NewTenant(TenantInfo):
    """A tenant that was just made."""

    owner: str
    password: str | None = Field(default=None, description="The owner's password if one was made. It is shown this once.")


class MemberInfo(Contract):
    """Somebody in a tenant."""

    user: str
    role: TenantRole


class MemberRequest(PersonRequest):
    """Somebody to let in. A user who exists is added without a password."""

    role: TenantRole = Field(description="What he may do.")


class NewMember(MemberInfo):
    """Somebody who was just let in."""

    password: str | None = Field(default=None, description="His password if one was made. It is shown this once.")


def tenant_info(item: Object) -> TenantInfo:
    """Return what administrators see of a Tenant resource."""
    status = item.get("status", {})
    return TenantInfo(
        name=item["metadata"]["name"],
        plan=item["spec"]["plan"],
        lifecycle=item["spec"].get("lifecycle", "Active"),
        namespace=status.get("namespace") or None,
        summary=status.get("summary", ""),
        conditions=status.get("conditions", []),
    )
