"""A whole optimisation: search, walk-forward, the best point's report, and the verdict on having searched."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tradewind_api.document.model import StrategyDocument
from tradewind_api.document.resolve import with_parameters
from tradewind_engine.backtest.engine import run_backtest
from tradewind_engine.backtest.report import Report
from tradewind_engine.candles import Candles
from tradewind_engine.honesty.neighbourhood import neighbours_return
from tradewind_engine.honesty.overfitting import overfitting_of
from tradewind_engine.honesty.verdict import Selection, Verdict, judge
from tradewind_engine.optimise.book import Aim, State
from tradewind_engine.optimise.record import Record
from tradewind_engine.optimise.scores import BLOCKS, WIDTH
from tradewind_engine.optimise.search import Search, search
from tradewind_engine.optimise.space import Space
from tradewind_engine.optimise.sweep import Sweep, SweepSettings
from tradewind_engine.optimise.walk_forward import Kind, WalkForward, walk_forward

TOP = 20
Tell = Callable[[str, State], None]


def part_name(part: int, folds: int) -> str:
    """Return what a person calls a part of an optimisation: part 0 is the search, part k walk-forward step k."""
    return f"fold {part} of {folds}" if part else "search"


def silent(_part: str, _state: State) -> None:
    """Tell nobody."""


class NothingFoundError(ValueError):
    """No point satisfies the constraints."""


@dataclass(frozen=True, slots=True)
class Study:
    """The result: the search, the report of its best point, the walk-forward if asked for, and the verdict."""

    space: Space
    aim: Aim
    search: Search
    report: Report
    walk: WalkForward | None
    verdict: Verdict

    @property
    def best(self) -> dict[str, float]:
        """The best parameters by address."""
        return self.space.parameters(self.search.point(self.search.best))

    def to_json(self) -> dict[str, Any]:
        """Return the best point's report with what the search found, the TOP points first."""
        order = np.argsort(-self.search.values, kind="stable")[:TOP]
        scores = self.search.scores_of(order)
        rows = [
            {
                "parameters": self.space.parameters(self.search.point(row)),
                "value": float(self.search.values[row]),
                **scores.row(number),
            }
            for number, row in enumerate(order.tolist())
            if np.isfinite(self.search.values[row])
        ]
        found = {
            "objective": self.aim.objective,
            "method": self.search.method,
            "seed": self.aim.seed,
            "points": self.search.count,
            "spaceSize": self.space.size,
            "parameters": self.best,
            "value": float(self.search.values[self.search.best]),
            "top": rows,
        }
        if self.walk:
            found["walkForward"] = self.walk.to_json()
        return {**self.report.to_json(), **self.verdict.to_json(), "optimisation": found}


def run_study(
    document: StrategyDocument,
    space: Space,
    candles: Mapping[str, Candles],
    settings: SweepSettings,
    aim: Aim,
    *,
    exchange: str = "",
    folds: int = 0,
    kind: Kind = "rolling",
    tell: Tell = silent,
    record: Record | None = None,
) -> Study:
    """Return the best point of `space` and how far to trust it.

    Args:
        document: A valid document; its parameters outside the space stay.
        space: What is tuned.
        candles: By symbol, of `settings.timeframe`.
        settings: Costs, capital, markets, threads.
        aim: Objective, constraints, how many points, seed.
        exchange: Name for the data digest.
        folds: Walk-forward steps, 0 for none.
        kind: Of the walk-forward.
        tell: Hears the part of the work and its state.
        record: What was scored before; what is scored now goes there too.

    Raises:
        CandleError: If history is too short for the space or the folds.
        NothingFoundError: If no point satisfies the constraints.
        ValueError: If the objective is unknown.
    """
    sweep = Sweep(document, space, candles, settings)
    found = search(sweep, aim, lambda state: tell(part_name(0, folds), state), record=record)
    if not found.found:
        wanted = ", ".join(f"{c.measure} {c.compare} {c.bound:g}" for c in aim.constraints)
        most = found.book.most_trades
        raise NothingFoundError(f"none of {found.count} points satisfies {wanted}; the most trades of any were {most}")
    walk = None
    if folds:
        walk = walk_forward(
            document,
            space,
            candles,
            settings,
            aim,
            folds=folds,
            kind=kind,
            progress=lambda fold, state: tell(part_name(fold + 1, folds), state),
            record=record,
        )
    chosen = with_parameters(document, space.parameters(found.point(found.best)))
    report = run_backtest(
        chosen,
        candles,
        timeframe=settings.timeframe,
        exchange=exchange,
        capital=settings.capital,
        costs=settings.costs,
        markets=settings.markets,
    )
    selection = Selection(
        trials=found.count,
        deviation=float(found.sharpe.std()),
        overfitting=overfitting_of(
            lambda first, last: found.columns(WIDTH - 2 * BLOCKS + first, WIDTH - 2 * BLOCKS + last),
            lambda rows: found.scores_of(rows).stretches(),
            found.count,
            BLOCKS,
            (sweep.periods - 1) // BLOCKS,
        ),
        neighbours=neighbours_return(sweep, found),
        out_of_sample=walk.test_return if walk else None,
    )
    return Study(space, aim, found, report, walk, judge(report, selection))
