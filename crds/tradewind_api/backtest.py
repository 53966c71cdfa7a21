"""Backtest: one run over history, immutable from creation."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from tradewind_api.bot import BotCapital
from tradewind_api.resources import (
    AGE,
    Column,
    Condition,
    DecimalString,
    ExchangeName,
    Kind,
    ParameterAddress,
    Resource,
    SymbolName,
    rule,
)
from tradewind_api.strategy_choice import TIMEFRAME_PATTERN, StrategyChoice
from tradewind_api.times import TIME_PATTERN

Objective = Literal[
    "totalReturn",
    "sharpe",
    "sortino",
    "calmar",
    "maxDrawdown",
    "winRate",
    "returnPerTrade",
    "returnPerExposure",
    "worstStretch",
    "evenness",
]
CONSTRAINT_PATTERN = r"^(trades|maxDrawdown|totalReturn|timeInMarket|turnover|winRate)(>=|<=)-?[0-9]+(\.[0-9]+)?$"


def unchanged(field: str) -> dict[str, Any]:
    """Return the rule that a field is what it was at creation."""
    now, before = f"self.{field}", f"oldSelf.{field}"
    expression = f"has({now}) == has({before}) && (!has({now}) || {now} == {before})"
    return rule(expression, f"{field} cannot be changed: make another Backtest", f".{field}")


class BacktestDataset(Resource):
    """Which candles."""

    model_config = ConfigDict(
        json_schema_extra={"x-kubernetes-validations": [rule("self.from < self.to", "from must be before to", ".from")]}
    )
    exchange: ExchangeName = Field(description="Exchange that the candles are from.")
    symbols: list[SymbolName] = Field(
        min_length=1, max_length=25, description="What is traded.", json_schema_extra={"x-kubernetes-list-type": "set"}
    )
    timeframe: str | None = Field(
        default=None,
        pattern=TIMEFRAME_PATTERN,
        max_length=3,
        description="Candles to decide on, instead of the strategy's own.",
    )
    from_: str = Field(alias="from", pattern=TIME_PATTERN, max_length=20, description="Open time of the first candle, UTC.")
    to: str = Field(pattern=TIME_PATTERN, max_length=20, description="End, not included, UTC.")


class BacktestFees(Resource):
    """What each fill pays, in basis points."""

    maker_bps: float = Field(default=10, ge=0, le=1000, description="Fee of an order that rests.")
    taker_bps: float = Field(default=10, ge=0, le=1000, description="Fee of an order that takes.")
    slippage_bps: float = Field(default=0, ge=0, le=1000, description="Price paid on top of what the candle says.")


class BacktestMarket(Resource):
    """What the market of a symbol takes, as the exchange states it: a bot asks the exchange, a backtest is told."""

    symbol: SymbolName = Field(description="One of the dataset's.")
    amount_step: DecimalString = Field(default="0", description="Amounts are rounded down to whole steps of it; 0 is any.")
    min_notional: DecimalString = Field(default="0", description="Smallest order in quote currency; a smaller one is not sent.")


class TunedParameter(Resource):
    """One parameter and its range."""

    model_config = ConfigDict(
        json_schema_extra={"x-kubernetes-validations": [rule("self.min <= self.max", "min must not be above max", ".min")]}
    )
    address: ParameterAddress = Field(min_length=3, description="node.param, or protect.*, size.*, ladder.*.")
    min: float = Field(description="Smallest value.")
    max: float = Field(description="Largest value.")
    step: float = Field(ge=0, description="Distance between values, above 0.")


class WalkForwardSpec(Resource):
    """Parameters chosen on one stretch of history and judged on the next."""

    folds: int = Field(default=4, ge=2, le=20, description="How many stretches are tested.")
    kind: Literal["Rolling", "Anchored"] = Field(
        default="Rolling", description="Train on the stretch before, or on all before."
    )


class BacktestOptimization(Resource):
    """A search for good parameters."""

    parameters: list[TunedParameter] = Field(
        min_length=1,
        max_length=8,
        description="What is tuned.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["address"]},
    )
    objective: Objective = Field(default="sharpe", description="What is sought.")
    constraints: list[Annotated[str, Field(min_length=3, max_length=64, pattern=CONSTRAINT_PATTERN)]] = Field(
        default=["trades>=10"],
        max_length=8,
        description="What a point must satisfy, such as trades>=30; fractions, not percent.",
    )
    budget: int = Field(default=2000, ge=1, le=200000, description="Points scored in batches.")
    trials: int = Field(default=60, ge=0, le=1000, description="Points proposed one by one afterwards (TPE).")
    parallelism: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description="Processors to search with; beyond the plan's for one backtest several pods share the points.",
    )
    walk_forward: WalkForwardSpec | None = Field(default=None, description="Judge the choice on what it has not seen.")


class BacktestSpec(Resource):
    """What is run."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                *(unchanged(field) for field in ("parameters", "fees", "markets", "seed", "capital", "optimization")),
                rule(
                    "!has(self.markets) || self.markets.all(m, m.symbol in self.dataset.symbols)",
                    "markets names a symbol that dataset.symbols does not",
                    ".markets",
                ),
            ]
        }
    )
    strategy: StrategyChoice = Field(
        description="What decides.",
        json_schema_extra={
            "x-kubernetes-validations": [rule("self == oldSelf", "strategy cannot be changed: make another Backtest")]
        },
    )
    parameters: dict[ParameterAddress, float] = Field(
        default={}, max_length=50, description="Parameters by address node.param, over the strategy's own."
    )
    dataset: BacktestDataset = Field(
        description="Which candles.",
        json_schema_extra={
            "x-kubernetes-validations": [rule("self == oldSelf", "dataset cannot be changed: make another Backtest")]
        },
    )
    capital: BotCapital = Field(default=BotCapital(currency="USDT", amount="10000"), description="Funds at the start.")
    fees: BacktestFees = Field(default=BacktestFees(), description="Costs.")
    markets: list[BacktestMarket] = Field(
        default=[],
        max_length=25,
        description="Steps and least orders; a symbol that is not named takes any amount.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["symbol"]},
    )
    optimization: BacktestOptimization | None = Field(default=None, description="Search for good parameters.")
    seed: int = Field(default=0, ge=0, le=2147483647, description="Seed of everything random.")
    active_deadline_seconds: int = Field(default=3600, ge=10, le=86400, description="How long it may run.")
    ttl_seconds_after_finished: int = Field(
        default=86400, ge=0, le=2592000, description="How long its pod is kept. May be changed."
    )


class BacktestResult(Resource):
    """Where the report is, and its digest."""

    id: str = Field(max_length=64, description="Id of the report in the portal.")
    sha256: str = Field(max_length=64, description="Digest of the stored report.")


class TrustReason(Resource):
    """Why the figures cannot be trusted fully. docs/reference/trust.md lists the codes."""

    code: str = Field(max_length=31, description="One word, such as TooFewTrades.")
    level: str = Field(max_length=8, description="What it leaves of the trust: doubtful low.")
    message: str = Field(default="", max_length=300, description="The sentence for a person.")


class BacktestStatus(Resource):
    """What came of it. Progress and report are the portal's."""

    observed_generation: int = Field(default=0, ge=0, description="The generation that this status is about.")
    summary: str = Field(
        default="", max_length=31, description="One derived word, for display: Queued Running Succeeded Failed."
    )
    conditions: list[Condition] = Field(
        default=[],
        max_length=16,
        description="What holds.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    strategy_digest: str = Field(default="", max_length=64, description="Digest of the strategy, parameters applied.")
    start_time: str = Field(default="", max_length=40, description="When it was admitted.")
    completion_time: str = Field(default="", max_length=40, description="When it ended.")
    result: BacktestResult | None = Field(default=None, description="The report.")
    figures: dict[str, str] = Field(default={}, max_length=12, description="A few figures of the report, as strings.")
    trust: str = Field(default="", max_length=8, description="How far the figures can be trusted: high doubtful low.")
    trust_reasons: list[TrustReason] = Field(
        default=[], max_length=8, description="Why not further, the gravest first; the report has all of them."
    )


BACKTEST = Kind(
    kind="Backtest",
    plural="backtests",
    short=("bt",),
    namespaced=True,
    description="One run of a strategy over history.",
    spec=BacktestSpec,
    status=BacktestStatus,
    columns=(
        Column("Symbols", ".spec.dataset.symbols"),
        Column("Summary", ".status.summary"),
        Column("Return", ".status.figures.totalReturn"),
        Column("Drawdown", ".status.figures.maxDrawdown"),
        Column("Trades", ".status.figures.trades"),
        Column("Trust", ".status.trust"),
        Column("Reason", '.status.conditions[?(@.type=="Succeeded")].reason'),
        AGE,
    ),
    selectable=(".status.summary",),
)

BacktestSummary = Literal["Queued", "Running", "Succeeded", "Failed"]
