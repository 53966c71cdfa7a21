"""One symbol through the kernel: what sweeps, optimisation and reports all stand on."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tradewind_api.document.model import StrategyDocument
from tradewind_engine.backtest import kernel
from tradewind_engine.candles import Booleans, Candles, Floats

NOTHING: Floats = np.empty(0)
NO_TRADES: Floats = np.empty((0, kernel.COLUMNS))


# Address in a document, the kernel's rule that it sets, and the unit it is written in: a whole one of whole numbers.
RULE_OF = {
    "size.percentOfEquity": ("share", 100.0),
    "size.quote": ("quote", 1.0),
    "size.riskPercent": ("risk", 100.0),
    "protect.stopLossPercent": ("stop", 100.0),
    "protect.takeProfitPercent": ("target", 100.0),
    "protect.trailingStopPercent": ("trailing", 100.0),
    "protect.maxCandlesInTrade": ("longest", 1),
    "protect.cooldownCandles": ("cooldown", 1),
    "ladder.steps": ("steps", 1),
    "ladder.spacingPercent": ("spacing", 100.0),
    "ladder.sizeFactor": ("factor", 1.0),
    "ladder.capPercent": ("cap", 100.0),
}
ATTRIBUTES = {  # where a document holds the value of an address
    address: (address.partition(".")[0], re.sub("[A-Z]", r"_\g<0>", address.partition(".")[2]).lower()) for address in RULE_OF
}


@dataclass(frozen=True, slots=True)
class Costs:
    """Basis points of the notional (fee) and of the price (slippage); `maker_bps` of orders that rest, the fee if not given."""

    fee_bps: float = 10.0
    slippage_bps: float = 0.0
    maker_bps: float | None = None


@dataclass(frozen=True, slots=True)
class MarketRules:
    """What a market takes: amounts in steps of base currency, orders of a least notional in quote; 0 is any."""

    amount_step: float = 0.0
    min_notional: float = 0.0


ANY_ORDER = MarketRules()
NO_MARKETS: Mapping[str, MarketRules] = {}


@dataclass(frozen=True, slots=True)
class SymbolRun:
    """What one symbol did: totals, closed trades (m, kernel.COLUMNS), equity at each close (n,)."""

    totals: kernel.Totals
    trades: Floats
    equity: Floats


def rules_of(document: StrategyDocument, capital: float, costs: Costs) -> kernel.Rules:
    """Return the kernel's rules for a document."""
    maker = costs.fee_bps if costs.maker_bps is None else costs.maker_bps
    sections = {"size": document.entry.size, "ladder": document.entry.ladder, "protect": document.protect}
    values = {
        address: value
        for address, (section, attribute) in ATTRIBUTES.items()
        if (value := getattr(sections[section], attribute, None)) is not None
    }
    return kernel.Rules(
        capital=float(capital),
        fee=costs.fee_bps / 10_000.0,
        maker=maker / 10_000.0,
        slippage=costs.slippage_bps / 10_000.0,
        **_rules_set(values),
    )


def at_market(rules: kernel.Rules, market: MarketRules) -> kernel.Rules:
    """Return `rules` with what a market takes."""
    return rules._replace(amount_step=float(market.amount_step), min_notional=float(market.min_notional))


def with_values(rules: kernel.Rules, values: Mapping[str, Any]) -> kernel.Rules:
    """Return `rules` with the values of those addresses that set a rule."""
    changes = _rules_set(values)
    return rules._replace(**changes) if changes else rules


def _rules_set(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the kernel's rules by name that the values of addresses set, those that set none left out."""
    known = [(*RULE_OF[address], value) for address, value in values.items() if address in RULE_OF]
    return {name: value / unit if isinstance(unit, float) else int(value) for name, unit, value in known}


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
    prices = history.open, history.high, history.low, history.close
    words = kernel.words_of(entry), kernel.words_of(exit_)
    totals: kernel.Totals = kernel.run(*prices, entry, exit_, *words, measure, rules, equity, trades)
    return totals
