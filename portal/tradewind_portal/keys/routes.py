"""Exchange keys: taken in, listed without secrets, rotated, deleted; for administrators, all of them at once."""

from fastapi import APIRouter, Response

from tradewind_portal.auth.authorize import Action, authorize
from tradewind_portal.auth.request import ServicesIn, SubjectIn, TrailIn
from tradewind_portal.cluster.port import Kind, uid_of
from tradewind_portal.keys.schemas import KeyInfo, KeyName, KeyRequest, KeysChanged, KeySecrets, RevokeRequest, key_info
from tradewind_portal.problems import not_found
from tradewind_portal.tenants.request import KeysReader, KeysWriter
from tradewind_portal.wire import Page

router = APIRouter(prefix="/api/v1")


@router.post("/exchange-keys", status_code=201, tags=["exchange keys"])
async def create_exchange_key(
    body: KeyRequest, response: Response, services: ServicesIn, tenant: KeysWriter, trail: TrailIn
) -> KeyInfo:
    """Keep a key after asking the exchange: it must be able to trade and unable to withdraw."""
    trail.target, trail.diff = f"exchange-key/{body.name}", {"exchange": body.exchange}
    made = await services.keys.create(tenant, body.name, body.exchange, body.secrets(), trail)
    response.headers["Location"] = f"/api/v1/exchange-keys/{body.name}"
    return key_info(made, [])


@router.get("/exchange-keys", tags=["exchange keys"])
async def list_exchange_keys(services: ServicesIn, tenant: KeysReader) -> Page[KeyInfo]:
    """List keys by name, without secrets."""
    found = await services.keys.of_tenant(tenant)
    return Page(items=[key_info(key, services.keys.users(tenant, key.name)) for key in found])


@router.get("/exchange-keys/{name}", tags=["exchange keys"])
async def get_exchange_key(name: KeyName, services: ServicesIn, tenant: KeysReader) -> KeyInfo:
    """Show one key, without its secret."""
    return key_info(await services.keys.get(tenant, name), services.keys.users(tenant, name))


@router.put("/exchange-keys/{name}", tags=["exchange keys"])
async def rotate_exchange_key(
    name: KeyName, body: KeySecrets, services: ServicesIn, tenant: KeysWriter, trail: TrailIn
) -> KeyInfo:
    """Give a key another secret of the same exchange. Bots get it at their next start."""
    trail.target = f"exchange-key/{name}"
    made = await services.keys.rotate(tenant, name, body.secrets(), trail)
    return key_info(made, services.keys.users(tenant, name))


@router.post("/exchange-keys/{name}/verify", tags=["exchange keys"])
async def verify_exchange_key(name: KeyName, services: ServicesIn, tenant: KeysWriter, trail: TrailIn) -> KeyInfo:
    """Ask the exchange again what a key may do: it must be able to trade and unable to withdraw."""
    trail.target = f"exchange-key/{name}"
    return key_info(await services.keys.verify(tenant, name, trail), services.keys.users(tenant, name))


@router.delete("/exchange-keys/{name}", status_code=204, tags=["exchange keys"])
async def delete_exchange_key(name: KeyName, services: ServicesIn, tenant: KeysWriter, trail: TrailIn) -> None:
    """Destroy a key that no live bot names."""
    trail.target = f"exchange-key/{name}"
    await services.keys.delete(tenant, name, trail)


@router.post("/admin/exchange-keys/revoke", tags=["admin"])
async def revoke_exchange_keys(body: RevokeRequest, services: ServicesIn, subject: SubjectIn, trail: TrailIn) -> KeysChanged:
    """Destroy the secrets of many keys. Bots that trade with them stop entering and cancel their orders within a heartbeat."""
    authorize(subject, Action.PLATFORM_WRITE)
    trail.diff = body.model_dump(mode="json", by_alias=True)
    tenant_uid = None
    if body.tenant is not None:
        tenant = services.cluster.cached(Kind.TENANT, body.tenant)
        if tenant is None:
            raise not_found("such tenant")
        tenant_uid = trail.tenant_uid = uid_of(tenant)
    return KeysChanged(changed=await services.keys.revoke(tenant_uid, body.exchange, trail))


@router.post("/admin/exchange-keys/rewrap", tags=["admin"])
async def rewrap_exchange_keys(services: ServicesIn, subject: SubjectIn, trail: TrailIn) -> KeysChanged:
    """Wrap all keys with the newest key-encryption key, so that older ones may be taken away."""
    authorize(subject, Action.PLATFORM_WRITE)
    return KeysChanged(changed=await services.keys.rewrap(trail))
