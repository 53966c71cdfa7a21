"""Tenants, for platform administrators."""

from fastapi import APIRouter, Response

from tradewind_portal.auth.authorize import Action, authorize
from tradewind_portal.auth.request import ServicesIn, SubjectIn, TrailIn
from tradewind_portal.cluster.port import Kind
from tradewind_portal.tenants.schemas import NewTenant, TenantInfo, TenantRequest, tenant_info
from tradewind_portal.tenants.service import NewOwner
from tradewind_portal.wire import Page

router = APIRouter(prefix="/api/v1/admin/tenants", tags=["admin"])


@router.post("", status_code=201)
async def create_tenant(
    body: TenantRequest, response: Response, services: ServicesIn, subject: SubjectIn, trail: TrailIn
) -> NewTenant:
    """Make a tenant and its owner. The operator then makes its namespace."""
    authorize(subject, Action.PLATFORM_WRITE)
    password = body.owner.password.get_secret_value() if body.owner.password else None
    tenant, made = await services.tenants.create(body.name, body.plan, NewOwner(body.owner.user, password), trail)
    response.headers["Location"] = f"/api/v1/admin/tenants/{body.name}"
    return NewTenant(**tenant_info(tenant).model_dump(by_alias=False), owner=body.owner.user, password=made)


@router.get("")
async def list_tenants(services: ServicesIn, subject: SubjectIn) -> Page[TenantInfo]:
    """List all tenants by name."""
    authorize(subject, Action.PLATFORM_READ)
    return Page(items=[tenant_info(item) for item in services.cluster.cached_all(Kind.TENANT)])
