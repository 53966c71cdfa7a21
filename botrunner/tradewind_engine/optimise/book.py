"""What a search has scored so far: a few numbers a point, the rest stands in the record."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tradewind_engine.candles import Floats, Integers
from tradewind_engine.optimise.objectives import Constraint, objective_of, value_of
from tradewind_engine.optimise.places import Place, PlaceIndex, Places, first_ones
from tradewind_engine.optimise.record import Record
from tradewind_engine.optimise.scores import Scores
from tradewind_engine.optimise.sweep import Sweep
from tradewind_engine.timeframes import periods_per_year


@dataclass(frozen=True, slots=True)
class Aim:
    """What is sought and how hard. `budget` points are scored in batches, then up to `trials` one by one."""

    objective: str = "sharpe"
    constraints: tuple[Constraint, ...] = (Constraint("trades", ">=", 10),)
    budget: int = 2_000
    trials: int = 60
    seed: int = 1

    @property
    def sample(self) -> int:
        """How many points a search begins with that cannot look at all."""
        return max(1, self.budget // 2)


@dataclass(frozen=True, slots=True)
class State:
    """How a search stands: points scored, points planned, the best value and point so far."""

    done: int
    planned: int
    best_value: float
    best: dict[str, float]


class Book:
    """Every place that was scored, once. A row has its value, its Sharpe ratio a candle and where it stands in the record.

    Rows of the `whole` space are in its order, so that their places need not be held.
    """

    def __init__(
        self,
        sweep: Sweep,
        aim: Aim,
        progress: Callable[[State], None],
        planned: int,
        record: Record,
        part: int = 0,
        *,
        whole: bool = False,
    ) -> None:
        self.sweep, self.aim, self.record, self.part = sweep, aim, record, part
        self._progress, self._planned, self._rows, self._first = progress, planned, 0, 0
        axes = len(sweep.space.axes)
        self._values, self.sharpe = np.empty(planned), np.empty(planned)
        self.offsets = np.empty(planned, dtype=np.int64)
        self._places = None if whole else np.empty((planned, axes), dtype=np.uint16)
        self._index = PlaceIndex(axes)
        self.most_trades, self.best_row, self.best_value = 0, 0, float("-inf")

    def __len__(self) -> int:
        """Return how many places were scored."""
        return self._rows

    @property
    def values(self) -> Floats:
        """What is sought, of each row."""
        return self._values[: self._rows]

    @property
    def places(self) -> Places | None:
        """The place of each row, None where rows are in the order of the space."""
        return None if self._places is None else self._places[: self._rows]

    def place(self, row: int) -> Places:
        """Return the place of a row."""
        if self._places is None:
            number = self._first + row
            return self.sweep.space.places(number, number + 1).reshape(-1)
        found: Places = self._places[row]
        return found

    def value_at(self, place: Place) -> float:
        """Return the value of a place, NaN where it was not scored."""
        row = int(self._index.find(np.array([place]))[0])
        return float(self._values[row]) if row >= 0 else float("nan")

    def add(self, places: Places, *, up_to: int | None = None) -> None:
        """Score what was not scored before, until `up_to` places are known in all."""
        assert self._places is not None
        if not len(places):
            return
        fresh = first_ones(places)
        fresh = fresh[self._index.find(fresh) < 0]
        if up_to is not None:
            fresh = fresh[: max(0, up_to - self._rows)]
        if not len(fresh):
            return
        before = self._rows
        self._places[before : before + len(fresh)] = fresh
        self._index.add(fresh, np.arange(before, before + len(fresh)))
        step = self.sweep.settings.stretch
        for start in range(0, len(fresh), step):
            self._score(fresh[start : start + step])

    def add_range(self, first: int, last: int) -> None:
        """Score the points of the space with numbers from `first` to `last`, not included."""
        self._first, step = first, self.sweep.settings.stretch
        for start in range(first, last, step):
            self._score(self.sweep.space.places(start, min(start + step, last)))

    def best(self, count: int) -> list[Place]:
        """Return the places of the `count` best points, the best first; ties go to the earlier."""
        order = np.argsort(-self.values, kind="stable")[:count].tolist()
        return [tuple(self.place(row).tolist()) for row in order if np.isfinite(self._values[row])]

    def _score(self, places: Places) -> None:
        """Make the next rows: those of `places`, from the record where it knows them."""
        before = self._rows
        offsets = self.record.find(self.part, places)
        known, missing = np.flatnonzero(offsets >= 0), np.flatnonzero(offsets < 0)
        if known.size:
            self._note(before + known, self.record.scores(self.part, offsets[known]), offsets[known])
        if missing.size:

            def keep(numbers: list[int], scored: Scores) -> None:
                chosen = missing[numbers]
                self._note(before + chosen, scored, self.record.keep(self.part, places[chosen], scored))

            def tell(done: int, _: int) -> None:
                self._progress(self._state(before + known.size + done))

            self.sweep.score(self.sweep.space.points(places[missing]), tell, keep)
        self._rows = before + len(places)
        self._progress(self._state(self._rows))

    def _note(self, rows: Integers, scores: Scores, offsets: Integers) -> None:
        per_year = periods_per_year(self.sweep.settings.timeframe)
        values = value_of(scores, objective_of(self.aim.objective), self.aim.constraints, per_year)
        self._values[rows], self.sharpe[rows], self.offsets[rows] = values, scores.sharpe, offsets
        self.most_trades = max(self.most_trades, int(scores.trades.max()))
        top = float(values.max())
        row = int(rows[values == top].min())
        if (top, -row) > (self.best_value, -self.best_row):
            self.best_value, self.best_row = top, row

    def _state(self, done: int) -> State:
        if not np.isfinite(self.best_value):
            return State(done, self._planned, float("-inf"), {})
        space = self.sweep.space
        return State(done, self._planned, self.best_value, space.parameters(space.point(self.place(self.best_row))))
