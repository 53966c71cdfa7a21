"""Messages of logging in."""

from pydantic import Field, SecretStr

from tradewind_api.contract import Contract
from tradewind_portal.auth.subject import PlatformRole, Scope, Subject, TenantRole


class LoginRequest(Contract):
    """Who logs in."""

    user: str = Field(min_length=1, max_length=128, description="Name of the user.")
    password: SecretStr = Field(min_length=1, max_length=256, description="The password.")


class PasswordChange(Contract):
    """Another password."""

    current: SecretStr = Field(min_length=1, max_length=256, description="The password until now.")
    new: SecretStr = Field(min_length=12, max_length=256, description="The password from now on.")


class TenantOfUser(Contract):
    """A tenant that a person is in."""

    name: str
    role: TenantRole


class SessionInfo(Contract):
    """Who is logged in."""

    user: str
    platform_role: PlatformRole | None = None
    tenants: list[TenantOfUser]
    via: str = Field(description="session or token")
    scopes: list[Scope]


def session_info(subject: Subject) -> SessionInfo:
    """Return what a person may know of himself."""
    return SessionInfo(
        user=subject.name,
        platform_role=subject.platform_role,
        tenants=[TenantOfUser(name=item.tenant, role=item.role) for item in subject.memberships],
        via=subject.via,
        scopes=sorted(subject.scopes),
    )
