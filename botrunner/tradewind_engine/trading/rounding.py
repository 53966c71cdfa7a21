"""An exchange's steps and bounds. Rounds against ourselves, then validates what would really be sent.

Amounts go down, a buy's price goes down and a sell's up, so that rounding never asks for more than was decided.
"""

from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_UP, Decimal

from tradewind_api.ledger import Side


@dataclass(frozen=True, slots=True)
class MarketRules:
    """Of one symbol: steps of amount (base) and price (quote), and the bounds of one order. None is no bound."""

    symbol: str
    amount_step: Decimal
    price_tick: Decimal = Decimal(0)
    min_notional: Decimal = Decimal(0)
    max_notional: Decimal | None = None
    min_amount: Decimal = Decimal(0)
    max_amount: Decimal | None = None


def round_amount(amount: Decimal, rules: MarketRules) -> Decimal:
    """Return the largest amount on the market's grid that is not above `amount`.

    >>> round_amount(Decimal("0.0129"), MarketRules("BTC/USDT", Decimal("0.005")))
    Decimal('0.010')
    """
    return _on_grid(amount, rules.amount_step, ROUND_DOWN)


def round_price(price: Decimal, side: Side, rules: MarketRules) -> Decimal:
    """Return the nearest price on the grid that is not worse for us than `price`.

    >>> round_price(Decimal("99.995"), "buy", MarketRules("BTC/USDT", Decimal(1), price_tick=Decimal("0.01")))
    Decimal('99.99')
    """
    return _on_grid(price, rules.price_tick, ROUND_DOWN if side == "buy" else ROUND_UP)


def fault(amount: Decimal, price: Decimal, rules: MarketRules) -> str | None:
    """Return why the exchange would not take an order of `amount` at about `price`, None if it would."""
    if not (amount.is_finite() and price.is_finite() and price > 0):
        return f"BadNumber: {amount} at {price}"
    if amount <= 0 or amount < rules.min_amount:
        return f"BelowMinimum: {amount} is less than the smallest amount {max(rules.min_amount, rules.amount_step)}"
    if round_amount(amount, rules) != amount:
        return f"OffGrid: {amount} is no multiple of {rules.amount_step}"
    notional = amount * price
    if notional < rules.min_notional:
        return f"BelowMinimum: {notional:.2f}, the market wants an order of {rules.min_notional} or more"
    if rules.max_amount is not None and amount > rules.max_amount:
        return f"AboveMaximum: {amount} is more than the largest amount {rules.max_amount}"
    if rules.max_notional is not None and notional > rules.max_notional:
        return f"AboveMaximum: {notional:.2f} is more than the largest order {rules.max_notional}"
    return None


def _on_grid(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    if step <= 0 or not value.is_finite():
        return value
    return (value / step).to_integral_value(rounding=rounding) * step
