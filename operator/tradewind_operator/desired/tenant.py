"""All objects of a tenant, in the order in which they are applied."""

from tradewind_api.plan import PlanSpec
from tradewind_operator.desired.limit_range import limit_range
from tradewind_operator.desired.names import Object
from tradewind_operator.desired.namespace import namespace
from tradewind_operator.desired.network_policy import default_deny, worker_policy
from tradewind_operator.desired.quota import quota
from tradewind_operator.desired.role_binding import portal_binding
from tradewind_operator.desired.service_account import worker_account


def tenant_objects(tenant: Object, plan: PlanSpec, portal_namespace: str) -> list[Object]:
    """Return the namespace and what closes, limits and identifies it."""
    return [
        namespace(tenant),
        quota(tenant, plan),
        default_deny(tenant),
        worker_policy(tenant, portal_namespace),
        limit_range(tenant),
        worker_account(tenant),
        portal_binding(tenant, portal_namespace),
    ]
