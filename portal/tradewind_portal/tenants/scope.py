"""The tenant that a request is about: from the credential and the header, never from a body."""

from dataclasses import dataclass

from tradewind_portal.auth.authorize import Action, authorize
from tradewind_portal.auth.subject import Subject
from tradewind_portal.cluster.port import Cluster, Kind, Object, uid_of
from tradewind_portal.problems import Problem, not_found

HEADER = "Tradewind-Tenant"
DEFAULT_REQUESTS_PER_MINUTE = 60


@dataclass(frozen=True, slots=True)
class TenantScope:
    """One tenant as its resource says; `namespace` is None until the operator has made it."""

    uid: str
    name: str
    plan: str
    namespace: str | None

    def home(self) -> str:
        """Return the namespace. Raises Problem 409 while there is none."""
        if self.namespace is None:
            raise Problem(
                409,
                "TenantNotReady",
                f"tenant {self.name} has no namespace yet; the operator makes it in a few seconds",
                headers={"Retry-After": "2"},
            )
        return self.namespace


def scope_of(tenant: Object) -> TenantScope:
    """Return what requests need of a Tenant resource."""
    namespace = tenant.get("status", {}).get("namespace")
    return TenantScope(uid_of(tenant), tenant["metadata"]["name"], tenant["spec"]["plan"], namespace)


async def choose_tenant(cluster: Cluster, subject: Subject, named: str | None, action: Action) -> TenantScope:
    """Return the tenant a request is about, which `subject` may do `action` in.

    Raises:
        Problem: 400 if one must be named, 403 if the subject is in none, 404 if the one named is not the subject's.
    """
    if named is None:
        match subject.memberships:
            case ():
                raise Problem(
                    403, "NoTenant", f"{subject.name} is in no tenant; platform roles name one by the header {HEADER}"
                )
            case (one,):
                named = one.tenant
            case many:
                names = ", ".join(membership.tenant for membership in many)
                raise Problem(400, "TenantRequired", f"name one of your tenants by the header {HEADER}: {names}")
    tenant = cluster.cached(Kind.TENANT, named)
    if tenant is None or not tenant.get("status", {}).get("namespace"):
        tenant = await cluster.get(Kind.TENANT, named) if len(named) <= 63 and named.replace("-", "").isalnum() else None
    if tenant is None:
        raise not_found("such tenant")
    scope = scope_of(tenant)
    authorize(subject, action, scope.uid)
    return scope


def requests_per_minute(cluster: Cluster, plan: str) -> int:
    """Return how many requests a minute a plan allows."""
    found = cluster.cached(Kind.PLAN, plan)
    limits = found["spec"].get("limits", {}) if found else {}
    return int(limits.get("requestsPerMinute", DEFAULT_REQUESTS_PER_MINUTE))
