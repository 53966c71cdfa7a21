"""TradingBot: one bot, and what its owner wants of it."""

from typing import Literal

from pydantic import ConfigDict, Field

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
    ready_column,
    reason_column,
    rule,
)
from tradewind_api.strategy_choice import TIMEFRAME_PATTERN, StrategyChoice


class BotCapital(Resource):
    """Funds that the bot may use."""

    currency: str = Field(pattern=r"^[0-9A-Z]{2,15}$", max_length=15, description="Quote currency, such as USDT.")
    amount: DecimalString = Field(description="How much of it, as a decimal string.")


class BotRisk(Resource):
    """Limits that are checked before each purchase. What is left out is not limited, or as the platform bounds it."""

    max_position_percent: float | None = Field(
        default=None, ge=0, le=100, description="Largest share of the equity in one symbol."
    )
    max_daily_loss_percent: float | None = Field(
        default=None, ge=0, le=100, description="Loss since midnight UTC that counts as a breach, percent of the equity then."
    )
    max_open_orders: int | None = Field(
        default=None, ge=1, le=100, description="Orders open at once, stops too, with which nothing more is bought."
    )
    max_order_notional: DecimalString | None = Field(
        default=None, description="Most that one purchase may spend, in capital.currency; a larger one is made smaller."
    )
    max_orders_per_minute: int | None = Field(
        default=None, ge=1, le=10, description="Orders within a minute after which nothing is bought; 10 where it is left out."
    )
    max_price_deviation_percent: float | None = Field(
        default=None,
        ge=0.01,
        le=20,
        description="How far a purchase's price may lie from the candle's close; 20 where it is left out.",
    )
    max_price_age_seconds: int | None = Field(
        default=None, ge=1, le=60, description="How old the newest price may be for a purchase; 60 where it is left out."
    )
    max_drawdown_percent: float | None = Field(
        default=None, ge=0, le=100, description="Loss from the highest equity that counts as a breach."
    )
    on_breach: Literal["Halt", "Flatten", "Notify"] = Field(
        default="Halt", description="Halt: no new entries. Flatten: sell, then halt. Notify: only say so."
    )


class UpdatePolicy(Resource):
    """How changes of strategy or program reach a running bot."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                rule(
                    "self.channel == 'Pinned' ? has(self.image) : !has(self.image)",
                    "image is set with channel Pinned, and only then",
                )
            ]
        }
    )
    channel: Literal["Stable", "Beta", "Pinned"] = Field(default="Stable", description="Which runner images the bot takes.")
    when: Literal["Immediate", "WhenFlat", "Window"] = Field(
        default="WhenFlat", description="Immediate: now. WhenFlat: when it holds nothing."
    )
    image: str | None = Field(default=None, max_length=255, description="With channel Pinned: one of the platform's images.")


class TradingBotSpec(Resource):
    """What the owner wants."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                rule(
                    "self.mode != 'Live' || has(self.credentials)", "a live bot needs credentials: the name of an exchange key"
                ),
                rule("self.mode == 'Live' || !has(self.credentials)", "credentials are for live bots only", ".credentials"),
                rule("self.exchange == oldSelf.exchange", "exchange cannot be changed: make another bot", ".exchange"),
                rule("oldSelf.mode == 'Live' ? self.mode == 'Live' : true", "a live bot cannot become a paper bot", ".mode"),
                rule(
                    "self.symbols.all(s, s.endsWith('/' + self.capital.currency))",
                    "every symbol must be quoted in capital.currency",
                    ".symbols",
                ),
            ]
        }
    )
    strategy: StrategyChoice = Field(description="What decides.")
    parameters: dict[ParameterAddress, float] = Field(
        default={}, max_length=50, description="Parameters by address node.param, over the strategy's own."
    )
    exchange: ExchangeName = Field(description="One of the platform's exchanges. Cannot be changed.")
    symbols: list[SymbolName] = Field(
        min_length=1, max_length=25, description="What is traded.", json_schema_extra={"x-kubernetes-list-type": "set"}
    )
    timeframe: str | None = Field(
        default=None,
        pattern=TIMEFRAME_PATTERN,
        max_length=3,
        description="Candles to decide on, instead of the strategy's own.",
    )
    mode: Literal["Paper", "Live"] = Field(default="Paper", description="Paper: virtual funds. Live: real orders.")
    credentials: str | None = Field(
        default=None, min_length=1, max_length=63, description="Name of an exchange key of the portal."
    )
    paper_fill: Literal["Candle", "Book"] = Field(
        default="Book",
        description="How paper orders fill. Book: against the exchange's order book and trades, with partial fills. "
        "Candle: at the next candle's open, as the back-test does.",
    )
    capital: BotCapital = Field(description="Funds that the bot may use.")
    risk: BotRisk = Field(default=BotRisk(), description="Limits.")
    run_policy: Literal["Running", "Paused", "Stopped"] = Field(
        default="Running", description="Paused: no new entries. Stopped: no pod."
    )
    stop_policy: Literal["LeaveOpen", "CancelOrders", "CancelOrdersAndClosePositions"] = Field(
        default="CancelOrders", description="What the bot does with its orders and positions when it is stopped."
    )
    shutdown_timeout_seconds: int = Field(default=120, ge=10, le=900, description="How long stopping may take.")
    update_policy: UpdatePolicy = Field(default=UpdatePolicy(), description="How changes reach a running bot.")


class RunnerStatus(Resource):
    """The pod that runs the bot."""

    pod_name: str = Field(default="", max_length=253, description="Its name.")
    image: str = Field(default="", max_length=255, description="Its image.")
    restarts: int = Field(default=0, ge=0, description="How often its container was started again.")
    start_time: str = Field(default="", max_length=40, description="When it started.")


class TradingBotStatus(Resource):
    """What is. Money, positions and progress are the portal's, never here."""

    observed_generation: int = Field(default=0, ge=0, description="The generation that this status is about.")
    summary: str = Field(
        default="",
        max_length=31,
        description="One derived word, for display: Pending Starting Trading Paused Stopped Stopping Halted Failed.",
    )
    conditions: list[Condition] = Field(
        default=[],
        max_length=16,
        description="What holds.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    strategy_digest: str = Field(default="", max_length=64, description="Digest of the strategy that runs, parameters applied.")
    runner: RunnerStatus | None = Field(default=None, description="The pod.")


TRADING_BOT = Kind(
    kind="TradingBot",
    plural="tradingbots",
    short=("tb",),
    namespaced=True,
    description="A bot that trades one strategy on one exchange, on paper or live.",
    spec=TradingBotSpec,
    status=TradingBotStatus,
    columns=(
        Column("Mode", ".spec.mode"),
        Column("Exchange", ".spec.exchange"),
        Column("Symbols", ".spec.symbols"),
        Column("Summary", ".status.summary"),
        ready_column(),
        reason_column(),
        Column("Runner", ".status.runner.podName", wide=True),
        Column("Restarts", ".status.runner.restarts", "integer", wide=True),
        AGE,
    ),
    selectable=(".spec.mode", ".spec.runPolicy", ".status.summary"),
)
