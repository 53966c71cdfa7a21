"""Who a request is from: a cookie or a bearer token, never both."""

from typing import Annotated

from fastapi import Depends, Request

from tradewind_portal.audit.trail import Trail
from tradewind_portal.auth.service import unauthenticated
from tradewind_portal.auth.subject import Subject
from tradewind_portal.problems import Problem
from tradewind_portal.services import Services

ACCESS_COOKIE = "__Host-tradewind"
REFRESH_COOKIE = "__Secure-tradewind-refresh"
REFRESH_PATH = "/api/v1/auth"
GUARD_HEADER = "Tradewind-Request"
SAFE = {"GET", "HEAD", "OPTIONS"}


def services_of(request: Request) -> Services:
    """Return what the application was made with."""
    services: Services = request.app.state.services
    return services


def trail_of(request: Request) -> Trail:
    """Return the request's audit trail, begun at the first use."""
    trail: Trail | None = getattr(request.state, "trail", None)
    if trail is None:
        trail = Trail(request_id=request.state.request_id, ip=request.client.host if request.client else "-")
        request.state.trail = trail
    return trail


def refuse_foreign_site(request: Request) -> None:
    """Refuse a changing request that another site made a browser send (cookies travel by themselves).

    Raises:
        Problem: 403.
    """
    site = request.headers.get("sec-fetch-site")
    if site not in {None, "same-origin", "none"}:
        raise Problem(403, "CrossSite", "a page of another site may not do this")
    origin = request.headers.get("origin")
    if site is None and origin is not None and origin.partition("://")[2] != request.headers.get("host"):
        raise Problem(403, "CrossSite", "a page of another site may not do this")


async def subject_of(request: Request) -> Subject:
    """Return who the request is from and count it against the plan's rate."""
    services = services_of(request)
    bearer = request.headers.get("authorization")
    cookie = request.cookies.get(ACCESS_COOKIE)
    if bearer is not None and cookie is not None:
        raise Problem(400, "TwoCredentials", "send a cookie or a bearer token, not both")
    if bearer is not None:
        scheme, _, token = bearer.partition(" ")
        if scheme.lower() != "bearer":
            raise unauthenticated("the Authorization header must be: Bearer tw_pat_...")
        subject = await services.tokens.subject(token.strip())
    elif cookie is not None:
        if request.method not in SAFE:
            refuse_foreign_site(request)
            if GUARD_HEADER not in request.headers:
                raise Problem(403, "GuardMissing", f"changes by cookie need the header {GUARD_HEADER}: 1")
        subject = await services.auth.session_subject(cookie)
    else:
        raise unauthenticated("log in, or send a personal access token")
    trail = trail_of(request)
    trail.actor, trail.actor_kind = subject.name, "user" if subject.via == "session" else "token"
    request.state.actor = subject.name
    request.state.headers = await services.rate_limits.hit("plan", subject.user_id, services.allowed_rate(subject))
    return subject


ServicesIn = Annotated[Services, Depends(services_of)]
SubjectIn = Annotated[Subject, Depends(subject_of)]
TrailIn = Annotated[Trail, Depends(trail_of)]
