"""Switching on and off, in four scopes; and closing what a bot holds."""

from fastapi import APIRouter

from tradewind_portal.auth.authorize import Action, authorize
from tradewind_portal.auth.request import ServicesIn, SubjectIn, TrailIn
from tradewind_portal.bots.schemas import ResourceName
from tradewind_portal.cluster.port import uid_of
from tradewind_portal.keys.schemas import KeyName
from tradewind_portal.kill.schemas import CloseInfo, KillRequest, KillSwitchInfo, close_info, switch_info
from tradewind_portal.kill.service import PLATFORM_TARGET, Target
from tradewind_portal.problems import not_found
from tradewind_portal.services import Services
from tradewind_portal.tenants.request import KillReader, KillWriter
from tradewind_portal.tenants.scope import TenantScope
from tradewind_portal.wire import Page

router = APIRouter(prefix="/api/v1")


async def _bot(services: Services, tenant: TenantScope, name: str) -> Target:
    item = await services.bots.get(tenant, name)
    return Target("bot", uid_of(item), tenant.uid, name)


async def _key(services: Services, tenant: TenantScope, name: str) -> Target:
    return Target("account", (await services.keys.get(tenant, name)).id, tenant.uid, name)


@router.put("/bots/{name}/kill-switch", tags=["kill switches"])
async def kill_bot(
    name: ResourceName, body: KillRequest, services: ServicesIn, subject: SubjectIn, tenant: KillWriter, trail: TrailIn
) -> KillSwitchInfo:
    """Stop a bot: no new entries, its orders cancelled, its positions by its stop policy."""
    return switch_info(await services.kill.engage(await _bot(services, tenant, name), body.reason, subject, trail))


@router.delete("/bots/{name}/kill-switch", status_code=204, tags=["kill switches"])
async def release_bot(name: ResourceName, services: ServicesIn, subject: SubjectIn, tenant: KillWriter, trail: TrailIn) -> None:
    """Let a bot trade again."""
    await services.kill.release(await _bot(services, tenant, name), subject, trail)


@router.put("/exchange-keys/{name}/kill-switch", tags=["kill switches"])
async def kill_account(
    name: KeyName, body: KillRequest, services: ServicesIn, subject: SubjectIn, tenant: KillWriter, trail: TrailIn
) -> KillSwitchInfo:
    """Stop every bot that trades with an exchange key."""
    return switch_info(await services.kill.engage(await _key(services, tenant, name), body.reason, subject, trail))


@router.delete("/exchange-keys/{name}/kill-switch", status_code=204, tags=["kill switches"])
async def release_account(name: KeyName, services: ServicesIn, subject: SubjectIn, tenant: KillWriter, trail: TrailIn) -> None:
    """Let bots trade with an exchange key again."""
    await services.kill.release(await _key(services, tenant, name), subject, trail)


@router.put("/kill-switch", tags=["kill switches"])
async def kill_tenant(
    body: KillRequest, services: ServicesIn, subject: SubjectIn, tenant: KillWriter, trail: TrailIn
) -> KillSwitchInfo:
    """Stop every bot of the tenant."""
    return switch_info(await services.kill.engage(_tenant(tenant), body.reason, subject, trail))


@router.delete("/kill-switch", status_code=204, tags=["kill switches"])
async def release_tenant(services: ServicesIn, subject: SubjectIn, tenant: KillWriter, trail: TrailIn) -> None:
    """Let the tenant's bots trade again."""
    await services.kill.release(_tenant(tenant), subject, trail)


@router.get("/kill-switches", tags=["kill switches"])
async def list_kill_switches(services: ServicesIn, tenant: KillReader) -> Page[KillSwitchInfo]:
    """List what is on for the tenant: its own switches and the platform's, oldest first."""
    return Page(items=[switch_info(switch) for switch in await services.kill.of_tenant(tenant.uid)])


@router.put("/admin/kill-switch", tags=["admin"])
async def kill_platform(body: KillRequest, services: ServicesIn, subject: SubjectIn, trail: TrailIn) -> KillSwitchInfo:
    """Stop every bot of every tenant."""
    authorize(subject, Action.PLATFORM_WRITE)
    return switch_info(await services.kill.engage(PLATFORM_TARGET, body.reason, subject, trail))


@router.delete("/admin/kill-switch", status_code=204, tags=["admin"])
async def release_platform(services: ServicesIn, subject: SubjectIn, trail: TrailIn) -> None:
    """Let bots trade again, but for those whose own switches are on."""
    authorize(subject, Action.PLATFORM_WRITE)
    await services.kill.release(PLATFORM_TARGET, subject, trail)


@router.get("/admin/kill-switches", tags=["admin"])
async def list_platform_kill_switches(services: ServicesIn, subject: SubjectIn) -> Page[KillSwitchInfo]:
    """List what is on in the whole platform, oldest first."""
    authorize(subject, Action.PLATFORM_READ)
    return Page(items=[switch_info(switch) for switch in await services.kill.all()])


@router.post("/bots/{name}/close-positions", status_code=202, tags=["bots"])
async def close_positions(name: ResourceName, services: ServicesIn, tenant: KillWriter, trail: TrailIn) -> CloseInfo:
    """Ask a bot to sell all that it holds, once. It goes on afterwards: pause or kill it first if it shall not buy again."""
    item = await services.bots.get(tenant, name)
    return close_info(await services.kill.close(uid_of(item), name, trail))


@router.get("/bots/{name}/close-positions", tags=["bots"])
async def get_close_positions(name: ResourceName, services: ServicesIn, tenant: KillReader) -> CloseInfo:
    """Show how far the newest request to close is. 404 if there was none."""
    item = await services.bots.get(tenant, name)
    found = await services.kill.closing(uid_of(item))
    if found is None:
        raise not_found(f"request to close what bot {name} holds")
    return close_info(found)


def _tenant(tenant: TenantScope) -> Target:
    return Target("tenant", tenant.uid, tenant.uid, tenant.name)
