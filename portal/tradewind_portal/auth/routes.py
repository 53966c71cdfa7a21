"""Log in, stay, log out."""

from fastapi import APIRouter, Request, Response

from tradewind_portal.auth.access_token import LIFETIME_S
from tradewind_portal.auth.request import (
    ACCESS_COOKIE,
    REFRESH_COOKIE,
    REFRESH_PATH,
    ServicesIn,
    SubjectIn,
    TrailIn,
    refuse_foreign_site,
)
from tradewind_portal.auth.schemas import LoginRequest, PasswordChange, SessionInfo, session_info
from tradewind_portal.auth.service import SESSION_MS, Tickets, unauthenticated
from tradewind_portal.problems import Problem

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])


@router.post("/login")
async def login(body: LoginRequest, request: Request, response: Response, services: ServicesIn, trail: TrailIn) -> SessionInfo:
    """Log in with a password; the answer sets two cookies."""
    refuse_foreign_site(request)
    await services.rate_limits.hit("login", trail.ip, services.settings.login_attempts_per_minute)
    tickets = await services.auth.login(body.user, body.password.get_secret_value(), trail)
    _set_cookies(response, tickets)
    return session_info(tickets.subject)


@router.post("/refresh")
async def refresh(request: Request, response: Response, services: ServicesIn, trail: TrailIn) -> SessionInfo:
    """Trade the refresh cookie for new cookies."""
    refuse_foreign_site(request)
    trail.recorded = True  # nothing changes but the ticket
    await services.rate_limits.hit("refresh", trail.ip, 60)
    ticket = request.cookies.get(REFRESH_COOKIE)
    if ticket is None:
        raise unauthenticated("there is no refresh cookie; log in")
    tickets = await services.auth.refresh(ticket)
    _set_cookies(response, tickets)
    return session_info(tickets.subject)


@router.post("/password", status_code=204)
async def change_password(body: PasswordChange, services: ServicesIn, subject: SubjectIn, trail: TrailIn) -> None:
    """Change the password; every session of the person ends. Personal access tokens stay: delete them under /tokens."""
    await services.rate_limits.hit("login", trail.ip, services.settings.login_attempts_per_minute)
    if subject.via != "session":
        raise Problem(403, "SessionRequired", "a password is changed in a session, not with a token")
    current, new = body.current.get_secret_value(), body.new.get_secret_value()
    await services.auth.change_password(subject, current, new, trail)


@router.post("/logout", status_code=204)
async def logout(response: Response, services: ServicesIn, subject: SubjectIn) -> None:
    """End this session at once. A personal access token is not a session: delete it under /tokens."""
    if subject.via == "session":
        await services.auth.logout(subject.credential)
    response.delete_cookie(ACCESS_COOKIE, path="/", secure=True, httponly=True, samesite="strict")
    response.delete_cookie(REFRESH_COOKIE, path=REFRESH_PATH, secure=True, httponly=True, samesite="strict")


@router.get("/session")
async def get_session(subject: SubjectIn) -> SessionInfo:
    """Say who asks."""
    return session_info(subject)


def _set_cookies(response: Response, tickets: Tickets) -> None:
    for name, value, path, seconds in (
        (ACCESS_COOKIE, tickets.access, "/", LIFETIME_S),
        (REFRESH_COOKIE, tickets.refresh, REFRESH_PATH, SESSION_MS // 1000),
    ):
        response.set_cookie(name, value, max_age=seconds, path=path, secure=True, httponly=True, samesite="strict")
