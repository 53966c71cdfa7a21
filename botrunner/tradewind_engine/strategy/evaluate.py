"""Every node of a document as a series over candles. The one place where documents meet arithmetic over series."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tradewind_api.document.model import Node, StrategyDocument
from tradewind_api.document.validation import evaluation_order, parameters_of, timeframe_of
from tradewind_api.operations import OPERATIONS, PRICES
from tradewind_api.operations.declaration import Operation
from tradewind_engine.candles import Booleans, Candles
from tradewind_engine.operations import LOOPING, VECTOR
from tradewind_engine.operations.loops import PLAIN, Loops
from tradewind_engine.strategy.layers import Grid, Layers

MOST_KEPT = 64  # documents
_KEPT: dict[Any, "tuple[BoundNode, ...]"] = {}


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
    timeframe: str
    keywords: dict[str, Any]

    def outputs(self, layers: Layers) -> tuple[Any, ...]:
        """Return one array a name, over the candles of the node's timeframe, from `layers` that hold the inputs."""
        operation, keywords, candles = self.operation, self.keywords, layers.grid.candles[self.timeframe]
        inputs = [layers.at(reference, self.timeframe) for reference in self.inputs]
        if operation.clock:
            inputs.insert(0, candles.ts)
        if operation.optional_inputs and len(inputs) < len(operation.inputs):
            keywords = dict(keywords)
            inputs.append(np.full(len(candles), float(keywords.pop("value"))))
        result = VECTOR[operation.name](*inputs, **keywords)
        return tuple(result) if operation.outputs else (result,)

    def add_to(self, layers: Layers) -> None:
        """Compute the node and keep its series."""
        for name, values in zip(self.names, self.outputs(layers), strict=True):
            layers.put(name, self.timeframe, values)


def keywords_of(node: Node) -> dict[str, Any]:
    """Return the parameters of a node as its arithmetic takes them: counts of candles as integers."""
    operation = OPERATIONS[node.op]
    whole = {p.name for p in operation.parameters if p.integer}
    return {name: int(value) if name in whole else value for name, value in parameters_of(node, operation).items()}


def names_of(node: Node) -> tuple[str, ...]:
    """Return the references to a node's outputs."""
    return tuple(f"{node.id}.{output}" for output in OPERATIONS[node.op].outputs) or (node.id,)


def bind(node: Node, document: StrategyDocument, loops: Loops = PLAIN) -> BoundNode:
    """Return a node of a valid document, bound; `loops` says how those are run."""
    keywords = keywords_of(node)
    if node.op in LOOPING:
        keywords["loops"] = loops
    return BoundNode(names_of(node), tuple(node.inputs), OPERATIONS[node.op], timeframe_of(node, document), keywords)


def evaluate(document: StrategyDocument, candles: Candles, loops: Loops = PLAIN) -> Signals:
    """Return the signals of a valid document over closed candles of its timeframe; `loops` says how those are run.

    A value at index i depends on candles up to i alone: every operation is causal, and of a longer timeframe only candles
    that have closed are seen.
    """
    layers = layers_of(document, candles, loops)
    leave = layers.own(document.exit.when) if document.exit else np.zeros(len(candles), dtype=np.bool_)
    series = {
        name: layers.own(name) for name in (*PRICES, *(name for bound in _bound(document, loops) for name in bound.names))
    }
    return Signals(layers.own(document.entry.when), leave, series)


def layers_of(document: StrategyDocument, candles: Candles, loops: Loops = PLAIN) -> Layers:
    """Return the series of every node, as `evaluate` takes its signals from."""
    layers = Layers(Grid(document, candles))
    for bound in _bound(document, loops):
        bound.add_to(layers)
    return layers


def said_of(document: StrategyDocument) -> tuple[Any, ...]:
    """Return all that the nodes of a document say, to keep by it what is made of them."""
    said = [(node.id, node.op, tuple(node.inputs), tuple(node.params.items()), node.timeframe) for node in document.nodes]
    return document.timeframe, *said


def _bound(document: StrategyDocument, loops: Loops) -> tuple[BoundNode, ...]:
    """Return the nodes, each after its inputs. Kept by what they say, as each of them is bound anew otherwise."""
    key = loops, said_of(document)
    found = _KEPT.get(key)
    if found is None:
        if len(_KEPT) >= MOST_KEPT:
            _KEPT.clear()
        found = _KEPT[key] = tuple(bind(node, document, loops) for node in evaluation_order(document))
    return found
