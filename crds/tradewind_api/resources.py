"""What all custom resources share: names of group and kinds, conditions, metadata that we read."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

GROUP, VERSION = "tradewind.dev", "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
NOTICE_ANNOTATION = f"{GROUP}/notice"
"""What the portal tells the operator's conditions of a bot: JSON {reason, message}. For people; nothing decides by it."""
REFUSED_NOTICES = frozenset(
    {"BelowMinimum", "InsufficientFunds", "MaxOrder", "MaxPosition", "OpenOrders", "OrderRate", "PriceBand", "UnknownFunds"}
)
"""Reasons for which the last entry was refused, until the next one is not."""
PASSING_NOTICES = REFUSED_NOTICES | {"NotReady", "StaleData", "InDoubt", "DiskFull", "LedgerFull", "CredentialsUnchecked"}
"""Reasons of notices that end by themselves, or with the market: the bot is not Ready, and not Halted either."""
FORCE_DELETE_ANNOTATION = f"{GROUP}/force-delete"
"""The way out when a live bot cannot be shut down safely: its value is the reason."""
SHUTDOWN_FINALIZER = f"{GROUP}/safe-shutdown"
"""Holds a live bot until its orders are dealt with, and its tenant until all of its live bots are gone."""


class Resource(BaseModel):
    """Base of spec and status models: camelCase outside; unknown fields are refused as the API server refuses them."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", frozen=True, populate_by_name=True, serialize_by_alias=True
    )


class Condition(Resource):
    """A condition as Kubernetes' own types have it."""

    type: str = Field(max_length=63, description="What the condition is about.")
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds.")
    reason: str = Field(max_length=127, description="One CamelCase word for programs.")
    message: str = Field(default="", max_length=2048, description="A sentence for people: what is wrong and what to do.")
    last_transition_time: str = Field(default="", max_length=40, description="When `status` last changed.")
    observed_generation: int = Field(default=0, ge=0, description="The generation of the spec that this is about.")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`; `wide` ones show with -o wide only."""

    name: str
    path: str
    type: str = "string"
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """One custom resource: how it is called and which models describe it."""

    kind: str
    plural: str
    short: tuple[str, ...]
    namespaced: bool
    description: str
    spec: type[Resource]
    status: type[Resource]
    columns: tuple[Column, ...]
    selectable: tuple[str, ...] = ()

    @property
    def crd_name(self) -> str:
        """The name of its CustomResourceDefinition."""
        return f"{self.plural}.{GROUP}"


def rule(expression: str, message: str, path: str = "") -> dict[str, Any]:
    """Return a CEL rule as `x-kubernetes-validations` has it."""
    found: dict[str, Any] = {"rule": expression, "message": message, "reason": "FieldValueInvalid"}
    return found | {"fieldPath": path} if path else found


def ready_column() -> Column:
    """Return the column of the condition Ready."""
    return Column("Ready", '.status.conditions[?(@.type=="Ready")].status')


def reason_column() -> Column:
    """Return the wide column of why the condition Ready is what it is."""
    return Column("Reason", '.status.conditions[?(@.type=="Ready")].reason', wide=True)


AGE = Column("Age", ".metadata.creationTimestamp", "date")
DecimalString = Annotated[str, Field(pattern=r"^[0-9]{1,24}(\.[0-9]{1,18})?$", max_length=44)]
SymbolName = Annotated[str, Field(pattern=r"^[0-9A-Z]+/[0-9A-Z]+$", max_length=31)]
ExchangeName = Annotated[str, Field(pattern=r"^[a-z0-9-]+$", min_length=1, max_length=31)]
ParameterAddress = Annotated[str, Field(max_length=64)]
