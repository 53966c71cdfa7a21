"""How a resource names its strategy: a shipped template, an inline document, or a Strategy of the namespace."""

from typing import Annotated

from pydantic import ConfigDict, Field

from tradewind_api.document.model import MAX_INPUTS, MAX_NODES, TIMEFRAMES
from tradewind_api.resources import Resource, rule

TIMEFRAME_PATTERN = f"^({'|'.join(TIMEFRAMES)})$"
ONE_STRATEGY = rule(
    "[has(self.template), has(self.document), has(self.ref)].filter(x, x).size() == 1",
    "set exactly one of template, document and ref",
)
REFERENCES_EXIST = rule(
    "[self.nodes.map(m, m.id)].all(ids, self.nodes.all(n, !has(n.__in__) || n.__in__.all(r, "
    "r in ['open','high','low','close','volume'] || r.split('.')[0] in ids)))",
    "every reference in `in` must be open, high, low, close, volume, a node id or node.output",
    ".nodes",
)


class DocumentNode(Resource):
    """One node of an inline document."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,30}$", max_length=31, description="Name of the node.")
    op: str = Field(min_length=1, max_length=31, description="Operation, as docs/reference/operations.md lists them.")
    inputs: list[Annotated[str, Field(min_length=1, max_length=63)]] = Field(
        default=[], alias="in", max_length=MAX_INPUTS, description="References: a price, a node, or node.output."
    )
    params: dict[str, float] = Field(default={}, max_length=8, description="Parameters of the operation.")
    timeframe: str | None = Field(
        default=None,
        pattern=TIMEFRAME_PATTERN,
        description="Longer timeframe that the node works on; the document's if left out.",
    )


class DocumentSize(Resource):
    """How much one entry buys."""

    percent_of_equity: float | None = Field(default=None, ge=0, le=100, description="Share of the equity, in percent.")
    quote: float | None = Field(default=None, ge=0, description="Fixed amount of quote currency.")
    risk_percent: float | None = Field(
        default=None, ge=0, le=100, description="Share of the equity that a fall of the price by `measure` loses, in percent."
    )
    measure: str | None = Field(
        default=None, min_length=1, max_length=63, description="A node in units of price, such as an average true range."
    )


class DocumentLadder(Resource):
    """Further buys below the first."""

    steps: int = Field(ge=1, le=10, description="How many further buys.")
    spacing_percent: float = Field(ge=0, le=50, description="Distance between buys, percent of the first price.")
    size_factor: float | None = Field(default=None, ge=0.1, le=5, description="Size of a buy over that before; 1 if left out.")
    cap_percent: float | None = Field(
        default=None, ge=0, le=100, description="Most that all buys spend, percent of the equity; 100 if left out."
    )


class DocumentEntry(Resource):
    """When to buy."""

    when: str = Field(min_length=1, max_length=63, description="A yes-or-no node.")
    size: DocumentSize | None = Field(default=None, description="How much one entry buys; the whole equity if left out.")
    ladder: DocumentLadder | None = Field(default=None, description="Further buys when the price falls.")


class DocumentExit(Resource):
    """When to sell."""

    when: str = Field(min_length=1, max_length=63, description="A yes-or-no node.")


class DocumentProtect(Resource):
    """Exits that need no signal, and rest after one."""

    stop_loss_percent: float | None = Field(
        default=None, ge=0, le=100, description="Loss that closes, percent of the entry price."
    )
    take_profit_percent: float | None = Field(
        default=None, ge=0, le=10000, description="Profit that closes, percent of the entry price."
    )
    trailing_stop_percent: float | None = Field(
        default=None, ge=0, le=100, description="Fall from the highest price since the entry that closes, in percent."
    )
    max_candles_in_trade: int | None = Field(default=None, ge=1, le=100000, description="Longest stay; then it is sold.")
    cooldown_candles: int | None = Field(default=None, ge=1, le=100000, description="Rest after a trade.")


class InlineDocument(Resource):
    """A strategy document; what it means is checked by portal and operator, which name the node at fault."""

    model_config = ConfigDict(
        json_schema_extra={"x-kubernetes-map-type": "atomic", "x-kubernetes-validations": [REFERENCES_EXIST]}
    )
    schema_: str = Field(
        default="tradewind.strategy/v1",
        alias="schema",
        pattern=r"^tradewind\.strategy/v1$",
        max_length=31,
        description="Version.",
    )
    timeframe: str = Field(pattern=TIMEFRAME_PATTERN, max_length=3, description="Timeframe of the candles.")
    nodes: list[DocumentNode] = Field(
        min_length=1,
        max_length=MAX_NODES,
        description="The graph; order does not matter.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["id"]},
    )
    entry: DocumentEntry = Field(description="When to buy, and how much.")
    exit: DocumentExit | None = Field(default=None, description="When to sell all.")
    protect: DocumentProtect | None = Field(default=None, description="Exits that need no signal.")


class StrategyReference(Resource):
    """A Strategy of the same namespace."""

    name: str = Field(min_length=1, max_length=63, description="Name of the Strategy.")


class StrategyChoice(Resource):
    """Exactly one way to name a strategy."""

    model_config = ConfigDict(json_schema_extra={"x-kubernetes-validations": [ONE_STRATEGY]})
    template: str | None = Field(default=None, max_length=63, description="A shipped strategy, such as sma-crossover.")
    document: InlineDocument | None = Field(default=None, description="A document written out.")
    ref: StrategyReference | None = Field(default=None, description="A Strategy of this namespace.")
