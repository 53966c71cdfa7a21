"""An optimisation in shards that know nothing of each other: which points a shard scores follows from its number alone.

Where the space is searched whole, all points of all parts stand in one line (part by part: the whole history, then the training
stretch of each walk-forward step) and each shard takes an equal, unbroken piece of it. A search that chooses its points as it
goes cannot be cut: with a walk-forward a shard takes whole parts, without one an equal piece of the sample that the search
begins with, which only the seed decides. Either way the rows are put together by running the study with all of them known:
it finds the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tradewind_api.document.model import StrategyDocument
from tradewind_engine.candles import Candles
from tradewind_engine.optimise.book import Aim, State
from tradewind_engine.optimise.record import Record
from tradewind_engine.optimise.search import first_sample, score_places, score_range, search
from tradewind_engine.optimise.space import Space
from tradewind_engine.optimise.study import Tell, part_name, silent
from tradewind_engine.optimise.sweep import Sweep, SweepSettings
from tradewind_engine.optimise.walk_forward import Kind, stretches, training


@dataclass(frozen=True, slots=True)
class Piece:
    """Points `first` to `last` (not included) of a part, in the order of the space or of the sample."""

    part: int
    first: int
    last: int


def pieces_of(shard: int, shards: int, *, parts: int, size: int, cut: bool) -> list[Piece]:
    """Return what shard number `shard` of `shards` scores: pieces of parts of `size` points, or whole parts if not `cut`.

    >>> pieces_of(1, 2, parts=3, size=4, cut=True)
    [Piece(part=1, first=2, last=4), Piece(part=2, first=0, last=4)]
    >>> pieces_of(1, 2, parts=3, size=10**6, cut=False)
    [Piece(part=1, first=0, last=1000000)]
    """
    if not cut:
        return [Piece(part, 0, size) for part in range(shard, parts, shards)]
    start, stop = shard * parts * size // shards, (shard + 1) * parts * size // shards
    found = [Piece(part, max(start - part * size, 0), min(stop - part * size, size)) for part in range(parts)]
    return [piece for piece in found if piece.first < piece.last]


def work_shard(
    shard: int,
    shards: int,
    document: StrategyDocument,
    space: Space,
    candles: Mapping[str, Candles],
    settings: SweepSettings,
    aim: Aim,
    record: Record,
    *,
    folds: int = 0,
    kind: Kind = "rolling",
    tell: Tell = silent,
) -> None:
    """Score the points of one shard into `record`, but for those that it knows. Raises CandleError as `run_study` does."""
    steps = stretches(candles, folds, kind) if folds else []
    exhaustive = space.size <= aim.budget
    sample = None if exhaustive or steps else first_sample(space, aim)
    size = space.size if sample is None else len(sample)
    for piece in pieces_of(shard, shards, parts=1 + len(steps), size=size, cut=exhaustive or sample is not None):
        shown = training(candles, steps[piece.part - 1]) if piece.part else candles
        sweep = Sweep(document, space, shown, settings)

        def progress(state: State, part: int = piece.part) -> None:
            tell(part_name(part, folds), state)

        if exhaustive:
            score_range(sweep, aim, piece.first, piece.last, progress, record=record, part=piece.part)
        elif sample is not None:
            score_places(sweep, aim, sample[piece.first : piece.last], progress, record=record, part=piece.part)
        else:
            search(sweep, aim, progress, record=record, part=piece.part)
