"""Tenants, for platform administrators; the people in a tenant, for its owners."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from tradewind_portal.auth.authorize import Action, authorize
from tradewind_portal.auth.request import ServicesIn, SubjectIn, TrailIn
from tradewind_portal.cluster.port import Kind
from tradewind_portal.tenants.request import MembersReader, MembersWriter
from tradewind_portal.tenants.schemas import (
    USER_PATTERN,
    MemberInfo,
    MemberRequest,
    NewMember,
    NewTenant,
    TenantInfo,
    TenantRequest,
    tenant_info,
)
from tradewind_portal.tenants.service import NewPerson
from tradewind_portal.wire import Page

router = APIRouter(prefix="/api/v1")
UserName = Annotated[str, Path(max_length=64, pattern=USER_PATTERN, description="Name of the user.")]


@router.post("/admin/tenants", status_code=201, tags=["admin"])
async def create_tenant(
    body: TenantRequest, response: Response, services: ServicesIn, subject: SubjectIn, trail: TrailIn
) -> NewTenant:
    """Make a tenant and its owner. The operator then makes its namespace."""
    authorize(subject, Action.PLATFORM_WRITE)
    password = body.owner.password.get_secret_value() if body.owner.password else None
    tenant, made = await services.tenants.create(body.name, body.plan, NewPerson(body.owner.user, password), trail)
    response.headers["Location"] = f"/api/v1/admin/tenants/{body.name}"
    return NewTenant(**tenant_info(tenant).model_dump(by_alias=False), owner=body.owner.user, password=made)


@router.get("/admin/tenants", tags=["admin"])
async def list_tenants(services: ServicesIn, subject: SubjectIn) -> Page[TenantInfo]:
    """List all tenants by name."""
    authorize(subject, Action.PLATFORM_READ)
    return Page(items=[tenant_info(item) for item in services.cluster.cached_all(Kind.TENANT)])


@router.get("/members", tags=["members"])
async def list_members(services: ServicesIn, tenant: MembersReader) -> Page[MemberInfo]:
    """List who is in the tenant, by name."""
    return Page(items=[MemberInfo(user=user, role=role) for user, role in await services.tenants.members(tenant.uid)])


@router.post("/members", status_code=201, tags=["members"])
async def add_member(body: MemberRequest, services: ServicesIn, tenant: MembersWriter, trail: TrailIn) -> NewMember:
    """Let somebody in, or give him another role."""
    password = body.password.get_secret_value() if body.password else None
    made = await services.tenants.add_member(tenant, body.user, password, body.role, trail)
    return NewMember(user=body.user, role=body.role, password=made)


@router.delete("/members/{user}", status_code=204, tags=["members"])
async def remove_member(user: UserName, services: ServicesIn, tenant: MembersWriter, trail: TrailIn) -> None:
    """Take somebody out at once. The last owner stays."""
    await services.tenants.remove_member(tenant, user, trail)
