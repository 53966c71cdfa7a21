"""Walk-forward (Pardo, 1992): parameters chosen on one stretch of history and judged on the next, unseen one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from tradewind_api.document.model import StrategyDocument
from tradewind_api.document.resolve import with_parameters
from tradewind_api.document.validation import lookback_of
from tradewind_engine.backtest.engine import run_backtest
from tradewind_engine.candles import CandleError, Candles
from tradewind_engine.optimise.book import Aim, State
from tradewind_engine.optimise.record import Record
from tradewind_engine.optimise.search import search
from tradewind_engine.optimise.space import Space
from tradewind_engine.optimise.sweep import Sweep, SweepSettings

Kind = Literal["rolling", "anchored"]


@dataclass(frozen=True, slots=True)
class Fold:
    """One step: times in UTC ms, [train_from, train_to) and [train_to, test_to); returns as fractions."""

    train_from_ms: int
    train_to_ms: int
    test_to_ms: int
    parameters: dict[str, float]
    train_return: float
    test_return: float
    test_trades: int

    def to_json(self) -> dict[str, Any]:
        """Return the fold as JSON values."""
        return {
            "trainFromMs": self.train_from_ms,
            "trainToMs": self.train_to_ms,
            "testToMs": self.test_to_ms,
            "parameters": self.parameters,
            "trainReturn": self.train_return,
            "testReturn": self.test_return,
            "testTrades": self.test_trades,
        }


@dataclass(frozen=True, slots=True)
class WalkForward:
    """All folds, and what trading each fold's choice in turn would have returned."""

    kind: Kind
    folds: list[Fold]

    @property
    def test_return(self) -> float:
        """The compound return over all test stretches."""
        return float(np.prod([1 + fold.test_return for fold in self.folds]) - 1)

    @property
    def profitable(self) -> float:
        """The fraction of folds with a profit out of sample."""
        return sum(fold.test_return > 0 for fold in self.folds) / len(self.folds)

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        folds = [fold.to_json() for fold in self.folds]
        return {"kind": self.kind, "testReturn": self.test_return, "profitableFolds": self.profitable, "folds": folds}


@dataclass(frozen=True, slots=True)
class Stretch:
    """Where one step trains, [train_from_ms, train_to_ms), and tests, [train_to_ms, test_to_ms); UTC ms."""

    train_from_ms: int
    train_to_ms: int
    test_to_ms: int


def stretches(candles: Mapping[str, Candles], folds: int, kind: Kind) -> list[Stretch]:
    """Return the steps: history is cut into folds + 1 equal stretches. Raises ValueError if there are fewer than 2 folds."""
    if folds < 2:
        raise ValueError(f"walk-forward needs at least 2 folds, got {folds}")
    start = min(int(history.ts[0]) for history in candles.values())
    stop = max(int(history.ts[-1]) for history in candles.values()) + 1
    edges = np.linspace(start, stop, folds + 2).astype(np.int64).tolist()
    return [
        Stretch(edges[number] if kind == "rolling" else start, edges[number + 1], edges[number + 2]) for number in range(folds)
    ]


def training(candles: Mapping[str, Candles], stretch: Stretch) -> dict[str, Candles]:
    """Return the candles that one step trains on."""
    return {symbol: history.between(stretch.train_from_ms, stretch.train_to_ms) for symbol, history in candles.items()}


def walk_forward(
    document: StrategyDocument,
    space: Space,
    candles: Mapping[str, Candles],
    settings: SweepSettings,
    aim: Aim,
    *,
    folds: int = 4,
    kind: Kind = "rolling",
    progress: Callable[[int, State], None] = lambda _fold, _state: None,
    record: Record | None = None,
) -> WalkForward:
    """Return what `folds` steps found. History is cut into folds + 1 equal stretches; each but the first is tested once.

    A rolling step trains on the stretch before, an anchored one on all before. A test's first decision sees the candles
    before it, as a running bot would. A fold without any point that satisfies the constraints does not trade.

    Raises:
        CandleError: If a stretch is too short for the longest lookback of the space.
        ValueError: If there are fewer than 2 folds.
    """
    found = []
    for number, stretch in enumerate(stretches(candles, folds, kind)):
        sweep = Sweep(document, space, training(candles, stretch), settings)
        result = search(sweep, aim, partial(progress, number), record=record, part=1 + number)
        parameters = space.parameters(result.point(result.best)) if result.found else {}
        tested, trades = 0.0, 0
        if result.found:
            tested, trades = _test(
                with_parameters(document, parameters), candles, (stretch.train_to_ms, stretch.test_to_ms), settings
            )
        trained = float(result.scores_of(np.array([result.best])).total_return[0]) if result.found else 0.0
        times = (stretch.train_from_ms, stretch.train_to_ms, stretch.test_to_ms)
        found.append(Fold(*times, parameters, trained, tested, trades))
    return WalkForward(kind, found)


def _test(
    document: StrategyDocument, candles: Mapping[str, Candles], tested: tuple[int, int], settings: SweepSettings
) -> tuple[float, int]:
    warm_up = lookback_of(document) - 1
    parts = {}
    for symbol, history in candles.items():
        first, last = np.searchsorted(history.ts, tested)
        if last - first < 2:
            raise CandleError(f"{symbol}: a test stretch has {last - first} candles; take fewer folds or more history")
        parts[symbol] = history[max(0, int(first) - warm_up) : int(last)]
    report = run_backtest(
        document,
        parts,
        timeframe=settings.timeframe,
        capital=settings.capital,
        costs=settings.costs,
        markets=settings.markets,
        decide_from_ms=tested[0],
    )
    return float(report.figures["totalReturn"] or 0.0), int(report.figures["trades"] or 0)
