"""The strategy document: a flat, typed, acyclic graph of operations and three sinks.

Data, never code. Shape only: whether operations exist, references resolve and types fit is for `validation` to say.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from tradewind_api.contract import Contract

SCHEMA: Literal["tradewind.strategy/v1"] = "tradewind.strategy/v1"
MAX_NODES, MAX_INPUTS, MAX_BYTES = 64, 8, 8192
MAX_LOOKBACK = 5000  # candles of each timeframe named
MAX_HISTORY = 50_000  # candles of the document's own timeframe that the longer ones are made of
TIMEFRAME_MS = {
    "1m": 60_000,
    "3m": 180_000,
    "5m": 300_000,
    "15m": 900_000,
    "30m": 1_800_000,
    "1h": 3_600_000,
    "2h": 7_200_000,
    "4h": 14_400_000,
    "6h": 21_600_000,
    "8h": 28_800_000,
    "12h": 43_200_000,
    "1d": 86_400_000,
}
TIMEFRAMES = tuple(TIMEFRAME_MS)
NODE_ID = re.compile(r"^[a-z][a-z0-9_]{0,30}$")


def _number(value: Any) -> float | int:
    """Return a finite JSON number, integral floats as integers so that 14.0 and 14 are one document."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"expected a number, got {type(value).__name__}")  # noqa: TRY004 - pydantic collects ValueError
    if not -1e15 <= value <= 1e15:  # also where an integer is too large for math.isfinite
        raise ValueError("expected a finite number of at most 1e15")
    return int(value) if float(value).is_integer() else value


Number = Annotated[float | int, BeforeValidator(_number)]
Whole = Annotated[int, BeforeValidator(_number)]
Percent = Annotated[Number, Field(gt=0, le=100)]
NodeId = Annotated[str, Field(pattern=NODE_ID.pattern)]
Reference = Annotated[str, Field(min_length=1, max_length=63)]
Timeframe = Literal["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d"]


class _Part(Contract):
    model_config = ConfigDict(serialize_by_alias=True)


class Node(_Part):
    """One operation. `inputs` (in the document: `in`) are references: a price, a node, or `node.output`.

    With a `timeframe`, a whole multiple of the document's, it works on whole candles of that one; whoever refers to it sees the
    value of the last one that has closed.
    """

    id: NodeId
    op: str = Field(min_length=1, max_length=31)
    inputs: list[Reference] = Field(default=[], alias="in", max_length=MAX_INPUTS)
    params: dict[str, Number] = Field(default={}, max_length=8)
    timeframe: Timeframe | None = None


class Size(_Part):
    """How much one entry buys; exactly one of three.

    A share of the equity, a fixed amount of quote currency, or as much as loses `riskPercent` of the equity when the price
    falls by `measure`, a node in units of price such as an average true range (Wilder; Faith, Way of the Turtle).
    """

    percent_of_equity: Percent | None = None
    quote: Annotated[Number, Field(gt=0)] | None = None
    risk_percent: Percent | None = None
    measure: Reference | None = None


class Ladder(_Part):
    """Further buys below the first: step k waits `k * spacingPercent` under it, spends `sizeFactor` times the step before.

    All buys together spend at most `capPercent` of the equity.
    """

    steps: Annotated[Whole, Field(ge=1, le=10)]
    spacing_percent: Annotated[Number, Field(gt=0, lt=50)]
    size_factor: Annotated[Number, Field(ge=0.1, le=5)] = 1
    cap_percent: Percent = 100


class Entry(_Part):
    """When to buy, and how much."""

    when: Reference
    size: Size = Size(percent_of_equity=100)
    ladder: Ladder | None = None


class Exit(_Part):
    """When to sell all."""

    when: Reference


class Protect(_Part):
    """Exits that need no signal, and rest after one.

    Percent of the average price paid; the trailing stop's of the highest price since the entry.
    """

    stop_loss_percent: Annotated[Number, Field(gt=0, lt=100)] | None = None
    take_profit_percent: Annotated[Number, Field(gt=0, le=10_000)] | None = None
    trailing_stop_percent: Annotated[Number, Field(gt=0, lt=100)] | None = None
    max_candles_in_trade: Annotated[Whole, Field(ge=1, le=100_000)] | None = None
    cooldown_candles: Annotated[Whole, Field(ge=1, le=100_000)] | None = None


class StrategyDocument(_Part):
    """A whole strategy. Long spot only."""

    schema_: Literal["tradewind.strategy/v1"] = Field(default=SCHEMA, alias="schema")
    timeframe: Timeframe
    nodes: list[Node] = Field(min_length=1, max_length=MAX_NODES)
    entry: Entry
    exit: Exit | None = None
    protect: Protect = Protect()

    def to_json(self) -> dict[str, Any]:
        """Return the document as JSON values, without what was left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
