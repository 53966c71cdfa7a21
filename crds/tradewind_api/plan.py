"""Plan: what a tenant may use. Four are shipped; administrators change them."""

from typing import Annotated, Literal

from pydantic import Field

from tradewind_api.resources import AGE, Column, Condition, Kind, Resource

Feature = Literal["Live", "Notifications", "Optimisation", "WalkForward", "Priority"]
Count = Annotated[int, Field(ge=0, le=100_000)]


class PlanLimits(Resource):
    """Largest numbers a tenant."""

    bots: Count = Field(description="TradingBots.")
    live_bots: Count = Field(description="TradingBots of mode Live.")
    symbols_per_bot: int = Field(ge=1, le=25, description="Symbols of one bot.")
    concurrent_backtests: Count = Field(description="Backtests that run at once.")
    trials: Count = Field(description="Points that one optimisation may look at; it needs the feature Optimisation too.")
    backtest_cpu: int = Field(ge=1, le=64, description="Processors of one backtest.")
    backtest_memory_mebibytes: int = Field(default=1024, ge=256, le=65536, description="Memory of one backtest.")
    retention_days: int = Field(ge=1, le=3650, description="How long history is kept.")
    requests_per_minute: int = Field(ge=1, le=100_000, description="Requests of one user to the API.")


class PlanSpec(Resource):
    """What the plan grants."""

    display_name: str = Field(min_length=1, max_length=63, description="Name for people.")
    limits: PlanLimits = Field(description="Largest numbers.")
    features: list[Feature] = Field(
        default=[], max_length=16, description="What else it includes.", json_schema_extra={"x-kubernetes-list-type": "set"}
    )
    weight: int = Field(default=1, ge=1, le=1000, description="Fair share against other tenants.")


class PlanStatus(Resource):
    """A plan has nothing to report yet."""

    conditions: list[Condition] = Field(
        default=[],
        max_length=16,
        description="What holds.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )


PLAN = Kind(
    kind="Plan",
    plural="plans",
    short=("plan",),
    namespaced=False,
    description="What tenants of a plan may use.",
    spec=PlanSpec,
    status=PlanStatus,
    columns=(
        Column("Bots", ".spec.limits.bots", "integer"),
        Column("Live", ".spec.limits.liveBots", "integer"),
        Column("Backtests", ".spec.limits.concurrentBacktests", "integer"),
        Column("Features", ".spec.features"),
        AGE,
    ),
)


def _plan(name: str, numbers: tuple[int, ...], features: tuple[Feature, ...], weight: int) -> PlanSpec:
    bots, live, symbols, backtests, trials, cpu, memory, days, requests = numbers
    limits = PlanLimits(
        bots=bots,
        live_bots=live,
        symbols_per_bot=symbols,
        concurrent_backtests=backtests,
        trials=trials,
        backtest_cpu=cpu,
        backtest_memory_mebibytes=memory,
        retention_days=days,
        requests_per_minute=requests,
    )
    return PlanSpec(display_name=name, limits=limits, features=list(features), weight=weight)


SHIPPED_PLANS: dict[str, PlanSpec] = {
    "free": _plan("Free", (1, 0, 1, 1, 0, 1, 1024, 7, 60), (), 1),
    "basic": _plan("Basic", (5, 1, 3, 2, 500, 1, 1024, 30, 300), ("Live", "Notifications", "Optimisation"), 2),
    "pro": _plan("Pro", (25, 10, 10, 4, 5000, 2, 2048, 180, 600), ("Live", "Notifications", "Optimisation", "WalkForward"), 4),
    "elite": _plan(
        "Elite",
        (100, 50, 25, 8, 50_000, 4, 4096, 730, 1200),
        ("Live", "Notifications", "Optimisation", "WalkForward", "Priority"),
        8,
    ),
}
