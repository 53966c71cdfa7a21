"""What a bot's log tells of what it did: a line for each event that somebody may ask about, none for what happens each candle.

The ledger has everything; this is what `kubectl logs` shows whoever looks first. Decisions, equity and what was only intended
are left out, so nothing is printed between a decision and its order. Nothing in an event is a secret.
"""

from tradewind_api.ledger import Acknowledged, Adjusted, Closed, EventData, Filled, Halted, Started, Stopped, Unknown
from tradewind_api.runner import BotConfig
from tradewind_engine.trading.reconcile import is_small_change
from tradewind_engine.trading.standing import Standing


def opening(config: BotConfig, version: str) -> str:
    """Return the first line of a bot's pod: who it is, and what it is about to do."""
    bot, symbols = config.bot, " ".join(config.symbols)
    market = f"{config.mode} on {config.exchange.name}, {symbols} {config.timeframe}"
    return f"runner {version}: bot {bot.namespace}/{bot.name} of {bot.tenant}, generation {bot.generation}: {market}"


def told(data: EventData) -> str | None:
    """Return the line of an event, None for one that is not worth a line."""
    match data:
        case Started():
            return f"started: {data.mode}, capital {data.capital} {data.currency}, strategy {data.strategy_digest[:12]}"
        case Filled():
            fee = f"fee {data.fee} {data.fee_currency}"
            return f"order {data.client_order_id}: {data.side} {data.amount} {data.symbol} at {data.price}, {fee}"
        case Acknowledged():
            return f"order {data.client_order_id}: the exchange has it as {data.exchange_order_id}"
        case Unknown():
            return f"order {data.client_order_id}: its answer was lost, it is looked up: {data.reason}"
        case Closed() if data.outcome != "Filled":
            return f"order {data.client_order_id}: {data.outcome}{f': {data.reason}' if data.reason else ''}"
        case Adjusted() if not is_small_change(data):
            return f"adjusted {data.symbol} by {data.amount}, cash by {data.cash}: {data.reason}"
        case Halted():
            return f"halted: {data.message}"
        case Stopped():
            return f"stopped, {data.reason}{f': {data.message}' if data.message else ''}"
        case _:
            return None


class Changes:
    """Tells a state once, and again when it or one of its reasons is another; figures in a reason do not count."""

    def __init__(self) -> None:
        self._known: tuple[str, ...] = ()

    def line(self, found: Standing) -> str | None:
        """Return the line of a state that is new, None where it has been told."""
        known = (found.state, *(reason.partition(":")[0] for reason in found.reasons))
        if known == self._known:
            return None
        self._known = known
        return ": ".join(filter(None, [f"state {found.state}", "; ".join(found.reasons)]))
