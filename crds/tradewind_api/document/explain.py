"""A valid document as an English sentence, made from the model, never the other way round.

Every node is said where it is used, by the phrase of its operation. What gets too long to follow is called by the id of its
node and said at the end, so that a document whose nodes share much stays readable, and short.
"""

from tradewind_api.document.model import Entry, Node, Protect, StrategyDocument
from tradewind_api.document.validation import base_of, evaluation_order, parameters_of
from tradewind_api.operations import OPERATIONS, PRICES

LONGEST_PART, LONGEST = 200, 2000
OTHER = {"and": " or ", "or": " and "}  # what is put in brackets inside


def explain(document: StrategyDocument) -> str:
    """Return what the document does, in one sentence of at most LONGEST characters."""
    said: dict[str, str] = {price: price for price in PRICES}
    named: list[str] = []
    for node in evaluation_order(document):
        said[node.id] = _node(node, document, said)
        if len(said[node.id]) > LONGEST_PART:
            named.append(f"'{node.id}' is {said[node.id]}")
            said[node.id] = f"'{node.id}'"
    parts = [f"On closed {document.timeframe} candles: {_entry(document.entry, said)}"]
    if document.exit:
        parts.append(f"sell when {_said(document.exit.when, said)}")
    parts += _protect(document.protect)
    parts += [f"where {named[0]}", *named[1:]] if named else []
    sentence = "; ".join(parts) + "."
    return sentence if len(sentence) <= LONGEST else f"{sentence[: LONGEST - 4]} ..."


def _said(reference: str, said: dict[str, str]) -> str:
    base, _, output = reference.partition(".")
    return f"the {output} of {said[base]}" if output else said[base]


def _node(node: Node, document: StrategyDocument, said: dict[str, str]) -> str:
    operation = OPERATIONS[node.op]
    values = parameters_of(node, operation)
    inputs = [_said(reference, said) for reference in node.inputs]
    if operation.variadic:
        text = f" {operation.phrase} ".join(f"({text})" if OTHER[operation.phrase] in text else text for text in inputs)
    elif operation.phrase:
        if operation.optional_inputs and len(inputs) < len(operation.inputs):
            inputs.append(f"{values['value']:g}")
        text = operation.phrase.format(*inputs, **{name: f"{value:g}" for name, value in values.items()})
    else:
        text = _plain(node, values, inputs)
    return f"{text} of {node.timeframe} candles" if node.timeframe not in {None, document.timeframe} else text


def _plain(node: Node, values: dict[str, float], inputs: list[str]) -> str:
    """Return name and parameters; the inputs only where they are not prices."""
    name = node.op.upper() if len(node.op) <= 4 and "_" not in node.op else node.op.replace("_", " ")
    shown = f"({', '.join(f'{value:g}' for value in values.values())})" if values else ""
    derived = any(base_of(reference) not in PRICES for reference in node.inputs) or node.inputs in (["volume"], ["open"])
    return f"{name}{shown} of {', '.join(inputs)}" if derived else f"{name}{shown}"


def _entry(entry: Entry, said: dict[str, str]) -> str:
    size = entry.size
    if size.percent_of_equity is not None:
        amount = f"{size.percent_of_equity:g} % of equity"
    elif size.quote is not None:
        amount = f"for {size.quote:g} of quote currency"
    else:
        measure = _said(size.measure or "", said) if size.measure else ""
        amount = f"as much as loses {size.risk_percent:g} % of equity on a fall by {measure}"
    text = f"buy {amount} when {_said(entry.when, said)}"
    if entry.ladder:
        steps, spacing = entry.ladder.steps, entry.ladder.spacing_percent
        text += f", and again up to {steps} times, each {spacing:g} % lower"
        text += f" and {entry.ladder.size_factor:g} times the size" if entry.ladder.size_factor != 1 else ""
    return text


def _protect(protect: Protect) -> list[str]:
    phrases = (
        (protect.stop_loss_percent, "stop at -{:g} %"),
        (protect.take_profit_percent, "take profit at +{:g} %"),
        (protect.trailing_stop_percent, "stop {:g} % below the highest price since the entry"),
        (protect.max_candles_in_trade, "sell after {:g} candles"),
        (protect.cooldown_candles, "rest {:g} candles after a trade"),
    )
    return [phrase.format(value) for value, phrase in phrases if value is not None]
