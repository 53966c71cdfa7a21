"""The arithmetic of each operation that `tradewind_api.operations` declares, bound by name in one table."""

from collections.abc import Callable
from typing import Any

from tradewind_engine.operations import averages, bands, comparisons, logic, oscillators

# Inputs come first in the order of the document, parameters by name.
VECTOR: dict[str, Callable[..., Any]] = {
    "sma": averages.sma,
    "ema": averages.ema,
    "rsi": oscillators.rsi,
    "macd": oscillators.macd,
    "rate_of_change": oscillators.rate_of_change,
    "bollinger": bands.bollinger,
    "highest": bands.highest,
    "lowest": bands.lowest,
    "above": comparisons.above,
    "below": comparisons.below,
    "crosses_above": comparisons.crosses_above,
    "crosses_below": comparisons.crosses_below,
    "all": logic.every,
    "any": logic.some,
    "not": logic.negation,
}
