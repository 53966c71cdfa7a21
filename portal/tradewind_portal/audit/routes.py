"""The audit log: of one tenant for its owners, of everything for the platform."""

from fastapi import APIRouter

from tradewind_portal.audit import queries
from tradewind_portal.audit.schemas import AuditRow, audit_row
from tradewind_portal.auth.authorize import Action, authorize
from tradewind_portal.auth.request import ServicesIn, SubjectIn
from tradewind_portal.paging import CursorText, Limit, decode_numbers, encode
from tradewind_portal.services import Services
from tradewind_portal.tenants.request import AuditReader
from tradewind_portal.wire import Page

router = APIRouter(prefix="/api/v1", tags=["audit"])


@router.get("/audit")
async def list_audit(services: ServicesIn, tenant: AuditReader, limit: Limit = 50, cursor: CursorText = None) -> Page[AuditRow]:
    """List changes of the tenant, newest first."""
    return await _page(services, tenant.uid, limit, cursor)


@router.get("/admin/audit")
async def list_platform_audit(
    services: ServicesIn, subject: SubjectIn, limit: Limit = 50, cursor: CursorText = None
) -> Page[AuditRow]:
    """List all changes, newest first."""
    authorize(subject, Action.PLATFORM_READ)
    return await _page(services, None, limit, cursor)


async def _page(services: Services, tenant_uid: str | None, limit: int, cursor: str | None) -> Page[AuditRow]:
    place = decode_numbers(cursor, 1)
    before = place[0] if place else None
    rows = await services.store.read(lambda at: queries.page(at, tenant_uid=tenant_uid, before=before, limit=limit + 1))
    more = encode([rows[limit - 1]["seq"]]) if len(rows) > limit else None
    return Page(items=[audit_row(row) for row in rows[:limit]], next=more)
