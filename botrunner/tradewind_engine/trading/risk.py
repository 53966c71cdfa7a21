"""What may not be bought, and when everything stops. Looked at before each purchase; what is not known counts as a no.

Sales are held to nothing: what gives risk up always goes.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tradewind_api.ledger import LedgerState, Position
from tradewind_api.runner import RiskLimits

BREACHES = frozenset({"MaxDrawdown", "MaxDailyLoss"})
"""What `breach` may find: the words before the colon, which stand in the ledger's halt."""


def breach(state: LedgerState, limits: RiskLimits) -> str | None:
    """Return why the bot must halt, None if its losses are within the limits, or its owner only wants to be told."""
    if limits.on_breach == "Notify":
        return None
    if limits.max_drawdown_percent is not None and state.peak_equity > 0:
        drawdown = (1 - state.equity / state.peak_equity) * 100
        if drawdown >= Decimal(str(limits.max_drawdown_percent)):
            return f"MaxDrawdown: {drawdown:.2f} % below the highest equity, {limits.max_drawdown_percent} allowed"
    if limits.max_daily_loss_percent is not None and state.day_start_equity > 0:
        loss = (1 - state.equity / state.day_start_equity) * 100
        if loss >= Decimal(str(limits.max_daily_loss_percent)):
            return f"MaxDailyLoss: {loss:.2f} % lost today, {limits.max_daily_loss_percent} allowed"
    return None


def largest_purchase(held: Position, price: Decimal, equity: Decimal, limits: RiskLimits) -> Decimal:
    """Return how much quote currency a purchase at `price` may spend beside what is held; without limits, any amount."""
    most = Decimal("Infinity") if limits.max_order_notional is None else limits.max_order_notional
    if limits.max_position_percent is None:
        return most
    return min(most, largest_position(equity, limits) - held.amount * price)


def largest_position(equity: Decimal, limits: RiskLimits) -> Decimal:
    """Return how much quote currency one symbol may hold."""
    if limits.max_position_percent is None:
        return equity
    return equity * Decimal(str(limits.max_position_percent)) / 100


@dataclass(frozen=True, slots=True)
class OrderBounds:
    """What holds for each purchase of a bot; its owner may make it narrower. Percent of the price before, orders a minute."""

    orders_per_minute: int = 10
    price_band_percent: Decimal = Decimal(20)
    oldest_price_ms: int = 60_000


def bounds_of(limits: RiskLimits, speed: float = 1.0) -> OrderBounds:
    """Return the bounds under an owner's limits, by the wall's time: a fast simulated exchange makes more candles in it."""
    widest, faster = OrderBounds(), max(1.0, speed)
    rate, band, age = limits.max_orders_per_minute, limits.max_price_deviation_percent, limits.max_price_age_seconds
    return OrderBounds(
        orders_per_minute=int((widest.orders_per_minute if rate is None else min(rate, widest.orders_per_minute)) * faster),
        price_band_percent=widest.price_band_percent if band is None else min(Decimal(str(band)), widest.price_band_percent),
        oldest_price_ms=widest.oldest_price_ms if age is None else min(age * 1000, widest.oldest_price_ms),
    )


@dataclass(frozen=True, slots=True)
class Proposal:
    """A purchase about to be intended: base amount, the price that it is expected to fill at, and the most that is paid."""

    symbol: str
    amount: Decimal
    price: Decimal
    limit: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a proposal is judged by. None is `not known`, and what is not known is a no.

    `funds` is what may be spent (quote), `before` an older price of the symbol, `price_age_ms` the age of the newest, `sent_ms`
    when orders were sent lately.
    """

    now_ms: int
    symbols: Container[str]
    funds: Decimal | None
    before: Decimal | None
    price_age_ms: int | None
    open_orders: int
    sent_ms: Sequence[int]


def refusals(
    proposal: Proposal, state: LedgerState, limits: RiskLimits, circumstances: Circumstances, bounds: OrderBounds
) -> list[str]:
    """Return every reason why the purchase must not be sent; none means it may."""
    if not (_positive(proposal.amount) and _positive(proposal.price)):
        return [f"BadNumber: {proposal.amount} at {proposal.price}"]
    checks = [
        _rate(circumstances, bounds),
        _funds(proposal, circumstances),
        _band(proposal, circumstances, bounds),
        None if proposal.symbol in circumstances.symbols else f"ForeignSymbol: {proposal.symbol}",
        _age(circumstances, bounds),
        _open_orders(circumstances, limits),
        _notional(proposal, limits),
        _position(proposal, state, limits),
        state.halted and f"Halted: {state.halted}",
        breach(state, limits),
    ]
    return [reason for reason in checks if reason]


def _positive(value: Decimal) -> bool:
    return value.is_finite() and value > 0


def _rate(circumstances: Circumstances, bounds: OrderBounds) -> str | None:
    most = bounds.orders_per_minute
    lately = sum(circumstances.now_ms - 60_000 < sent for sent in circumstances.sent_ms)
    return f"OrderRate: {lately} orders within a minute, {most} allowed" if lately >= most else None


def _funds(proposal: Proposal, circumstances: Circumstances) -> str | None:
    if circumstances.funds is None or not circumstances.funds.is_finite():
        return "UnknownFunds: the balance is not known"
    needed = proposal.amount * (proposal.limit or proposal.price)
    return f"InsufficientFunds: {needed} needed, {circumstances.funds} there" if needed > circumstances.funds else None


def _band(proposal: Proposal, circumstances: Circumstances, bounds: OrderBounds) -> str | None:
    before = circumstances.before
    if before is None or not _positive(before):
        return "UnknownPrice: no earlier price to compare with"
    moved = abs(proposal.price / before - 1) * 100
    if moved > bounds.price_band_percent:
        return f"PriceBand: {proposal.price} is {moved:.1f} % from {before}, {bounds.price_band_percent} allowed"
    return None


def _age(circumstances: Circumstances, bounds: OrderBounds) -> str | None:
    age = circumstances.price_age_ms
    if age is None or age > bounds.oldest_price_ms:
        return f"StaleData: the newest price is {'not known' if age is None else f'{age / 1000:.0f} s old'}"
    return None


def _open_orders(circumstances: Circumstances, limits: RiskLimits) -> str | None:
    if limits.max_open_orders is not None and circumstances.open_orders >= limits.max_open_orders:
        return f"OpenOrders: {circumstances.open_orders} are open, {limits.max_open_orders} allowed"
    return None


def _notional(proposal: Proposal, limits: RiskLimits) -> str | None:
    spent, most = proposal.amount * proposal.price, limits.max_order_notional
    return f"MaxOrder: {spent:.2f} for one order, {most:.2f} allowed" if most is not None and spent > most else None


def _position(proposal: Proposal, state: LedgerState, limits: RiskLimits) -> str | None:
    held = state.positions.get(proposal.symbol, Position())
    after = (held.amount + proposal.amount) * proposal.price
    most = largest_position(state.equity, limits)
    return f"MaxPosition: {after:.2f} of {proposal.symbol}, {most:.2f} allowed" if after > most else None
