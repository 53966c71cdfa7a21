"""All faults of a strategy document at once, and the order in which its nodes are computed.

Total: any JSON value in, a document or a list of faults out, never another exception.
"""

import json
import math
from collections.abc import Generator, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from pydantic import ValidationError

from tradewind_api.document.errors import DocumentError, InvalidDocumentError
from tradewind_api.document.model import (
    MAX_BYTES,
    MAX_HISTORY,
    MAX_LOOKBACK,
    MAX_NODES,
    TIMEFRAME_MS,
    Exit,
    Ladder,
    Node,
    Protect,
    Size,
    StrategyDocument,
)
from tradewind_api.document.shape import part, shape_errors, shaped
from tradewind_api.document.suggestions import Suggestions
from tradewind_api.operations import OPERATIONS, PRICES
from tradewind_api.operations.declaration import Operation, SeriesType


def parse_document(raw: Any) -> StrategyDocument:
    """Return the document in `raw`, a JSON value.

    Raises:
        InvalidDocumentError: With every fault that can be told apart.
    """
    try:
        size = len(json.dumps(raw, separators=(",", ":"), allow_nan=True))
    except (TypeError, ValueError, RecursionError):
        raise InvalidDocumentError([DocumentError("", "", "NotJson", "the document holds values JSON has not")]) from None
    if size > MAX_BYTES:
        message = f"the document takes {size} bytes, at most {MAX_BYTES} are allowed"
        raise InvalidDocumentError([DocumentError("", "", "TooLarge", message)])
    suggest = Suggestions()
    try:
        document = shaped(StrategyDocument, raw)
    except ValidationError as exc:
        raise InvalidDocumentError([*shape_errors(raw, exc, suggest), *_errors_beside(raw, suggest)]) from None
    errors = _errors_of_meaning(document, suggest)
    if errors:
        raise InvalidDocumentError(errors)
    return document


def _errors_of_meaning(document: StrategyDocument, suggest: Suggestions) -> list[DocumentError]:
    """Return what is wrong with the meaning of a well-shaped document."""
    errors = list(_duplicates(document.nodes))
    nodes = {node.id: node for node in document.nodes}
    for node in document.nodes:
        errors.extend(_node_errors(node, nodes, suggest))
        errors.extend(_timeframe_errors(node, nodes, document.timeframe))
    for field, reference, wanted in _sinks(document):
        errors.extend(_reference_errors("", field, reference, nodes, suggest, wanted=wanted))
    errors.extend(_size_errors(document.entry.size))
    errors.extend(_ladder_errors(document.entry.ladder))
    errors.extend(_way_out_errors(document.exit, document.protect))
    errors.extend(_circles(nodes))
    return errors or _lookback_errors(document)


def evaluation_order(document: StrategyDocument) -> list[Node]:
    """Return the nodes so that each stands after its inputs, ties broken by id. Raises CycleError on a cycle."""
    return _ordered({node.id: node for node in document.nodes})


def _ordered(nodes: Mapping[str, Node]) -> list[Node]:
    sorter: TopologicalSorter[str] = TopologicalSorter(
        {key: sorted(base for base in map(base_of, nodes[key].inputs) if base in nodes) for key in sorted(nodes)}
    )
    return [nodes[key] for key in sorter.static_order()]


def base_of(reference: str) -> str:
    """Return the price or node that a reference starts with."""
    return reference.split(".", 1)[0]


def parameters_of(node: Node, operation: Operation) -> dict[str, float]:
    """Return the node's parameters with defaults filled in; a parameter without default and value is left out."""
    defaults = {p.name: p.default for p in operation.parameters if p.default is not None}
    return {**defaults, **node.params}


def lookback_of(document: StrategyDocument) -> int:
    """Return how many closed candles of its timeframe one decision needs, the newest included; for a valid document."""
    return math.ceil(max(_spans(document).values()) / TIMEFRAME_MS[document.timeframe])


def candles_needed(document: StrategyDocument) -> dict[str, int]:
    """Return how many candles of each timeframe one decision reads, for a valid document."""
    return {timeframe: math.ceil(span / TIMEFRAME_MS[timeframe]) for timeframe, span in _spans(document).items()}


def timeframe_of(node: Node, document: StrategyDocument) -> str:
    """Return the timeframe that a node works on."""
    return node.timeframe or document.timeframe


def _spans(document: StrategyDocument) -> dict[str, int]:
    """Return for each timeframe how far before a decision the first of its candles that is read may open, in ms."""
    lengths = dict.fromkeys(PRICES, TIMEFRAME_MS[document.timeframe])
    reach: dict[str, dict[str, int]] = {}

    def seen(reference: str, *, by: int, candles: int) -> dict[str, int]:
        base = base_of(reference)
        # the last longer candle that had closed may have done so almost its length before
        more = (candles - 1) * by + lengths[base] - by
        return {timeframe: more + span for timeframe, span in reach[base].items()}

    for node in evaluation_order(document):
        timeframe, operation = timeframe_of(node, document), OPERATIONS[node.op]
        length, own = TIMEFRAME_MS[timeframe], operation.lookback(parameters_of(node, operation))
        lengths[node.id], reach[node.id] = length, {timeframe: own * length}
        for reference in node.inputs:
            if base_of(reference) not in PRICES:
                _widen(reach[node.id], seen(reference, by=length, candles=own))
    found: dict[str, int] = {}
    for _, reference, _ in _sinks(document):
        by = TIMEFRAME_MS[document.timeframe]
        _widen(found, {document.timeframe: by} if base_of(reference) in PRICES else seen(reference, by=by, candles=1))
    return found


def _widen(spans: dict[str, int], others: Mapping[str, int]) -> None:
    for timeframe, span in others.items():
        spans[timeframe] = max(span, spans.get(timeframe, 0))


def _sinks(document: StrategyDocument) -> list[tuple[str, str, SeriesType]]:
    """Return field, reference and wanted type of what leaves the graph."""
    sinks: list[tuple[str, str, SeriesType]] = [("entry.when", document.entry.when, "boolean")]
    if document.exit:
        sinks.append(("exit.when", document.exit.when, "boolean"))
    if document.entry.size.measure is not None:
        sinks.append(("entry.size.measure", document.entry.size.measure, "number"))
    return sinks


def _size_errors(size: Size) -> Iterable[DocumentError]:
    if sum(value is not None for value in (size.percent_of_equity, size.quote, size.risk_percent)) != 1:
        yield DocumentError("", "entry.size", "ExactlyOne", "set exactly one of percentOfEquity, quote and riskPercent")
    if (size.risk_percent is None) != (size.measure is None):
        yield DocumentError("", "entry.size.measure", "Required", "riskPercent and measure belong together")


def _ladder_errors(ladder: Ladder | None) -> Iterable[DocumentError]:
    if ladder is not None and ladder.steps * ladder.spacing_percent >= 100:
        message = f"the last of {ladder.steps} steps would wait {ladder.steps * ladder.spacing_percent:g} % below the first buy"
        yield DocumentError("", "entry.ladder.spacingPercent", "OutOfRange", message)


def _way_out_errors(way_out: Exit | None, protect: Protect) -> Iterable[DocumentError]:
    by_itself = (
        protect.stop_loss_percent,
        protect.take_profit_percent,
        protect.trailing_stop_percent,
        protect.max_candles_in_trade,
    )
    if way_out is None and all(value is None for value in by_itself):
        yield DocumentError("", "exit", "NoWayOut", "a strategy needs an exit, a stop, a target or a longest stay")


def _duplicates(nodes: Iterable[Node]) -> Iterable[DocumentError]:
    seen: set[str] = set()
    for node in nodes:
        if node.id in seen:
            yield DocumentError(node.id, "id", "Duplicate", f"two nodes are called {node.id!r}")
        if node.id in PRICES:
            yield DocumentError(node.id, "id", "Reserved", f"{node.id!r} is the name of a price")
        seen.add(node.id)


def _node_errors(node: Node, nodes: Mapping[str, Node], suggest: Suggestions) -> Iterable[DocumentError]:
    operation = OPERATIONS.get(node.op)
    if operation is None:
        yield DocumentError(node.id, "op", "UnknownOperation", f"no operation {node.op!r}{suggest(node.op, OPERATIONS)}")
        return
    yield from _parameter_errors(node, operation, suggest)
    fewest, most = len(operation.inputs) - operation.optional_inputs, len(operation.inputs)
    if len(node.inputs) < fewest or (len(node.inputs) > most and not operation.variadic):
        wanted = f"{fewest} or more" if operation.variadic else " or ".join(map(str, range(fewest, most + 1)))
        yield DocumentError(node.id, "in", "InputCount", f"{node.op} takes {wanted} inputs, got {len(node.inputs)}")
    if operation.optional_inputs:
        has_value, has_input = "value" in node.params, len(node.inputs) == most
        if has_value == has_input:
            yield DocumentError(node.id, "in", "InputOrValue", f"{node.op} takes either a second input or `value`")
    for index, reference in enumerate(node.inputs if operation.variadic else node.inputs[:most]):
        wanted_type = operation.inputs[min(index, len(operation.inputs) - 1)]
        yield from _reference_errors(node.id, f"in.{index}", reference, nodes, suggest, wanted=wanted_type)


def _timeframe_errors(node: Node, nodes: Mapping[str, Node], timeframe: str) -> Iterable[DocumentError]:
    own = node.timeframe or timeframe
    if TIMEFRAME_MS[own] % TIMEFRAME_MS[timeframe]:
        message = f"{own} is no whole multiple of the document's {timeframe}"
        yield DocumentError(node.id, "timeframe", "UnfitTimeframe", message)
    for index, reference in enumerate(node.inputs):
        other = nodes.get(base_of(reference))
        theirs = own if other is None else other.timeframe or timeframe
        if TIMEFRAME_MS[theirs] % TIMEFRAME_MS[own]:
            message = (
                f"{reference} works on {theirs}, this node on {own}: a node sees nodes of its own timeframe or whole multiples"
            )
            yield DocumentError(node.id, f"in.{index}", "UnfitTimeframe", message)


def _parameter_errors(node: Node, operation: Operation, suggest: Suggestions) -> Iterable[DocumentError]:
    names = [parameter.name for parameter in operation.parameters]
    for name, value in node.params.items():
        parameter = operation.parameter(name)
        field = f"params.{name}"
        if parameter is None:
            yield DocumentError(node.id, field, "UnknownParameter", f"{node.op} has no {name!r}{suggest(name, names)}")
        elif parameter.integer and not float(value).is_integer():
            yield DocumentError(node.id, field, "NotInteger", f"{name} must be a whole number, got {value:g}")
        elif not parameter.minimum <= value <= parameter.maximum:
            message = f"{name} must be between {parameter.minimum:g} and {parameter.maximum:g}, got {value:g}"
            yield DocumentError(node.id, field, "OutOfRange", message)


def _reference_errors(
    node: str, field: str, reference: str, nodes: Mapping[str, Node], suggest: Suggestions, *, wanted: str
) -> Iterable[DocumentError]:
    base, _, output = reference.partition(".")
    if base in PRICES:
        if output:
            yield DocumentError(node, field, "UnknownOutput", f"{base} is a price and has no output {output!r}")
        elif wanted != "number":
            yield DocumentError(node, field, "WrongType", f"{reference} is a number, a yes-or-no series is needed")
        return
    target = nodes.get(base)
    if target is None:
        hint = suggest(base, [*PRICES, *nodes])
        yield DocumentError(node, field, "UnknownReference", f"nothing is called {base!r}{hint}")
        return
    operation = OPERATIONS.get(target.op)
    if operation is None:
        return  # said at the node itself
    if operation.outputs and output not in operation.outputs:
        message = f"{target.op} gives {', '.join(operation.outputs)}: write for example {base}.{operation.outputs[0]}"
        yield DocumentError(node, field, "UnknownOutput", message)
    elif output and not operation.outputs:
        yield DocumentError(node, field, "UnknownOutput", f"{base} has one output: write {base}")
    elif operation.output != wanted:
        kinds = {"number": "a number", "boolean": "a yes-or-no series"}
        yield DocumentError(node, field, "WrongType", f"{reference} is {kinds[operation.output]}, {kinds[wanted]} is needed")


def _circles(nodes: Mapping[str, Node]) -> Iterable[DocumentError]:
    """Yield each circle that has no node in common with one before it."""
    left = dict(nodes)
    while True:
        try:
            _ordered(left)
        except CycleError as exc:
            circle = exc.args[1]
            message = f"nodes depend on each other in a circle: {' -> '.join(circle)}"
            yield DocumentError(circle[0], "in", "Cycle", message)
            left = {key: node for key, node in left.items() if key not in circle}
        else:
            return


def _lookback_errors(document: StrategyDocument) -> list[DocumentError]:
    errors = []
    for timeframe, count in candles_needed(document).items():
        if count > MAX_LOOKBACK:
            which = "" if timeframe == document.timeframe else f"{timeframe} "
            message = f"one decision needs {count} {which}candles, at most {MAX_LOOKBACK} are allowed: shorten the periods"
            errors.append(DocumentError("", "nodes", "LookbackTooLong", message))
    history = lookback_of(document)
    if not errors and history > MAX_HISTORY:
        message = (
            f"one decision looks {history} {document.timeframe} candles back, at most {MAX_HISTORY} are allowed: "
            "shorten the periods, or take a longer timeframe for the document"
        )
        errors.append(DocumentError("", "nodes", "LookbackTooLong", message))
    return errors


def _errors_beside(raw: Any, suggest: Suggestions) -> Iterable[DocumentError]:
    """Yield what is wrong with the meaning of the well-shaped parts of a document that is not well-shaped as a whole."""
    if not isinstance(raw, dict):
        return
    nodes = yield from _errors_of_nodes(raw, suggest)
    entry: dict[str, Any] = raw["entry"] if isinstance(raw.get("entry"), dict) else {}
    size, ladder = part(Size, entry.get("size")), part(Ladder, entry.get("ladder"))
    way_out, protect = raw.get("exit"), part(Protect, raw.get("protect", {}))
    sinks = [("entry.when", entry.get("when"), "boolean")]
    sinks += [("exit.when", way_out.get("when"), "boolean")] if isinstance(way_out, dict) else []
    sinks += [("entry.size.measure", size.measure, "number")] if size else []
    for field, reference, wanted in sinks:
        if nodes and isinstance(reference, str):
            yield from _reference_errors("", field, reference, nodes, suggest, wanted=wanted)
    if size:
        yield from _size_errors(size)
    yield from _ladder_errors(ladder)
    if way_out is None and protect:
        yield from _way_out_errors(None, protect)
    yield from _circles(nodes)


def _errors_of_nodes(raw: dict[str, Any], suggest: Suggestions) -> Generator[DocumentError, None, dict[str, Node]]:
    """Yield what is wrong with the meaning of well-shaped nodes; return all that have a name, by their names."""
    listed = raw.get("nodes")
    whole: list[Node] = []
    nodes: dict[str, Node] = {}
    for entry in listed[:MAX_NODES] if isinstance(listed, list) else []:
        node = part(Node, entry)
        if node:
            whole.append(node)
        else:
            named = entry.get("id") if isinstance(entry, dict) else None
            node = Node.model_construct(id=str(named), op="", inputs=[], params={})  # may be referred to
        nodes.setdefault(node.id, node)
    timeframe = raw.get("timeframe")
    yield from _duplicates(whole)
    for node in whole:
        yield from _node_errors(node, nodes, suggest)
        if isinstance(timeframe, str) and timeframe in TIMEFRAME_MS:
            yield from _timeframe_errors(node, nodes, timeframe)
    return nodes
