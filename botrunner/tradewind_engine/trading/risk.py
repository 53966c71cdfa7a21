"""What may not be bought, and when everything stops. Looked at before each order; what is not known counts as a no."""

from decimal import Decimal

from tradewind_api.ledger import LedgerState
from tradewind_api.runner import RiskLimits


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


def largest_position(equity: Decimal, limits: RiskLimits) -> Decimal:
    """Return how much quote currency one symbol may hold."""
    if limits.max_position_percent is None:
        return equity
    return equity * Decimal(str(limits.max_position_percent)) / 100
