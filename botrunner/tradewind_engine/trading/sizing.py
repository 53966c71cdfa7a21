"""How much to buy, and where stops, targets and steps of a ladder lie: one arithmetic for paper and for live trading.

Pure; money is Decimal, percent of the document are taken as the decimal numbers that were written. Shares are of the cash that
symbols without a position have between them.
"""

from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, Decimal

from tradewind_api.document.model import StrategyDocument
from tradewind_api.ledger import LedgerState, Position
from tradewind_api.runner import RiskLimits
from tradewind_engine.strategy.evaluate import Signals
from tradewind_engine.trading.risk import largest_position, largest_purchase
from tradewind_engine.trading.rounding import MarketRules, round_price

PRICE_DIGITS = Decimal("0.00000001")
ROOM = Decimal("0.005")
"""How much dearer than where it is decided a purchase at the market may become on its way; so much cash is never staked."""


@dataclass(frozen=True, slots=True)
class PaperMarket:
    """What fills cost and how amounts are rounded. Fees and slippage are fractions; `maker_fee` is that of resting orders."""

    symbol: str
    fee: Decimal
    slippage: Decimal
    amount_step: Decimal
    min_notional: Decimal
    maker_fee: Decimal | None = None


def exact(value: float) -> Decimal:
    """Return a price of an exchange as the decimal number that was printed."""
    return Decimal(repr(float(value)))


def stop_price(held: Position, document: StrategyDocument) -> tuple[Decimal, str]:
    """Return the higher of stop and trailing stop, 0 without either, and the reason that it gives."""
    protect, average = document.protect, held.notional / held.amount
    fixed = average * (1 - _percent(protect.stop_loss_percent)) if protect.stop_loss_percent is not None else Decimal(0)
    following = held.peak * (1 - _percent(protect.trailing_stop_percent)) if protect.trailing_stop_percent else Decimal(0)
    return max(fixed, following), "StopLoss" if fixed >= following else "TrailingStop"


def target_price(held: Position, document: StrategyDocument) -> Decimal | None:
    """Return the price at which the profit is taken, None without one."""
    percent = document.protect.take_profit_percent
    return None if percent is None else held.notional / held.amount * (1 + _percent(percent))


def next_step(held: Position, document: StrategyDocument) -> Decimal | None:
    """Return the price at which the ladder's next step waits, None without one."""
    ladder = document.entry.ladder
    if ladder is None or held.buys > ladder.steps:
        return None
    return held.first_price * (1 - _percent(ladder.spacing_percent) * held.buys)


def step_budget(held: Position, share: Decimal, document: StrategyDocument, most: Decimal) -> Decimal:
    """Return what the ladder's next step may spend of `share`, `most` at most."""
    ladder = document.entry.ladder
    if ladder is None:
        return Decimal(0)
    cap = (share + held.cost) * _percent(ladder.cap_percent)
    return min(held.first_cost * Decimal(str(ladder.size_factor)) ** held.buys, share, cap - held.cost, most)


def at_limit(market: PaperMarket) -> PaperMarket:
    """Return the market as a limit order meets it: it never pays more than its price."""
    return replace(market, slippage=Decimal(0), fee=market.fee if market.maker_fee is None else market.maker_fee)


def share_of_cash(state: LedgerState, cash: Decimal, symbol: str, symbols: int) -> Decimal:
    """Return the part of `cash` that `symbol` may use: symbols without a position, and this one, share it."""
    others = sum(position.amount > 0 for name, position in state.positions.items() if name != symbol)
    return cash / max(1, symbols - others)


def entry_budget(
    document: StrategyDocument, signals: Signals, index: int, *, share: Decimal, equity: Decimal, risk: RiskLimits
) -> Decimal:
    """Return the quote currency that an entry decided at candle `index` may spend."""
    size = document.entry.size
    if size.quote is not None:
        wanted = Decimal(str(size.quote))
    elif size.risk_percent is not None and size.measure is not None:
        measure = float(signals.series[size.measure][index])
        close = exact(signals.series["close"][index])
        wanted = share * _percent(size.risk_percent) * close / exact(measure) if measure > 0 else Decimal(0)
    else:
        wanted = share * _percent(size.percent_of_equity or 0)
    return min(wanted, share, largest_position(equity, risk), largest_purchase(Position(), Decimal(0), equity, risk))


def entry_amount(budget: Decimal, price: Decimal, market: PaperMarket) -> tuple[Decimal, str | None]:
    """Return the amount that `budget` buys, or why none: rounded down to the market's step."""
    paid = with_slippage(price, market, 1)
    amount = (max(budget, Decimal(0)) / (paid * (1 + market.fee))).quantize(Decimal(1).scaleb(-12), rounding=ROUND_DOWN)
    amount = (amount // market.amount_step) * market.amount_step
    if amount <= 0 or amount * paid < market.min_notional:
        wanted = f"the market wants an order of {market.min_notional} or more"
        return Decimal(0), f"BelowMinimum: {budget:.2f} buys {amount}, {wanted}"
    return amount, None


def market_purchase(
    budget: Decimal, share: Decimal, price: Decimal, market: PaperMarket, rules: MarketRules
) -> tuple[Decimal, Decimal, str | None]:
    """Return the amount that `budget` buys, the limit that it may be paid up to, and why nothing is bought, None if it is.

    Filled at the limit it costs `share` at most: whatever the price does on the way, the cash suffices.
    """
    limit = round_price(max(price * (1 + ROOM), price + rules.price_tick), "buy", rules)
    kept, (amount, reason) = share * with_slippage(price, market, 1) / limit, entry_amount(budget, price, market)
    if budget > kept and reason is None:
        amount, reason = entry_amount(kept, price, market)
    return amount, limit, reason


def with_slippage(price: Decimal, market: PaperMarket, direction: int) -> Decimal:
    """Return what is paid (direction 1) or got (-1) where the market shows `price`."""
    return (price * (1 + direction * market.slippage)).quantize(PRICE_DIGITS)


def _percent(value: float) -> Decimal:
    return Decimal(str(value)) / 100
