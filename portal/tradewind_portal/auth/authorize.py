"""The one place that says who may do what. Everything not named here is refused."""

from enum import StrEnum

from tradewind_portal.auth.subject import Scope, Subject
from tradewind_portal.problems import Problem, not_found


class Action(StrEnum):
    """What can be asked for."""

    BOTS_READ = "bots.read"
    BOTS_WRITE = "bots.write"
    BACKTESTS_READ = "backtests.read"
    BACKTESTS_WRITE = "backtests.write"
    STRATEGIES_READ = "strategies.read"
    STRATEGIES_WRITE = "strategies.write"
    CANDLES_READ = "candles.read"
    CANDLES_WRITE = "candles.write"
    KEYS_READ = "keys.read"
    KEYS_WRITE = "keys.write"
    KILL_READ = "kill.read"
    KILL_WRITE = "kill.write"
    AUDIT_READ = "audit.read"
    MEMBERS_READ = "members.read"
    MEMBERS_WRITE = "members.write"
    PLATFORM_READ = "platform.read"
    PLATFORM_WRITE = "platform.write"


_LOOK = frozenset(
    {
        Action.BOTS_READ,
        Action.BACKTESTS_READ,
        Action.STRATEGIES_READ,
        Action.CANDLES_READ,
        Action.KEYS_READ,
        Action.KILL_READ,
    }
)
_TRADE = _LOOK | {
    Action.BOTS_WRITE,
    Action.BACKTESTS_WRITE,
    Action.STRATEGIES_WRITE,
    Action.CANDLES_WRITE,
    Action.KEYS_WRITE,
    Action.KILL_WRITE,
}
_OWN = frozenset({Action.AUDIT_READ, Action.MEMBERS_READ, Action.MEMBERS_WRITE})
_IN_TENANT = {"viewer": _LOOK, "trader": _TRADE, "owner": _TRADE | _OWN}
_ON_PLATFORM = {
    "auditor": frozenset({Action.PLATFORM_READ}),
    "admin": frozenset({Action.PLATFORM_READ, Action.PLATFORM_WRITE}),
}
_SCOPE: dict[Action, Scope] = {
    **dict.fromkeys(_LOOK | {Action.AUDIT_READ, Action.MEMBERS_READ}, "read"),
    **dict.fromkeys(_TRADE - _LOOK, "trade"),
    **dict.fromkeys([Action.MEMBERS_WRITE, Action.PLATFORM_READ, Action.PLATFORM_WRITE], "admin"),
}


def authorize(subject: Subject, action: Action, tenant_uid: str | None = None) -> None:
    """Return if `subject` may do `action` in the tenant, or on the platform if `tenant_uid` is None.

    Raises:
        Problem: 404 if the tenant is none of the subject's, which must not learn that it exists; else 403.
    """
    if tenant_uid is None:
        allowed = _ON_PLATFORM.get(subject.platform_role or "", frozenset())
        role: str = subject.platform_role or "who has no platform role"
    else:
        tenant_role = subject.role_in(tenant_uid)
        if tenant_role is None:
            raise not_found("such tenant")
        allowed = _IN_TENANT[tenant_role]
        if subject.platform_role is not None:
            allowed = allowed | {Action.AUDIT_READ, Action.MEMBERS_READ}
        if subject.platform_role == "admin":
            allowed = allowed | {Action.KILL_WRITE}  # to stop anybody, and nothing else of a trader's
        role = tenant_role
    if action not in allowed:
        raise Problem(403, "Forbidden", f"{role} may not do {action}")
    if _SCOPE[action] not in subject.scopes:
        raise Problem(403, "ScopeMissing", f"this token lacks the scope {_SCOPE[action]!r}, which {action} needs")
