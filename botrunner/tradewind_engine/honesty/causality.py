"""A document that decides otherwise when it is shown less of what came before or after."""

import numpy as np

from tradewind_api.document.model import StrategyDocument
from tradewind_api.document.validation import lookback_of
from tradewind_engine.backtest import compiled
from tradewind_engine.candles import Candles
from tradewind_engine.strategy.evaluate import evaluate

PLACES = 12


def changed_decisions(document: StrategyDocument, candles: Candles) -> int:
    """Return at how many of PLACES evenly spaced closes the decision differs when only the last candles before it are shown.

    Those are the `lookback` candles that a running bot sees: what needs the future, or more of the past than it declares,
    decides differently there.
    """
    lookback = lookback_of(document)
    whole = evaluate(document, candles, compiled.COMPILED)
    changed = 0
    for last in np.unique(np.linspace(lookback - 1, len(candles) - 1, PLACES).astype(int)).tolist():
        window = candles[last + 1 - lookback : last + 1]
        part = evaluate(document, window, compiled.COMPILED)
        changed += bool(part.entry[-1] != whole.entry[last] or part.exit[-1] != whole.exit[last])
    return changed
