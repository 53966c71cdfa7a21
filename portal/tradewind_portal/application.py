"""The two applications: the public one for people, the internal one for pods. They share services, not routes."""

from fastapi import FastAPI
from fastapi.routing import APIRoute

from tradewind_api.document.text import MAX_TEXT
from tradewind_portal import VERSION, problems
from tradewind_portal.audit import routes as audit
from tradewind_portal.auth import routes as auth
from tradewind_portal.backtests import routes as backtests
from tradewind_portal.bots import routes as bots
from tradewind_portal.candles import routes as candles
from tradewind_portal.front import routes as front
from tradewind_portal.health import routes as health
from tradewind_portal.keys import routes as keys
from tradewind_portal.kill import routes as kill
from tradewind_portal.ledger import routes as ledger
from tradewind_portal.optimisations import routes as optimisations
from tradewind_portal.services import Services
from tradewind_portal.strategies import routes as strategies
from tradewind_portal.tenants import routes as tenants
from tradewind_portal.tokens import routes as tokens

MAX_BODY = MAX_TEXT  # of what a person writes; the strategy is the largest of it, and a megabyte takes seconds to refuse
MAX_INTERNAL_BODY = 1024 * 1024
PUBLIC_DESCRIPTION = (
    "Tenants, bots, backtests, strategies and candles of Tradewind. Errors are problem+json (RFC 9457) with a stable `code`. "
    "Send `Authorization: Bearer tw_pat_...`, or the cookies of /api/v1/auth/login with the header `Tradewind-Request: 1`."
)


def public_app(services: Services | None) -> FastAPI:
    """Return the public application; without services it can only describe itself."""
    app = _app("Tradewind", PUBLIC_DESCRIPTION, services, openapi_url="/api/v1/openapi.json", max_body=MAX_BODY)
    for feature in (front, auth, tokens, tenants, bots, keys, kill, backtests, strategies, candles, audit, health):
        app.include_router(feature.router, responses=PROBLEM)
    return app


def internal_app(services: Services | None) -> FastAPI:
    """Return the application for pods."""
    app = _app(
        "Tradewind runner side", "For the pods of bots and backtests.", services, openapi_url=None, max_body=MAX_INTERNAL_BODY
    )
    app.include_router(ledger.router, responses=PROBLEM)
    app.include_router(optimisations.router, responses=PROBLEM)
    app.include_router(health.router)
    return app


PROBLEM: dict[int | str, dict[str, object]] = {
    "default": {
        "description": "What went wrong",
        "content": {
            problems.MEDIA_TYPE: {
                "schema": {
                    "type": "object",
                    "required": ["type", "title", "status", "detail", "instance", "code"],
                    "properties": {
                        **{name: {"type": "string"} for name in ("type", "title", "detail", "instance", "code")},
                        "status": {"type": "integer"},
                        "errors": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "properties": {name: {"type": "string"} for name in ("pointer", "code", "detail")},
                            },
                        },
                    },
                }
            }
        },
    }
}


def _app(title: str, description: str, services: Services | None, *, openapi_url: str | None, max_body: int) -> FastAPI:
    app = FastAPI(
        title=title,
        description=description,
        version=VERSION,
        openapi_url=openapi_url,
        docs_url=None,  # these pages load scripts of other sites
        redoc_url=None,
        generate_unique_id_function=_operation_id,
        max_body_size=max_body,
        separate_input_output_schemas=False,
    )
    app.state.services = services
    problems.install(app)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name
