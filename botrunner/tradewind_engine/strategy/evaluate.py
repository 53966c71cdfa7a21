"""Every node of a document as a series over candles. The one place where documents meet arithmetic."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tradewind_api.document.model import Node, StrategyDocument
from tradewind_api.document.validation import evaluation_order, parameters_of
from tradewind_api.operations import OPERATIONS, PRICES
from tradewind_api.operations.declaration import Operation
from tradewind_engine.candles import Booleans, Candles
from tradewind_engine.operations import RECURSIVE, VECTOR
from tradewind_engine.operations.recursions import PLAIN, Recursions


@dataclass(frozen=True, slots=True)
class Signals:
    """What a document says at the close of each candle, shape (n,), and its series by reference."""

    entry: Booleans
    exit: Booleans
    series: dict[str, Any]


@dataclass(frozen=True, slots=True)
class BoundNode:
    """A node with its arithmetic and parameters, ready for any candles. `names` are the references to its outputs."""

    names: tuple[str, ...]
    inputs: tuple[str, ...]
    operation: Operation
    keywords: dict[str, Any]

    def outputs(self, candles: Candles, series: dict[str, Any]) -> tuple[Any, ...]:
        """Return one array (n,) a name, from `series` that hold the inputs."""
        operation, keywords = self.operation, self.keywords
        inputs = [series[reference] for reference in self.inputs]
        if operation.clock:
            inputs.insert(0, candles.ts)
        if operation.optional_inputs and len(inputs) < len(operation.inputs):
            keywords = dict(keywords)
            inputs.append(np.full(len(candles), float(keywords.pop("value"))))
        result = VECTOR[operation.name](*inputs, **keywords)
        return tuple(result) if operation.outputs else (result,)


def bind(node: Node, recursions: Recursions = PLAIN) -> BoundNode:
    """Return a node of a valid document, bound; `recursions` says how loops are run."""
    operation = OPERATIONS[node.op]
    whole = {p.name for p in operation.parameters if p.integer}
    keywords: dict[str, Any] = {
        name: int(value) if name in whole else value for name, value in parameters_of(node, operation).items()
    }
    if node.op in RECURSIVE:
        keywords["recursions"] = recursions
    names = tuple(f"{node.id}.{output}" for output in operation.outputs) or (node.id,)
    return BoundNode(names, tuple(node.inputs), operation, keywords)


def prices_of(candles: Candles) -> dict[str, Any]:
    """Return the series that every document may refer to."""
    return {name: getattr(candles, name) for name in PRICES}


def evaluate(document: StrategyDocument, candles: Candles, recursions: Recursions = PLAIN) -> Signals:
    """Return the signals of a valid document over `candles`, closed ones only; `recursions` says how loops are run.

    A value at index i depends on candles up to i alone: every operation is causal.
    """
    series = prices_of(candles)
    for node in evaluation_order(document):
        bound = bind(node, recursions)
        series.update(zip(bound.names, bound.outputs(candles, series), strict=True))
    never = np.zeros(len(candles), dtype=np.bool_)
    return Signals(series[document.entry.when], series[document.exit.when] if document.exit else never, series)
