"""Strategy: a strategy document under a name, for bots and backtests of its namespace."""

from pydantic import Field

from tradewind_api.resources import AGE, Column, Condition, Kind, Resource, ready_column, reason_column
from tradewind_api.strategy_choice import InlineDocument


class StrategySpec(Resource):
    """What decides."""

    document: InlineDocument = Field(description="The document. An edit reaches bots by their updatePolicy.")


class StrategyFault(Resource):
    """One fault of the document."""

    node: str = Field(default="", max_length=31, description="Node at fault; empty where none is.")
    field: str = Field(default="", max_length=128, description="Path inside the node, or inside the document.")
    code: str = Field(max_length=63, description="One CamelCase word for programs.")
    message: str = Field(default="", max_length=512, description="A sentence for people: what is wrong and what to do.")


class StrategyLookback(Resource):
    """History that one decision reads."""

    timeframe: str = Field(max_length=3, description="Timeframe of the candles.")
    candles: int = Field(ge=0, description="How many of them.")


class StrategyStatus(Resource):
    """What the document means, or what is wrong with it."""

    observed_generation: int = Field(default=0, ge=0, description="The generation of the spec that this is about.")
    summary: str = Field(default="", max_length=31, description="One derived word, for display: Ready Invalid.")
    conditions: list[Condition] = Field(
        default=[],
        max_length=16,
        description="What holds.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    digest: str = Field(default="", max_length=64, description="Digest of what the document means; empty while it is invalid.")
    sentence: str = Field(default="", max_length=2000, description="The document in English.")
    lookback: list[StrategyLookback] = Field(
        default=[],
        max_length=12,
        description="Candles that one decision reads, by timeframe.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["timeframe"]},
    )
    errors: list[StrategyFault] = Field(default=[], max_length=64, description="All faults at once.")
    used_by: int = Field(default=0, ge=0, description="How many bots name it.")


STRATEGY = Kind(
    kind="Strategy",
    plural="strategies",
    short=("strat",),
    namespaced=True,
    description="A strategy document that bots and backtests of its namespace name by strategy.ref.",
    spec=StrategySpec,
    status=StrategyStatus,
    columns=(
        Column("Timeframe", ".spec.document.timeframe"),
        Column("Summary", ".status.summary"),
        ready_column(),
        reason_column(),
        Column("Used", ".status.usedBy", "integer"),
        Column("Digest", ".status.digest", wide=True),
        Column("Sentence", ".status.sentence", wide=True),
        AGE,
    ),
    selectable=(".status.summary",),
)
