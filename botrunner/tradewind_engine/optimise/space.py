"""The points that a search may look at: one value of each tuned parameter."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from tradewind_api.document.model import StrategyDocument
from tradewind_api.document.ranges import Range, axes_of
from tradewind_engine.optimise.places import Places

Point = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Space:
    """Axes in order: address and its values, ascending. A point has one value an axis; a place has their indices."""

    axes: Mapping[str, tuple[float, ...]]

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses in order."""
        return tuple(self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """How many values each axis has."""
        return tuple(map(len, self.axes.values()))

    @property
    def size(self) -> int:
        """How many points there are."""
        return math.prod(self.shape)

    def point(self, place: Places) -> Point:
        """Return the values at indices `place`, shape (axes,)."""
        return tuple(values[index] for values, index in zip(self.axes.values(), place.tolist(), strict=True))

    def places(self, first: int = 0, last: int | None = None) -> Places:
        """Return the places of the points with numbers from `first` to `last` (not included), shape (n, axes).

        Points are numbered as the last axis runs fastest.
        """
        numbers = np.arange(first, self.size if last is None else last)
        return np.stack(np.unravel_index(numbers, self.shape), axis=1).astype(np.uint16)

    def points(self, places: Places | None = None) -> "Points":
        """Return the points at places, shape (n, axes), of all of the space if none are given; each is made when asked for."""
        return Points(self, places)

    def parameters(self, point: Point) -> dict[str, float]:
        """Return the point as parameters by address."""
        return dict(zip(self.axes, point, strict=True))


@dataclass(frozen=True, slots=True)
class Points(Sequence[Point]):
    """Points that are made when they are asked for. A slice is a list."""

    space: Space
    chosen: Places | None

    def __len__(self) -> int:
        """Return how many there are."""
        return self.space.size if self.chosen is None else len(self.chosen)

    def __iter__(self) -> Iterator[Point]:
        """Yield them in order."""
        return (self[number] for number in range(len(self)))

    @overload
    def __getitem__(self, number: int) -> Point: ...

    @overload
    def __getitem__(self, number: slice) -> list[Point]: ...

    def __getitem__(self, number: int | slice) -> Point | list[Point]:
        """Return one, or a list of those of a slice."""
        if isinstance(number, int):
            found: Point = self[number : number + 1 or None][0]
            return found
        start, stop, step = number.indices(len(self))
        if self.chosen is None:
            places = self.space.places(start, max(start, stop)) if step == 1 else self.space.places()[number]
        else:
            places = self.chosen[number]
        columns = zip(self.space.axes.values(), places.T.tolist(), strict=True)
        return list(zip(*([values[index] for index in column] for values, column in columns), strict=True))


def make_space(document: StrategyDocument, ranges: Mapping[str, Range]) -> Space:
    """Return the space of `ranges` by address. Raises InvalidDocumentError with every fault."""
    return Space(axes_of(document, ranges))
