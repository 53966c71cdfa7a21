"""The arithmetic of each operation that `tradewind_api.operations` declares, bound by name in one table."""

from collections.abc import Callable
from typing import Any

from tradewind_engine.operations import arithmetic, averages, bands, comparisons, gates, logic, oscillators, volatility

# Inputs come first in the order of the document, parameters by name.
VECTOR: dict[str, Callable[..., Any]] = {
    "add": arithmetic.add,
    "subtract": arithmetic.subtract,
    "multiply": arithmetic.multiply,
    "divide": arithmetic.divide,
    "typical_price": arithmetic.typical_price,
    "median_price": arithmetic.median_price,
    "sma": averages.sma,
    "ema": averages.ema,
    "wma": averages.wma,
    "rma": averages.rma,
    "vwap": averages.vwap,
    "rsi": oscillators.rsi,
    "macd": oscillators.macd,
    "rate_of_change": oscillators.rate_of_change,
    "stochastic": oscillators.stochastic,
    "cci": oscillators.cci,
    "momentum": oscillators.momentum,
    "obv": oscillators.obv,
    "bollinger": bands.bollinger,
    "highest": bands.highest,
    "lowest": bands.lowest,
    "donchian": bands.donchian,
    "keltner": bands.keltner,
    "atr": volatility.atr,
    "standard_deviation": volatility.standard_deviation,
    "zscore": volatility.zscore,
    "above": comparisons.above,
    "below": comparisons.below,
    "crosses_above": comparisons.crosses_above,
    "crosses_below": comparisons.crosses_below,
    "between": comparisons.between,
    "rising": comparisons.rising,
    "falling": comparisons.falling,
    "all": logic.every,
    "any": logic.some,
    "not": logic.negation,
    "for_bars": logic.held,
    "time_of_day": gates.time_of_day,
    "weekday": gates.weekday,
}

# Those that run a loop of `recursions`, and take it as a keyword.
RECURSIVE = frozenset({"ema", "rma", "rsi", "macd", "atr", "keltner"})
