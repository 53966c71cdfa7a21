"""The decision at the close of the newest candle, from the last `lookback` candles: what a running bot asks."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tradewind_api.document.model import StrategyDocument
from tradewind_api.operations import PRICES
from tradewind_engine.candles import Candles
from tradewind_engine.strategy.evaluate import evaluate

Action = Literal["Enter", "Exit", "None"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do, and the value of each node that led there (None is NaN)."""

    action: Action
    nodes: dict[str, float | bool | None]


def decide(document: StrategyDocument, window: Candles, *, holding: bool) -> Verdict:
    """Return the decision at the close of the last candle of `window`.

    Args:
        document: A valid document.
        window: The last `lookback_of(document)` closed candles or more.
        holding: Whether the bot has a position. Exit is looked at before entry, and one candle never does both.
    """
    signals = evaluate(document, window)
    action: Action = "None"
    if holding and signals.exit[-1]:
        action = "Exit"
    elif not holding and signals.entry[-1]:
        action = "Enter"
    return Verdict(action, {name: _plain(values[-1]) for name, values in signals.series.items() if name not in PRICES})


def _plain(value: np.generic) -> float | bool | None:
    if isinstance(value, np.bool_):
        return bool(value)
    number = float(value)
    return number if math.isfinite(number) else None
