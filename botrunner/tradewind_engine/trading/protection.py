"""What should rest on the exchange for one symbol, and the next step from what rests there to that. Pure and level-triggered.

The same two functions are asked after every fill, candle, switch and restart; whoever was killed between two steps goes on with
the third. A cancel always comes before what replaces it, because both could be filled.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from tradewind_api.document.model import StrategyDocument
from tradewind_api.ledger import OrderType, Position, Side
from tradewind_api.runner import RiskLimits
from tradewind_engine.trading.orders import Order
from tradewind_engine.trading.risk import largest_purchase
from tradewind_engine.trading.rounding import MarketRules, round_amount, round_price
from tradewind_engine.trading.sizing import PaperMarket, at_limit, entry_amount, next_step, step_budget, stop_price

SLIP = Decimal("0.02")  # how far below its stop price a stop order may still sell


@dataclass(frozen=True, slots=True)
class Ask:
    """An order that should be: base amount, quote prices."""

    side: Side
    order_type: OrderType
    amount: Decimal
    reason: str
    price: Decimal | None = None
    stop_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is wanted of a symbol: all of it sold for a reason, or an exit and a ladder's step that rest."""

    sell: str | None = None
    stop: Ask | None = None
    step: Ask | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do next, the cancels first; nothing at all when things are as they should be, or must be waited for."""

    cancel: tuple[str, ...] = ()
    place: Ask | None = None


def sellable(held: Position, rules: MarketRules, price: Decimal | None) -> Decimal:
    """Return how much of a position the exchange takes in one order, 0 if it is too little; `price` None: not known."""
    amount = round_amount(held.amount, rules)
    worth = amount * (price if price is not None else held.notional / held.amount if held.amount else Decimal(0))
    return amount if amount > 0 and amount >= rules.min_amount and worth >= rules.min_notional else Decimal(0)


def stop_ask(held: Position, document: StrategyDocument, rules: MarketRules) -> Ask | None:
    """Return the stop order that protects a position, None where the document wants none or too little is held."""
    if held.amount <= 0:
        return None
    level, reason = stop_price(held, document)
    if level <= 0:
        return None
    trigger, limit = round_price(level, "sell", rules), round_price(level * (1 - SLIP), "sell", rules)
    amount = sellable(held, rules, limit)
    return Ask("sell", "stop", amount, reason, limit, trigger) if amount > 0 else None


def missed_stop(
    held: Position, document: StrategyDocument, ts: int, low: Decimal, *, length_ms: int, watched: bool
) -> tuple[Decimal, str] | None:
    """Return the stop that a closed candle has touched, and its name; None without one.

    `watched`: its prices were heard one by one. In the candle of the entry those before the purchase count for nothing then;
    who was not there takes the candle as the back-test does. `held` is the position before the candle's close is booked.
    """
    entry = held.opened_candle_ms or 0
    if held.amount <= 0 or ts <= entry or (watched and ts <= entry + length_ms):
        return None
    level, reason = stop_price(held, document)
    return (level, reason) if level > 0 and low <= level else None


def step_ask(
    held: Position,
    document: StrategyDocument,
    market: PaperMarket,
    rules: MarketRules,
    *,
    share: Decimal,
    equity: Decimal,
    risk: RiskLimits,
) -> Ask | None:
    """Return the limit order of the ladder's next step, None without one; `share` is the cash that the symbol may use."""
    level = next_step(held, document) if held.amount > 0 else None
    if level is None or level <= stop_price(held, document)[0]:
        return None
    price = round_price(level, "buy", rules)
    most = largest_purchase(held, price, equity, risk)
    amount, too_small = entry_amount(step_budget(held, share, document, most), price, at_limit(market))
    return None if too_small else Ask("buy", "limit", amount, "LadderStep", price)


def plan(orders: Sequence[Order], wishes: Wishes, amount: Decimal) -> Plan:
    """Return the next step for a symbol with these open orders; `amount` is what may be sold of it now.

    An order that is on its way is waited for: what became of it changes the wishes.
    """
    resting = [order for order in orders if order.intent.order_type != "market"]
    kept = [] if wishes.sell is not None else [order for order in resting if _is(order, wishes.stop) or _is(order, wishes.step)]
    wrong = tuple(order.intent.client_order_id for order in resting if order not in kept)
    if wrong:
        return Plan(cancel=wrong)
    if len(resting) < len(orders) or any(order.in_doubt for order in orders):
        return Plan()
    if wishes.sell is not None:
        return Plan(place=Ask("sell", "market", amount, wishes.sell)) if amount > 0 else Plan()
    for ask in (wishes.stop, wishes.step):
        if ask is not None and not any(_is(order, ask) for order in kept):
            return Plan(place=ask)
    return Plan()


def _is(order: Order, ask: Ask | None) -> bool:
    """Return whether an open order is what is asked for. A stop that sells already is left alone."""
    intent = order.intent
    if ask is None or (intent.side, intent.order_type) != (ask.side, ask.order_type):
        return False
    if ask.order_type == "stop":
        return order.filled > 0 or (intent.stop_price, intent.amount) == (ask.stop_price, ask.amount)
    return intent.price == ask.price
