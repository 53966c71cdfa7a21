"""The tenant of a request, for routes."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Header, Request

from tradewind_portal.auth.authorize import Action
from tradewind_portal.auth.request import ServicesIn, SubjectIn, trail_of
from tradewind_portal.tenants.scope import HEADER, TenantScope, choose_tenant

TenantName = Annotated[
    str | None,
    Header(alias=HEADER, max_length=63, description="Which tenant; needed only by who has several, or a platform role."),
]


def tenant_for(action: Action) -> Callable[..., Awaitable[TenantScope]]:
    """Return the dependency that finds a request's tenant and lets pass who may do `action` there."""

    async def tenant(request: Request, services: ServicesIn, subject: SubjectIn, named: TenantName = None) -> TenantScope:
        scope = await choose_tenant(services.cluster, subject, named, action)
        trail_of(request).tenant_uid = scope.uid
        return scope

    return tenant


BotsReader = Annotated[TenantScope, Depends(tenant_for(Action.BOTS_READ))]
BotsWriter = Annotated[TenantScope, Depends(tenant_for(Action.BOTS_WRITE))]
BacktestsReader = Annotated[TenantScope, Depends(tenant_for(Action.BACKTESTS_READ))]
BacktestsWriter = Annotated[TenantScope, Depends(tenant_for(Action.BACKTESTS_WRITE))]
StrategiesReader = Annotated[TenantScope, Depends(tenant_for(Action.STRATEGIES_READ))]
StrategiesWriter = Annotated[TenantScope, Depends(tenant_for(Action.STRATEGIES_WRITE))]
CandlesReader = Annotated[TenantScope, Depends(tenant_for(Action.CANDLES_READ))]
CandlesWriter = Annotated[TenantScope, Depends(tenant_for(Action.CANDLES_WRITE))]
KeysReader = Annotated[TenantScope, Depends(tenant_for(Action.KEYS_READ))]
KeysWriter = Annotated[TenantScope, Depends(tenant_for(Action.KEYS_WRITE))]
KillReader = Annotated[TenantScope, Depends(tenant_for(Action.KILL_READ))]
KillWriter = Annotated[TenantScope, Depends(tenant_for(Action.KILL_WRITE))]
MembersReader = Annotated[TenantScope, Depends(tenant_for(Action.MEMBERS_READ))]
MembersWriter = Annotated[TenantScope, Depends(tenant_for(Action.MEMBERS_WRITE))]
AuditReader = Annotated[TenantScope, Depends(tenant_for(Action.AUDIT_READ))]
