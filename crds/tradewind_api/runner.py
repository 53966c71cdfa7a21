"""What operator, portal and runner say to each other about one pod.

The operator writes BotConfig and BacktestConfig into the pod's ConfigMap; the rest are the messages of the portal's
cluster-internal application. The strategy in them is always a resolved document: template looked up, parameters set.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from tradewind_api.contract import Contract
from tradewind_api.decimals import DecimalAmount
from tradewind_api.ledger import LedgerEvent, LedgerState, Milliseconds, Symbol

RUNNER_AUDIENCE = "tradewind-portal"
EXIT_OK, EXIT_BAD_STRATEGY, EXIT_DATA_MISSING, EXIT_FENCED = 0, 64, 65, 66
LEASE_SECONDS = 900
EVENTS_PER_BATCH = 500
MAX_SHARDS = 64
CANDLES_MEDIA_TYPE = "application/vnd.tradewind.candles"
CANDLE_COLUMNS = ("ts", "open", "high", "low", "close", "volume")

BasisPoints = Annotated[float, Field(ge=0, le=1000)]
KillScope = Literal["bot", "account", "tenant", "platform"]
SCOPE, UNREADABLE, MOST_SCOPES = re.compile(r"[A-Za-z][A-Za-z0-9 _-]{0,39}"), "unreadable", 10


def _heard(kill: Any) -> list[str]:
    """Return the scopes of kill switches that are on; one that cannot be read is on too, and a newer portal may know more."""
    said = kill if isinstance(kill, list) else [kill]
    return [name if isinstance(name, str) and SCOPE.fullmatch(name) else UNREADABLE for name in said[:MOST_SCOPES]]


Kills = Annotated[Sequence[str], BeforeValidator(_heard)]
"""KillScope as a pod hears it. What it does not understand of a whole answer would cost the lease, and the reason with it."""
BotState = Literal["Active", "Reducing", "Halted"]
START_REFUSALS = ("CredentialsMissing", "CredentialsRevoked", "CredentialsMismatch", "SymbolTaken")
WireSecret = Annotated[SecretStr, PlainSerializer(SecretStr.get_secret_value, return_type=str, when_used="json")]
"""A secret that JSON for the wire carries and nothing else shows: not repr, not model_dump, not an error."""


class Endpoint(Contract):
    """Where an exchange is found instead of its own address: base URLs without a path. Without `ws` it streams nothing."""

    rest: str
    ws: str | None = None


class ExchangeConfig(Contract):
    """One exchange that the platform offers (chart value `exchanges`); `clock_speed` is its seconds a wall second."""

    name: str = Field(min_length=1, max_length=31, pattern=r"^[a-z0-9-]+$")
    ccxt_id: str = Field(min_length=1, max_length=31, pattern=r"^[a-z0-9]+$")
    market: Literal["spot"] = "spot"
    endpoint: Endpoint | None = None
    clock_speed: float = Field(default=1.0, gt=0, le=100_000)
    maker_fee_bps: BasisPoints = 10
    taker_fee_bps: BasisPoints = 10
    slippage_bps: BasisPoints = 2

    @property
    def streams(self) -> bool:
        """Whether it has a WebSocket: candles and books come by it."""
        return self.endpoint is None or self.endpoint.ws is not None


class Subject(Contract):
    """The resource that a pod belongs to."""

    uid: str
    name: str
    namespace: str
    tenant: str
    plan: str
    generation: int = Field(ge=0)


class Capital(Contract):
    """Virtual or real funds that a bot may use."""

    currency: str
    amount: DecimalAmount


class RiskLimits(Contract):
    """Limits that the runner checks before each order; None means no limit, or the platform's own where it has one.

    None is left out on the wire: a pod that is older than a limit refuses it where it is set, and only there.
    """

    max_position_percent: float | None = None
    max_daily_loss_percent: float | None = None
    max_open_orders: int | None = None
    max_order_notional: DecimalAmount | None = None
    max_orders_per_minute: int | None = None
    max_price_deviation_percent: float | None = None
    max_price_age_seconds: int | None = None
    max_drawdown_percent: float | None = None
    on_breach: Literal["Halt", "Flatten", "Notify"] = "Halt"

    @model_serializer(mode="wrap")
    def _set_ones(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in serialize(self).items() if value is not None}


class BotConfig(Contract):
    """`bot.json`: all that a bot's pod is told, read again whenever the file changes."""

    bot: Subject
    mode: Literal["Paper", "Live"]
    exchange: ExchangeConfig
    symbols: list[Symbol] = Field(min_length=1)
    timeframe: str
    strategy: dict[str, Any]
    strategy_digest: str
    capital: Capital
    risk: RiskLimits = RiskLimits()
    credentials: str | None = None
    paper_fill: Literal["Candle", "Book"] = "Book"
    run_policy: Literal["Running", "Paused", "Stopped"] = "Running"
    stop_policy: Literal["LeaveOpen", "CancelOrders", "CancelOrdersAndClosePositions"] = "CancelOrders"
    shutdown_timeout_seconds: int = Field(default=120, ge=1, le=900)
    update_when: Literal["Immediate", "WhenFlat", "Window"] = "WhenFlat"


class Dataset(Contract):
    """Candles by name: `from_ms` inclusive, `to_ms` exclusive, both of open times in UTC milliseconds."""

    exchange: str
    symbols: list[Symbol] = Field(min_length=1)
    timeframe: str
    from_ms: Milliseconds
    to_ms: Milliseconds


class Costs(Contract):
    """Fees and slippage in basis points of the notional."""

    maker_bps: BasisPoints = 10
    taker_bps: BasisPoints = 10
    slippage_bps: BasisPoints = 0


class MarketData(Contract):
    """What the market of a symbol takes: amounts in steps of base currency, orders of a least notional in quote; 0 is any."""

    symbol: Symbol
    amount_step: DecimalAmount = Decimal(0)
    min_notional: DecimalAmount = Decimal(0)


class TunedRange(Contract):
    """A parameter and the values that a search tries."""

    address: str
    min: float
    max: float
    step: float


class Optimization(Contract):
    """A search for good parameters; `folds` 0 means no walk-forward, `shards` says how many pods share the points."""

    parameters: list[TunedRange]
    objective: str = "sharpe"
    constraints: list[str] = ["trades>=10"]
    budget: int = 2000
    trials: int = 60
    folds: int = 0
    kind: Literal["Rolling", "Anchored"] = "Rolling"
    shards: int = Field(default=1, ge=1, le=MAX_SHARDS)


class BacktestConfig(Contract):
    """`backtest.json`: all that a backtest's pod is told."""

    backtest: Subject
    strategy: dict[str, Any]
    strategy_digest: str
    dataset: Dataset
    capital: Capital
    costs: Costs = Costs()
    markets: list[MarketData] = []
    seed: int = 0
    optimization: Optimization | None = None


class StartRequest(Contract):
    """A bot's pod asks for its epoch."""

    generation: int = Field(ge=0)
    strategy_digest: str
    runner_version: str


class ExchangeCredential(Contract):
    """An exchange key in clear, for the one pod that trades with it. Kept in memory, never written anywhere.

    `password` is the third part that some exchanges want. `version` counts the key's rotations.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    id: str
    version: int = Field(ge=1)
    api_key: WireSecret
    secret: WireSecret
    password: WireSecret | None = None


class StartAnswer(Contract):
    """The epoch is stored before it is told, so no two pods ever hold the same one. `credential` is for live bots only.

    A live bot that may not start is refused with 409 and one of START_REFUSALS, whose sentence is for the trader.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    epoch: int = Field(ge=1)
    lease_seconds: int
    state: LedgerState
    kill: Kills = []
    credential: ExchangeCredential | None = None
    exchange_silence_s: int = Field(default=0, ge=0)


class EventBatch(Contract):
    """Events of one epoch in order, without gaps inside."""

    epoch: int = Field(ge=1)
    events: list[LedgerEvent] = Field(min_length=1, max_length=EVENTS_PER_BATCH)


class EventAnswer(Contract):
    """All events up to `acknowledged_seq` of this epoch are durable."""

    acknowledged_seq: int = Field(ge=0)
    lease_seconds: int
    kill: Kills = []


class LeaseRequest(Contract):
    """The heartbeat of a running bot: what it may do by its own account, and why not more.

    `exchange_silence_s` is for how long the exchange wants no requests from its address.
    """

    epoch: int = Field(ge=1)
    trading: bool
    unacknowledged_events: int = Field(ge=0)
    last_candle_ms: Milliseconds | None = None
    closed_number: int = Field(default=0, ge=0)
    state: BotState = "Active"
    reasons: list[Annotated[str, Field(max_length=300)]] = Field(default=[], max_length=12)
    exchange_silence_s: int = Field(default=0, ge=0)


class LeaseAnswer(Contract):
    """How long the bot may go on (0: it only reduces), and what it must stop.

    `close_now` asks to sell all positions once. It stays until a heartbeat's `closed_number` has reached `close_number`, so a
    lost answer costs nothing and no request is carried out twice. `exchange_silence_s`: another bot behind the same address was
    told that the exchange wants no requests for so long.
    """

    lease_seconds: int
    kill: Kills = []
    close_now: bool = False
    close_number: int = 0
    exchange_silence_s: int = Field(default=0, ge=0)


class Progress(Contract):
    """How far a backtest is."""

    done: int = Field(ge=0)
    total: int = Field(ge=0)
    message: str = Field(default="", max_length=200)
    shard: int = Field(default=0, ge=0, lt=MAX_SHARDS)


class ShardState(Contract):
    """What a shard of an optimisation has stored; `done` when it has scored all of its points."""

    shard: int = Field(ge=0, lt=MAX_SHARDS)
    bytes: int = Field(ge=0)
    done: bool


class ShardList(Contract):
    """The shards of an optimisation that have stored anything, by number."""

    items: list[ShardState]


class ResultUpload(Contract):
    """The whole report of a backtest, as `tw backtest run -o json` prints it plus trades and equity."""

    report_digest: str
    report: dict[str, Any]


class ResultAnswer(Contract):
    """Where the report is kept; `sha256` is of the stored bytes."""

    id: str
    sha256: str


class MissingRange(Contract):
    """Candles that the platform does not have: `from_ms` inclusive, `to_ms` exclusive."""

    symbol: Symbol
    from_ms: Milliseconds
    to_ms: Milliseconds


class TrustWords(Contract):
    """One reason of the verdict on a back-test, as the resource's status has it."""

    code: str = Field(max_length=31)
    level: Literal["high", "doubtful", "low"]
    message: str = Field(default="", max_length=300)


class TerminationMessage(Contract):
    """The last words of a pod in /dev/termination-log, at most 4 kB as JSON."""

    code: Literal["Succeeded", "Stopped", "UpdateReady", "Fenced", "BadStrategy", "DataMissing", "Failed"]
    message: str = Field(default="", max_length=1000)
    receipt: bool = False
    result: ResultAnswer | None = None
    summary: dict[str, str] = {}
    trust_reasons: list[TrustWords] = Field(default=[], max_length=8)
    missing: list[MissingRange] = Field(default=[], max_length=20)
