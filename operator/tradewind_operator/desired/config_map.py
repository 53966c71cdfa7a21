"""What a pod is told: one JSON file in a ConfigMap."""

from tradewind_api.document.digest import strategy_digest
from tradewind_api.document.model import StrategyDocument
from tradewind_api.runner import (
    BacktestConfig,
    BotConfig,
    Capital,
    Costs,
    Dataset,
    ExchangeConfig,
    MarketData,
    Optimization,
    RiskLimits,
    Subject,
)
from tradewind_api.times import milliseconds
from tradewind_operator.desired.names import Object, child_name, labels, owned_by


def subject(resource: Object, tenant: Object) -> Subject:
    """Return who the pod is for."""
    metadata = resource["metadata"]
    return Subject(
        uid=metadata["uid"],
        name=metadata["name"],
        namespace=metadata["namespace"],
        tenant=tenant["metadata"]["name"],
        plan=tenant["spec"]["plan"],
        generation=metadata.get("generation", 0),
    )


def bot_config(bot: Object, tenant: Object, document: StrategyDocument, exchange: ExchangeConfig) -> BotConfig:
    """Return `bot.json`."""
    spec = bot["spec"]
    return BotConfig(
        bot=subject(bot, tenant),
        mode=spec.get("mode", "Paper"),
        exchange=exchange,
        symbols=spec["symbols"],
        timeframe=document.timeframe,
        strategy=document.to_json(),
        strategy_digest=strategy_digest(document),
        capital=Capital.model_validate(spec["capital"]),
        risk=RiskLimits.model_validate(spec.get("risk") or {}),
        credentials=spec.get("credentials"),
        paper_fill=spec.get("paperFill", "Book"),
        run_policy=spec.get("runPolicy", "Running"),
        stop_policy=spec.get("stopPolicy", "CancelOrders"),
        shutdown_timeout_seconds=spec.get("shutdownTimeoutSeconds", 120),
        update_when=(spec.get("updatePolicy") or {}).get("when", "WhenFlat"),
    )


def backtest_config(backtest: Object, tenant: Object, document: StrategyDocument) -> BacktestConfig:
    """Return `backtest.json`. Raises ValueError for a date that does not exist."""
    spec = backtest["spec"]
    dataset, fees = spec["dataset"], spec.get("fees") or {}
    return BacktestConfig(
        backtest=subject(backtest, tenant),
        strategy=document.to_json(),
        strategy_digest=strategy_digest(document),
        dataset=Dataset(
            exchange=dataset["exchange"],
            symbols=dataset["symbols"],
            timeframe=document.timeframe,
            from_ms=milliseconds(dataset["from"]),
            to_ms=milliseconds(dataset["to"]),
        ),
        capital=Capital.model_validate(spec.get("capital") or {"currency": "USDT", "amount": "10000"}),
        costs=Costs.model_validate(fees),
        markets=[MarketData.model_validate(market) for market in spec.get("markets") or []],
        seed=spec.get("seed", 0),
        optimization=_optimization(spec.get("optimization")),
    )


def _optimization(asked: Object | None) -> Optimization | None:
    if asked is None:
        return None
    walk = asked.get("walkForward")
    told = {key: value for key, value in asked.items() if key not in {"walkForward", "parallelism"}}
    folds = {"folds": walk.get("folds", 4), "kind": walk.get("kind", "Rolling")} if walk is not None else {}
    return Optimization.model_validate(told | folds)


def shared_config(config: BacktestConfig, shards: int) -> BacktestConfig:
    """Return what the pods of a shared optimisation are told: how many shards there are."""
    if config.optimization is None:
        return config
    return config.model_copy(update={"optimization": config.optimization.model_copy(update={"shards": shards})})


def bot_config_map(bot: Object, tenant: Object, config: BotConfig) -> Object:
    """Return the ConfigMap of a bot."""
    found = _config_map("bot", "TradingBot", bot, config.model_dump_json(by_alias=True))
    found["metadata"]["labels"] = labels("bot", tenant, bot=bot["metadata"]["name"])
    return found


def backtest_config_map(backtest: Object, tenant: Object, config: BacktestConfig) -> Object:
    """Return the ConfigMap of a backtest."""
    found = _config_map("backtest", "Backtest", backtest, config.model_dump_json(by_alias=True))
    found["metadata"]["labels"] = labels("backtest", tenant, backtest=backtest["metadata"]["name"])
    return found


def _config_map(component: str, kind: str, owner: Object, text: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": child_name(component, owner),
            "namespace": owner["metadata"]["namespace"],
            "ownerReferences": owned_by(kind, owner),
        },
        "data": {f"{component}.json": text},
    }
