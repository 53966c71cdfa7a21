"""Tenant: one customer. Owns a namespace, a quota and a network policy; holds no personal data."""

from typing import Literal

from pydantic import Field

from tradewind_api.resources import AGE, Column, Condition, Kind, Resource, ready_column, reason_column


class TenantSpec(Resource):
    """What the platform grants."""

    plan: str = Field(min_length=1, max_length=31, pattern=r"^[a-z0-9-]+$", description="Name of a Plan, such as free.")
    owner: str = Field(default="", max_length=63, description="Opaque id of the owner in the portal.")
    lifecycle: Literal["Active", "Suspended", "Offboarding"] = Field(
        default="Active", description="Suspended: bots have no pods. Offboarding: so, and nothing new is admitted."
    )


class TenantStatus(Resource):
    """What is."""

    observed_generation: int = Field(default=0, ge=0, description="The generation that this status is about.")
    summary: str = Field(default="", max_length=31, description="One derived word, for display.")
    namespace: str = Field(default="", max_length=63, description="The tenant's namespace.")
    conditions: list[Condition] = Field(
        default=[],
        max_length=16,
        description="What holds.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )


TENANT = Kind(
    kind="Tenant",
    plural="tenants",
    short=("tenant",),
    namespaced=False,
    description="A customer of the platform, in a namespace of its own.",
    spec=TenantSpec,
    status=TenantStatus,
    columns=(
        Column("Plan", ".spec.plan"),
        Column("Lifecycle", ".spec.lifecycle"),
        Column("Namespace", ".status.namespace"),
        ready_column(),
        reason_column(),
        AGE,
    ),
)
