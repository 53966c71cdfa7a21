"""Strategies: checked and told about. Whoever names one is looked at again when it changes."""

from tradewind_operator.desired.strategies import reference_of
from tradewind_operator.desired.strategy import desired_strategy
from tradewind_operator.reconcile.context import Context
from tradewind_operator.reconcile.status import write_status


async def reconcile_strategy(context: Context, key: tuple[str, str]) -> float | None:
    """Bring the status of one Strategy about."""
    strategy = context.world.ours["strategies"].get(key)
    if strategy is None or "deletionTimestamp" in strategy["metadata"]:
        return None
    bots = context.world.in_namespace("tradingbots", key[0])
    plan = desired_strategy(strategy, used_by=sum(reference_of(bot) == key[1] for bot in bots))
    await write_status(context, "strategies", strategy, plan.facts, plan.fields)
    return None
