"""The search for the best point: everything where that is affordable, else a sample, repeated zooms, and TPE on the rest.

A sweep scores a thousand points in the time that a sampler thinks about ten, so points are bought by the batch as long as
that helps; the tree-structured Parzen estimator (Bergstra et al., 2011, by hyperopt) refines what is left. Same seed, same
points, same result.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tradewind_engine.candles import Floats, Integers
from tradewind_engine.optimise.book import Aim, Book, State
from tradewind_engine.optimise.objectives import objective_of
from tradewind_engine.optimise.places import Place, Places, first_ones
from tradewind_engine.optimise.record import Record
from tradewind_engine.optimise.scores import Scores
from tradewind_engine.optimise.space import Point, Space
from tradewind_engine.optimise.sweep import Sweep

CENTRES, ZOOMS, PATIENCE = 6, 8, 2


@dataclass(frozen=True, slots=True)
class Search:
    """What was scored, in the order of rows: each one's value, Sharpe ratio a candle, and where its row stands in the record.

    `best` is the row of the best; `method` tells how it was found. Scores are read from the record when they are asked for.
    """

    book: Book
    values: Floats
    best: int
    method: str

    @property
    def found(self) -> bool:
        """Whether any point satisfies the constraints."""
        return bool(np.isfinite(self.values[self.best]))

    @property
    def count(self) -> int:
        """How many points were scored."""
        return int(self.values.size)

    def point(self, row: int) -> Point:
        """Return the point of a row."""
        return self.book.sweep.space.point(self.book.place(row))

    @property
    def points(self) -> list[Point]:
        """All points, in the order of rows."""
        return self.book.sweep.space.points(self.book.places)[:]

    @property
    def sharpe(self) -> Floats:
        """Mean over deviation a candle of each row."""
        return self.book.sharpe[: self.count]

    @property
    def scores(self) -> Scores:
        """The scores of all rows."""
        return self.scores_of(np.arange(self.count))

    def scores_of(self, rows: Integers) -> Scores:
        """Return the scores of some rows, in their order."""
        return self.book.record.scores(self.book.part, self.book.offsets[rows])

    def columns(self, first: int, last: int) -> Floats:
        """Return some columns of all rows' tables, shape (n, last - first); see `Scores.table`."""
        return self.book.record.columns(self.book.offsets[: self.count], first, last)


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
    record = Record(space) if record is None else record
    if space.size <= aim.budget:
        book = Book(sweep, aim, progress, space.size, record, part, whole=True)
        book.add_range(0, space.size)
        method = "exhaustive"
    else:
        book = Book(sweep, aim, progress, aim.budget + aim.trials, record, part)
        _sample_and_zoom(book, np.random.default_rng(aim.seed))
        if aim.trials:
            _refine(book)
        method = "sample, zoom, TPE" if aim.trials else "sample, zoom"
    return Search(book, book.values, book.best_row, method)


def score_places(
    sweep: Sweep, aim: Aim, places: Places, progress: Callable[[State], None], *, record: Record, part: int
) -> None:
    """Score places of a part into a record, but for those that it knows. Raises ValueError as `search` does."""
    objective_of(aim.objective)
    Book(sweep, aim, progress, len(places), record, part).add(places)


def score_range(
    sweep: Sweep, aim: Aim, first: int, last: int, progress: Callable[[State], None], *, record: Record, part: int
) -> None:
    """The same for the points of the space with numbers from `first` to `last`, not included."""
    objective_of(aim.objective)
    Book(sweep, aim, progress, last - first, record, part, whole=True).add_range(first, last)


def first_sample(space: Space, aim: Aim) -> Places:
    """Return the places that a search of a space beyond its budget begins with, each once: the seed alone decides."""
    return first_ones(_stratified(np.array(space.shape), aim.sample, np.random.default_rng(aim.seed)))


def _sample_and_zoom(book: Book, random: np.random.Generator) -> None:
    shape, budget = np.array(book.sweep.space.shape), book.aim.budget
    book.add(_stratified(shape, book.aim.sample, random))
    idle, each = 0, max(1, budget // 2 // ZOOMS - 2 * shape.size)
    for zoom in range(ZOOMS):
        centres = book.best(CENTRES)
        if not centres or idle == PATIENCE or len(book) >= budget:
            return
        before = book.best_value
        reach = np.maximum(1, shape * 0.25 * 0.6**zoom)
        chosen = np.array(centres)[random.integers(len(centres), size=each)]
        moved = np.round(chosen + random.normal(0.0, 0.5, chosen.shape) * reach).astype(np.int64)
        book.add(np.clip(moved, 0, shape - 1), up_to=budget)
        book.add(np.array(neighbours(centres[0], shape)), up_to=budget)
        idle = 0 if book.best_value > before else idle + 1


def _stratified(shape: Integers, count: int, random: np.random.Generator) -> Places:
    """Return places that use each part of each axis equally often (Latin hypercube: McKay, Beckman, Conover, 1979)."""
    places = np.empty((count, shape.size), dtype=np.uint16)
    for axis, size in enumerate(shape.tolist()):
        drawn = (random.permutation(count) + random.random(count)) / count * size
        places[:, axis] = np.minimum(drawn.astype(np.int64), size - 1)
    return places


def neighbours(place: Place, shape: Integers) -> list[Place]:
    """Return the places one step away along one axis."""
    return [
        (*place[:axis], place[axis] + step, *place[axis + 1 :])
        for axis, size in enumerate(shape.tolist())
        for step in (-1, 1)
        if 0 <= place[axis] + step < size
    ]


def _refine(book: Book) -> None:
    """Let TPE propose places, told of the best ones first."""
    from hyperopt import STATUS_OK, fmin, hp, tpe  # noqa: PLC0415 - 0.8 s, and only here
    from hyperopt.early_stop import no_progress_loss  # noqa: PLC0415

    shape = book.sweep.space.shape
    names = [f"axis{number}" for number in range(len(shape))]
    known = [dict(zip(names, place, strict=True)) for place in book.best(20)]
    most = len(book) + book.aim.trials  # the sampler may propose one or two more

    def loss(choice: dict[str, Any]) -> dict[str, Any]:
        place = tuple(int(choice[name]) for name in names)
        book.add(np.array([place]), up_to=most)
        value = book.value_at(place)
        return {"loss": -value if np.isfinite(value) else 1e12, "status": STATUS_OK}

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
