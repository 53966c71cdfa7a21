"""One symbol through the kernel: what sweeps, optimisation and reports all stand on."""

from dataclasses import dataclass

import numpy as np

from tradewind_api.document.model import StrategyDocument
from tradewind_engine.backtest import kernel
from tradewind_engine.candles import Booleans, Candles, Floats

NOTHING: Floats = np.empty(0)
NO_TRADES: Floats = np.empty((0, kernel.COLUMNS))


@dataclass(frozen=True, slots=True)
class Costs:
    """Basis points of the notional (fee) and of the price (slippage)."""

    fee_bps: float = 10.0
    slippage_bps: float = 0.0


@dataclass(frozen=True, slots=True)
class SymbolRun:
    """What one symbol did: totals, closed trades (m, kernel.COLUMNS), equity at each close (n,)."""

    totals: kernel.Totals
    trades: Floats
    equity: Floats


def rules_of(document: StrategyDocument, capital: float, costs: Costs) -> kernel.Rules:
    """Return the kernel's rules for a document."""
    size, ladder, protect = document.entry.size, document.entry.ladder, document.protect
    return kernel.Rules(
        capital=float(capital),
        share=_fraction(size.percent_of_equity),
        quote=float(size.quote or 0),
        risk=_fraction(size.risk_percent),
        fee=costs.fee_bps / 10_000.0,
        slippage=costs.slippage_bps / 10_000.0,
        stop=_fraction(protect.stop_loss_percent),
        target=_fraction(protect.take_profit_percent),
        trailing=_fraction(protect.trailing_stop_percent),
        longest=protect.max_candles_in_trade or 0,
        cooldown=protect.cooldown_candles or 0,
        steps=ladder.steps if ladder else 0,
        spacing=_fraction(ladder.spacing_percent) if ladder else 0.0,
        factor=float(ladder.size_factor) if ladder else 1.0,
        cap=_fraction(ladder.cap_percent) if ladder else 1.0,
    )


def simulate(
    history: Candles,
    entry: Booleans,
    exit_: Booleans,
    measure: Floats,
    rules: kernel.Rules,
    *,
    equity: Floats,
    trades: Floats,
) -> kernel.Totals:
    """Run the kernel into buffers: `equity` (n,), `trades` (m, kernel.COLUMNS); see kernel.run."""
    totals: kernel.Totals = kernel.run(
        history.open, history.high, history.low, history.close, entry, exit_, measure, rules, equity, trades
    )
    return totals


def _fraction(percent: float | None) -> float:
    return float(percent or 0) / 100.0
