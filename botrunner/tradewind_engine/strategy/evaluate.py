"""Every node of a document as a series over candles. The one place where documents meet arithmetic."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tradewind_api.document.model import Node, StrategyDocument
from tradewind_api.document.validation import evaluation_order, parameters_of
from tradewind_api.operations import OPERATIONS, PRICES
from tradewind_engine.candles import Booleans, Candles
from tradewind_engine.operations import RECURSIVE, VECTOR
from tradewind_engine.operations.recursions import PLAIN, Recursions


@dataclass(frozen=True, slots=True)
class Signals:
    """What a document says at the close of each candle, shape (n,), and its series by reference."""

    entry: Booleans
    exit: Booleans
    series: dict[str, Any]


def evaluate(document: StrategyDocument, candles: Candles, recursions: Recursions = PLAIN) -> Signals:
    """Return the signals of a valid document over `candles`, closed ones only; `recursions` says how loops are run.

    A value at index i depends on candles up to i alone: every operation is causal.
    """
    series: dict[str, Any] = {name: getattr(candles, name) for name in PRICES}
    for node in evaluation_order(document):
        compute(node, candles, series, recursions)
    never = np.zeros(len(candles), dtype=np.bool_)
    return Signals(series[document.entry.when], series[document.exit.when] if document.exit else never, series)


def compute(node: Node, candles: Candles, series: dict[str, Any], recursions: Recursions = PLAIN) -> None:
    """Add the outputs of `node` to `series`, where its inputs are."""
    operation = OPERATIONS[node.op]
    parameters = parameters_of(node, operation)
    inputs = [series[reference] for reference in node.inputs]
    if operation.clock:
        inputs.insert(0, candles.ts)
    if operation.optional_inputs and len(inputs) < len(operation.inputs):
        inputs.append(np.full(inputs[0].size, float(parameters.pop("value"))))
    whole = {p.name for p in operation.parameters if p.integer}
    keywords: dict[str, Any] = {name: int(v) if name in whole else v for name, v in parameters.items()}
    if node.op in RECURSIVE:
        keywords["recursions"] = recursions
    result = VECTOR[node.op](*inputs, **keywords)
    if operation.outputs:
        for output, values in zip(operation.outputs, result, strict=True):
            series[f"{node.id}.{output}"] = values
    else:
        series[node.id] = result
