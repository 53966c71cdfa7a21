"""Messages about bots."""

from typing import Annotated, Any

from fastapi import Path
from pydantic import Field

from tradewind_api.bot import TradingBotSpec
from tradewind_api.contract import Contract
from tradewind_api.ledger import LedgerState, Milliseconds
from tradewind_api.runner import KillScope
from tradewind_portal.cluster.port import Object

NAME_PATTERN = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"
ResourceName = Annotated[str, Path(min_length=1, max_length=52, pattern=NAME_PATTERN, description="Name of the resource.")]


class NewMetadata(Contract):
    """How the resource is called."""

    name: str = Field(min_length=1, max_length=52, pattern=NAME_PATTERN, description="Lower case, unique in the tenant.")


class BotRequest(Contract):
    """A bot as a person writes it."""

    metadata: NewMetadata
    spec: TradingBotSpec

    def written_spec(self) -> dict[str, Any]:
        """Return the spec with only what was written: defaults are the API server's."""
        return self.spec.model_dump(mode="json", by_alias=True, exclude_unset=True)


class BotPatch(Contract):
    """A JSON merge patch of the spec: null takes a field away."""

    spec: dict[str, Any] = Field(description="Fields to change, such as {runPolicy: Paused}.")


class Metadata(Contract):
    """What Kubernetes knows of a resource."""

    name: str
    namespace: str
    uid: str
    generation: int
    resource_version: str
    creation_timestamp: str
    deletion_timestamp: str | None = None


class RunnerContact(Contract):
    """The last heartbeat of the bot's pod, by the portal's clock."""

    last_contact_ms: Milliseconds
    trading: bool
    unacknowledged_events: int


class BotLease(Contract):
    """A live bot's right to trade with its exchange key. After `until_ms` without a heartbeat it only reduces."""

    epoch: int
    until_ms: Milliseconds


class Notice(Contract):
    """Why a bot does not trade though its pod runs, or why its pod was not let start."""

    reason: str
    message: str


class LedgerFigures(LedgerState):
    """What follows from the ledger, and how far it goes."""

    epoch: int
    seq: int
    updated_ms: Milliseconds


class Bot(Contract):
    """A bot: intent and state from its resource, money from the ledger."""

    metadata: Metadata
    spec: dict[str, Any]
    status: dict[str, Any] = {}
    ledger: LedgerFigures | None = Field(default=None, description="Null until its pod has started once.")
    kill: list[KillScope] = Field(default=[], description="Scopes of the kill switches that are on for it.")
    lease: BotLease | None = Field(default=None, description="Of a live bot that has started.")
    notice: Notice | None = Field(default=None, description="Why it does not trade, if something holds it back.")
    runner: RunnerContact | None = Field(default=None, description="Null while no pod was heard of since the portal started.")


def metadata_of(item: Object) -> Metadata:
    """Return what is shown of metadata."""
    found = item["metadata"]
    return Metadata(
        name=found["name"],
        namespace=found["namespace"],
        uid=found["uid"],
        generation=found["generation"],
        resource_version=found["resourceVersion"],
        creation_timestamp=found["creationTimestamp"],
        deletion_timestamp=found.get("deletionTimestamp"),
    )
