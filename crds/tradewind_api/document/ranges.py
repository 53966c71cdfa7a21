"""Ranges of parameters to tune, checked against the document: addresses such as `fast.period`, each with its values."""

import math
from collections.abc import Mapping

from tradewind_api.document.errors import DocumentError, InvalidDocumentError
from tradewind_api.document.model import StrategyDocument
from tradewind_api.document.resolve import with_parameters
from tradewind_api.operations import OPERATIONS

MAX_AXES, MAX_VALUES = 8, 1000
POINTS_PER_AXIS = 20
TIMES = frozenset({"time_of_day", "weekday"})
Range = tuple[float, float, float]  # smallest, largest, step


def axes_of(document: StrategyDocument, ranges: Mapping[str, Range]) -> dict[str, tuple[float, ...]]:
    """Return the values of each range, ascending, by address.

    Raises:
        InvalidDocumentError: With every address that is unknown and every range that is empty or leaves what is allowed.
    """
    errors: list[DocumentError] = []
    if not 1 <= len(ranges) <= MAX_AXES:
        errors.append(_fault("", f"between 1 and {MAX_AXES} parameters can be tuned, got {len(ranges)}"))
    axes: dict[str, tuple[float, ...]] = {}
    for address, (low, high, step) in ranges.items():
        if not (all(map(math.isfinite, (low, high, step))) and step > 0 and low <= high):
            message = f"a range is smallest:largest:step with a step above 0, got {low:g}:{high:g}:{step:g}"
            errors.append(_fault(address, message))
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
    return axes


def default_ranges(document: StrategyDocument) -> dict[str, Range]:
    """Return a range for each parameter that the document has, as many as can be tuned: from half to twice its value."""
    found: dict[str, Range] = {}
    for node in document.nodes:
        for parameter in OPERATIONS[node.op].parameters:
            value = node.params.get(parameter.name, parameter.default)
            if value is None or node.op in TIMES or len(found) == MAX_AXES:
                continue
            low, high = sorted((value / 2, value * 2)) if value else (parameter.minimum, parameter.maximum)
            low, high = max(low, parameter.minimum), min(high, parameter.maximum)
            step = max(parameter.step, (high - low) / POINTS_PER_AXIS)
            if parameter.integer:
                low, step = math.ceil(low), math.ceil(step)
            if high > low:
                found[f"{node.id}.{parameter.name}"] = (low, high, step)
    return found


def _fault(address: str, message: str) -> DocumentError:
    return DocumentError("", f"parameters.{address}" if address else "parameters", "BadRange", message)
