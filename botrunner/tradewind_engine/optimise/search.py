"""The search for the best point: everything where that is affordable, else a sample, repeated zooms, and TPE on the rest.

A sweep scores a thousand points in the time that a sampler thinks about ten, so points are bought by the batch as long as
that helps; the tree-structured Parzen estimator (Bergstra et al., 2011, by hyperopt) refines what is left. Same seed, same
points, same result.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tradewind_engine.candles import Floats, Integers
from tradewind_engine.optimise.objectives import Constraint, objective_of, value_of
from tradewind_engine.optimise.record import Place, Record
from tradewind_engine.optimise.scores import Scores
from tradewind_engine.optimise.space import Point, Space
from tradewind_engine.optimise.sweep import Sweep
from tradewind_engine.timeframes import periods_per_year

CENTRES, ZOOMS, PATIENCE = 6, 8, 2


@dataclass(frozen=True, slots=True)
class Aim:
    """What is sought and how hard. `budget` points are scored in batches, then up to `trials` one by one."""

    objective: str = "sharpe"
    constraints: tuple[Constraint, ...] = (Constraint("trades", ">=", 10),)
    budget: int = 2_000
    trials: int = 60
    seed: int = 1


@dataclass(frozen=True, slots=True)
class State:
    """How a search stands: points scored, points planned, the best value and point so far."""

    done: int
    planned: int
    best_value: float
    best: dict[str, float]


@dataclass(frozen=True, slots=True)
class Search:
    """All points scored in the order of scoring, their scores and values, and the row of the best; `method` tells how."""

    points: list[Point]
    scores: Scores
    values: Floats
    best: int
    method: str

    @property
    def found(self) -> bool:
        """Whether any point satisfies the constraints."""
        return bool(np.isfinite(self.values[self.best]))


@dataclass
class _Book:
    """Every place that was scored, once."""

    sweep: Sweep
    aim: Aim
    progress: Callable[[State], None]
    planned: int
    record: Record | None = None
    part: int = 0
    rows: dict[Place, int] = field(default_factory=dict)
    scores: Scores | None = None
    values: Floats = field(default_factory=lambda: np.empty(0))

    def add(self, places: Iterable[Place]) -> None:
        """Score what was not scored before."""
        fresh = [place for place in dict.fromkeys(places) if place not in self.rows]
        if not fresh:
            return
        before = len(self.rows)

        def tell(done: int, _: int) -> None:
            self.progress(self._state(before + done))

        scores = self._scores(fresh, tell)
        self.rows |= {place: before + number for number, place in enumerate(fresh)}
        self.scores = scores if self.scores is None else self.scores.joined(scores)
        per_year = periods_per_year(self.sweep.settings.timeframe)
        values = value_of(scores, objective_of(self.aim.objective), self.aim.constraints, per_year)
        self.values = np.concatenate([self.values, values])
        self.progress(self._state(len(self.rows)))

    def _scores(self, places: list[Place], tell: Callable[[int, int], None]) -> Scores:
        """Return the scores of places, from the record where it knows them."""
        points = [self.sweep.space.point(np.array(place)) for place in places]
        record, part = self.record, self.part
        if record is None:
            return self.sweep.score(points, tell)
        known, scores = record.known(part, places)
        if scores is not None and len(known) == len(places):
            return scores
        there = set(known)
        missing = [number for number in range(len(places)) if number not in there]

        def keep(rows: list[int], scored: Scores) -> None:
            record.keep(part, [places[missing[row]] for row in rows], scored)

        fresh = self.sweep.score([points[number] for number in missing], lambda done, all_: tell(len(known) + done, all_), keep)
        if scores is None:
            return fresh
        return scores.joined(fresh).rows(np.argsort([*known, *missing]).tolist())

    def best(self, count: int) -> list[Place]:
        """Return the places of the `count` best points, the best first; ties go to the earlier."""
        places = list(self.rows)
        order = np.argsort(-self.values, kind="stable")[:count]
        return [places[row] for row in order if np.isfinite(self.values[row])]

    def _state(self, done: int) -> State:
        best = self.best(1)
        if not best:
            return State(done, self.planned, float("-inf"), {})
        space = self.sweep.space
        return State(done, self.planned, float(self.values.max()), space.parameters(space.point(np.array(best[0]))))


def search(
    sweep: Sweep,
    aim: Aim,
    progress: Callable[[State], None] = lambda _: None,
    *,
    record: Record | None = None,
    part: int = 0,
) -> Search:
    """Return the best point of a sweep's space. What `record` knows of `part` is not scored again.

    Raises:
        ValueError: If the objective is unknown.
    """
    objective_of(aim.objective)
    space = sweep.space
    exhaustive = space.size <= aim.budget
    book = _Book(sweep, aim, progress, space.size if exhaustive else aim.budget + aim.trials, record, part)
    if exhaustive:
        book.add(map(tuple, space.every_place().tolist()))
        method = "exhaustive"
    else:
        _sample_and_zoom(book, np.random.default_rng(aim.seed))
        if aim.trials:
            _refine(book)
        method = "sample, zoom, TPE" if aim.trials else "sample, zoom"
    assert book.scores is not None
    points = [space.point(np.array(place)) for place in book.rows]
    return Search(points, book.scores, book.values, int(np.argmax(book.values)), method)


def score_places(
    sweep: Sweep, aim: Aim, places: list[Place], progress: Callable[[State], None], *, record: Record, part: int
) -> None:
    """Score some places of a part into a record, but for those that it knows. Raises ValueError as `search` does."""
    objective_of(aim.objective)
    _Book(sweep, aim, progress, len(places), record, part).add(places)


def first_sample(space: Space, aim: Aim) -> list[Place]:
    """Return the places that a search of a space beyond its budget begins with: the seed alone decides."""
    return _stratified(np.array(space.shape), aim.budget // 2, np.random.default_rng(aim.seed))


def _sample_and_zoom(book: _Book, random: np.random.Generator) -> None:
    shape, budget = np.array(book.sweep.space.shape), book.aim.budget
    book.add(_stratified(shape, budget // 2, random))
    idle, each = 0, max(1, budget // 2 // ZOOMS)
    for zoom in range(ZOOMS):
        centres = book.best(CENTRES)
        if not centres or idle == PATIENCE:
            return
        before = book.values.max()
        reach = np.maximum(1, shape * 0.25 * 0.6**zoom)
        chosen = np.array(centres)[random.integers(len(centres), size=each)]
        moved = np.round(chosen + random.normal(0.0, 0.5, chosen.shape) * reach).astype(np.int64)
        book.add(map(tuple, np.clip(moved, 0, shape - 1).tolist()))
        book.add(neighbours(centres[0], shape))
        idle = 0 if book.values.max() > before else idle + 1


def _stratified(shape: Integers, count: int, random: np.random.Generator) -> list[Place]:
    """Return places that use each part of each axis equally often (Latin hypercube: McKay, Beckman, Conover, 1979)."""
    columns = [
        np.minimum(((random.permutation(count) + random.random(count)) / count * size).astype(np.int64), size - 1)
        for size in shape.tolist()
    ]
    return list(zip(*(column.tolist() for column in columns), strict=True))


def neighbours(place: Place, shape: Integers) -> list[Place]:
    """Return the places one step away along one axis."""
    return [
        (*place[:axis], place[axis] + step, *place[axis + 1 :])
        for axis, size in enumerate(shape.tolist())
        for step in (-1, 1)
        if 0 <= place[axis] + step < size
    ]


def _refine(book: _Book) -> None:
    """Let TPE propose places, told of the best ones first."""
    from hyperopt import STATUS_OK, fmin, hp, tpe  # noqa: PLC0415 - 0.8 s, and only here
    from hyperopt.early_stop import no_progress_loss  # noqa: PLC0415

    shape = book.sweep.space.shape
    names = [f"axis{number}" for number in range(len(shape))]
    known = [dict(zip(names, place, strict=True)) for place in book.best(20)]

    def loss(choice: dict[str, Any]) -> dict[str, Any]:
        place = tuple(int(choice[name]) for name in names)
        book.add([place])
        value = book.values[book.rows[place]]
        return {"loss": -float(value) if np.isfinite(value) else 1e12, "status": STATUS_OK}

    fmin(
        loss,
        {name: hp.quniform(name, 0, size - 1, 1) for name, size in zip(names, shape, strict=True)},
        algo=tpe.suggest,
        max_evals=len(known) + book.aim.trials,
        points_to_evaluate=known,
        rstate=np.random.default_rng(book.aim.seed),
        early_stop_fn=no_progress_loss(len(known) + book.aim.trials // 2),
        show_progressbar=False,
        verbose=False,
    )
