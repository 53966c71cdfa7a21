"""The points that a search may look at: one value of each tuned parameter."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tradewind_api.document.model import StrategyDocument
from tradewind_api.document.ranges import Range, axes_of
from tradewind_engine.candles import Integers

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

    def point(self, place: Integers) -> Point:
        """Return the values at indices `place`, shape (axes,)."""
        return tuple(values[index] for values, index in zip(self.axes.values(), place.tolist(), strict=True))

    def every_place(self) -> Integers:
        """Return the places of all points, shape (size, axes)."""
        return np.indices(self.shape).reshape(len(self.axes), -1).T.astype(np.int64)

    def parameters(self, point: Point) -> dict[str, float]:
        """Return the point as parameters by address."""
        return dict(zip(self.axes, point, strict=True))


def make_space(document: StrategyDocument, ranges: Mapping[str, Range]) -> Space:
    """Return the space of `ranges` by address. Raises InvalidDocumentError with every fault."""
    return Space(axes_of(document, ranges))
