"""The arithmetic of each operation that `tradewind_api.operations` declares, by name: over series, candle by candle."""

from collections.abc import Callable
from typing import Any

from tradewind_engine.operations import arithmetic, averages, bands, comparisons, gates, logic, oscillators, volatility

# Inputs come first in the order of the document, parameters by name; series in, series out, shape (n,).
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

# Parameters in, a function out that takes one candle's inputs after the other and gives what VECTOR gives for that candle.
STEP: dict[str, Callable[..., Any]] = {
    "add": arithmetic.add_step,
    "subtract": arithmetic.subtract_step,
    "multiply": arithmetic.multiply_step,
    "divide": arithmetic.divide_step,
    "typical_price": arithmetic.typical_price_step,
    "median_price": arithmetic.median_price_step,
    "sma": averages.sma_step,
    "ema": averages.ema_step,
    "wma": averages.wma_step,
    "rma": averages.rma_step,
    "vwap": averages.vwap_step,
    "rsi": oscillators.rsi_step,
    "macd": oscillators.macd_step,
    "rate_of_change": oscillators.rate_of_change_step,
    "stochastic": oscillators.stochastic_step,
    "cci": oscillators.cci_step,
    "momentum": oscillators.momentum_step,
    "obv": oscillators.obv_step,
    "bollinger": bands.bollinger_step,
    "highest": bands.highest_step,
    "lowest": bands.lowest_step,
    "donchian": bands.donchian_step,
    "keltner": bands.keltner_step,
    "atr": volatility.atr_step,
    "standard_deviation": volatility.standard_deviation_step,
    "zscore": volatility.zscore_step,
    "above": comparisons.above_step,
    "below": comparisons.below_step,
    "crosses_above": comparisons.crosses_above_step,
    "crosses_below": comparisons.crosses_below_step,
    "between": comparisons.between_step,
    "rising": comparisons.rising_step,
    "falling": comparisons.falling_step,
    "all": logic.every_step,
    "any": logic.some_step,
    "not": logic.negation_step,
    "for_bars": logic.held_step,
    "time_of_day": gates.time_of_day_step,
    "weekday": gates.weekday_step,
}

# Those that run loops, and take how (`loops`) as a keyword.
LOOPING = frozenset(
    {
        *("sma", "ema", "rma", "vwap", "rsi", "macd", "stochastic", "cci", "obv", "bollinger", "keltner", "atr"),
        *("standard_deviation", "zscore", "crosses_above", "crosses_below"),
    }
)
