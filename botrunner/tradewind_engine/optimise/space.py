"""Which parameters are tuned: addresses such as `fast.period`, each with its values in order."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tradewind_api.document.errors import DocumentError, InvalidDocumentError
from tradewind_api.document.model import StrategyDocument
from tradewind_api.document.resolve import with_parameters
from tradewind_api.operations import OPERATIONS
from tradewind_engine.candles import Integers

MAX_AXES, MAX_VALUES, MAX_POINTS = 8, 1000, 1_000_000
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


def make_space(document: StrategyDocument, ranges: Mapping[str, tuple[float, float, float]]) -> Space:
    """Return the space of `ranges`: address to (smallest, largest, step).

    Raises:
        InvalidDocumentError: With every address that is unknown and every range that is empty or leaves what is allowed.
    """
    errors: list[DocumentError] = []
    if not 1 <= len(ranges) <= MAX_AXES:
        errors.append(_fault("", f"between 1 and {MAX_AXES} parameters can be tuned, got {len(ranges)}"))
    axes: dict[str, tuple[float, ...]] = {}
    for address, (low, high, step) in ranges.items():
        if not (math.isfinite(low) and math.isfinite(high) and step > 0 and low <= high):
            errors.append(
                _fault(address, f"a range is smallest:largest:step with a step above 0, got {low:g}:{high:g}:{step:g}")
            )
            continue
        count = math.floor((high - low) / step + 1e-9) + 1
        if count > MAX_VALUES:
            errors.append(_fault(address, f"{count} values, at most {MAX_VALUES} are allowed: take a larger step"))
            continue
        axes[address] = tuple(round(low + index * step, 12) for index in range(count))
        for value in {*axes[address][:2], axes[address][-1]}:  # the second one shows a step that does not fit
            try:
                with_parameters(document, {address: value})
            except InvalidDocumentError as exc:
                errors.extend(error for error in exc.errors if error not in errors)
    if errors:
        raise InvalidDocumentError(errors)
    with_parameters(document, {address: values[-1] for address, values in axes.items()})  # the longest lookback of all
    return Space(axes)


def default_ranges(document: StrategyDocument) -> dict[str, tuple[float, float, float]]:
    """Return a range for every parameter that the document sets: from half to twice its value, in steps of the operation."""
    found: dict[str, tuple[float, float, float]] = {}
    for node in document.nodes:
        for parameter in OPERATIONS[node.op].parameters:
            value = node.params.get(parameter.name, parameter.default)
            if value is None or parameter.name in {"start", "end", "first", "last"}:
                continue
            low, high = sorted((value / 2, value * 2)) if value else (parameter.minimum, parameter.maximum)
            low, high = max(low, parameter.minimum), min(high, parameter.maximum)
            step = max(parameter.step, (high - low) / 20)
            if parameter.integer:
                low, step = math.ceil(low), math.ceil(step)
            if high > low:
                found[f"{node.id}.{parameter.name}"] = (low, high, step)
    return dict(itertools.islice(found.items(), MAX_AXES))


def as_rows(ranges: Mapping[str, tuple[float, float, float]]) -> list[dict[str, Any]]:
    """Return ranges as JSON values."""
    return [{"address": a, "min": low, "max": high, "step": step} for a, (low, high, step) in ranges.items()]


def _fault(address: str, message: str) -> DocumentError:
    return DocumentError("", f"parameters.{address}" if address else "parameters", "BadRange", message)
