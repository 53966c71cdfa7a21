"""Probes and version, without a login: they tell nothing of anybody."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import PlainTextResponse

from tradewind_api.contract import Contract
from tradewind_portal import VERSION
from tradewind_portal.auth.request import ServicesIn
from tradewind_portal.health.checks import readiness

router = APIRouter(tags=["health"])


Verbose = Annotated[str | None, Query(description="List every check.")]


class Version(Contract):
    """What runs."""

    name: str
    version: str


@router.get("/livez", response_class=PlainTextResponse)
async def livez() -> str:
    """Answer while the event loop turns."""
    return "ok\n"


@router.get("/readyz", response_class=PlainTextResponse)
async def readyz(services: ServicesIn, verbose: Verbose = None) -> Response:
    """Answer 200 when requests can be served, else 503; ?verbose lists the checks."""
    checks = readiness(services.store, services.cluster, min_free_mib=services.settings.min_free_mib)
    failed = [check for check in checks if check.needed and not check.passed]
    lines = [f"[{'+' if check.passed else '-'}]{check.name} {check.detail}" for check in checks]
    text = "\n".join([*lines, "not ready" if failed else "ready"]) if verbose is not None or failed else "ok"
    return PlainTextResponse(text + "\n", 503 if failed else 200)


@router.get("/healthz", response_class=PlainTextResponse)
async def healthz(services: ServicesIn, verbose: Verbose = None) -> Response:
    """Answer as /readyz does; the old name."""
    return await readyz(services, verbose)


@router.get("/version")
async def version() -> Version:
    """Say what runs."""
    return Version(name="tradewind", version=VERSION)
